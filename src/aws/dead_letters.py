"""A dead-letter queue: read its messages, and send them back to the queue that they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from aws.failures import reaching

AT_ONCE = 10  # ReceiveMessage's limit
MOST = 200  # messages that are read at once
EVERYWHERE = 1  # second: an answer without one is of some of SQS's servers, and may be empty while messages lie there
HIDDEN_SECONDS = 30  # from other readers, while they are sent; then they can be read again


class SqsDeadLetters:
    """``auditor.services.DeadLetterQueue`` over SQS."""

    def __init__(self, client: Any, url: str, back_to: str) -> None:
        self._client = client
        self._url = url
        self._back_to = back_to

    def peek(self) -> Mapping[str, str]:
        # Hidden for no time, for a redrive that follows at once would not see them.
        return {name: body for name, (body, _) in self._receive(hidden=0).items()}

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        """Sent first, deleted then: a crash in between costs a repetition, which changes nothing."""
        received = self._receive(hidden=HIDDEN_SECONDS)
        moved: set[str] = set()
        for name in set(messages) & received.keys():
            body, receipt = received[name]
            with reaching("redrive message", self._url):
                self._client.send_message(QueueUrl=self._back_to, MessageBody=body)
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
            moved.add(name)
        return moved

    def _receive(self, *, hidden: int) -> dict[str, tuple[str, str]]:
        messages: dict[str, tuple[str, str]] = {}
        while len(messages) < MOST:
            with reaching("receive dead letters", self._url):
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=AT_ONCE,
                    VisibilityTimeout=hidden,
                    WaitTimeSeconds=EVERYWHERE,
                )
            fresh = {
                hashlib.sha256(message["Body"].encode()).hexdigest()[:32]: (message["Body"], message["ReceiptHandle"])
                for message in answer.get("Messages", [])
            }
            if not fresh.keys() - messages.keys():
                return messages
            messages |= fresh
        return messages
