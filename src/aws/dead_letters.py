"""A dead-letter queue looked into, and its messages sent back to the queue that they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from aws.failures import reaching

AT_ONCE = 10  # ReceiveMessage's limit
MOST = 200  # messages that one look takes
HIDDEN_SECONDS = 30  # while they are looked at; then they are there again


class SqsDeadLetters:
    """``auditor.services.DeadLetterQueue`` over SQS."""

    def __init__(self, client: Any, url: str, back_to: str) -> None:
        self._client = client
        self._url = url
        self._back_to = back_to

    def peek(self) -> Mapping[str, str]:
        # Hidden for no time: a redrive that follows at once would not see them.
        return {name: body for name, (body, _) in self._receive(hidden=0).items()}

    def redrive(self, messages: Collection[str]) -> int:
        """Sent first, deleted then: a crash in between costs a repetition, which changes nothing."""
        found = self._receive(hidden=HIDDEN_SECONDS)
        moved = 0
        for name in set(messages) & found.keys():
            body, receipt = found[name]
            with reaching("redrive message", self._url):
                self._client.send_message(QueueUrl=self._back_to, MessageBody=body)
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
            moved += 1
        return moved

    def _receive(self, *, hidden: int) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        while len(found) < MOST:
            with reaching("receive dead letters", self._url):
                answer = self._client.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=hidden, WaitTimeSeconds=0
                )
            fresh = {
                hashlib.sha256(one["Body"].encode()).hexdigest()[:32]: (one["Body"], one["ReceiptHandle"])
                for one in answer.get("Messages", [])
            }
            if not fresh.keys() - found.keys():
                return found
            found |= fresh
        return found
