"""A dead-letter queue: read its messages, and send them back to the queue that they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aws.failures import reaching
from core.errors import StarmendError

AT_ONCE = 10  # ReceiveMessage's limit, and ChangeMessageVisibilityBatch's
MOST = 200  # messages that are read at once
EVERYWHERE = 1  # second: an answer without one is of some of SQS's servers, and may be empty while messages lie there
STALE = 3  # full answers in a row that hold nothing new: what is hidden for no time is given again and again
HIDDEN_SECONDS = 30  # from other readers, while they are sent, should nothing show them again


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message as it was received last; ``name`` is a hash of its body."""

    name: str
    body: str
    receipt: str


class SqsDeadLetters:
    """``auditor.services.DeadLetterQueue`` over SQS."""

    def __init__(self, client: Any, url: str, back_to: str) -> None:
        self._client = client
        self._url = url
        self._back_to = back_to

    def peek(self) -> Mapping[str, str]:
        # Hidden for no time, for a redrive that follows at once would not see them.
        return {letter.name: letter.body for letter in self._receive(hidden=0)}

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        """Sent first, deleted then: a crash in between costs a repetition, which changes nothing.

        Of messages with one body one is sent and all are deleted, for those that stayed would seem to have come back.
        What does not move is shown to all readers again at once: who saw an empty queue meanwhile, another audit or the
        queue's alarm, would say that all is over.
        """
        received = self._receive(hidden=HIDDEN_SECONDS)
        wanted: dict[str, list[_Letter]] = {}
        for letter in received:
            if letter.name in messages:
                wanted.setdefault(letter.name, []).append(letter)
        self._show(letter for letter in received if letter.name not in wanted)
        moved: set[str] = set()
        try:
            for name, copies in wanted.items():
                self._move(copies)
                moved.add(name)
        finally:
            self._show(letter for name, copies in wanted.items() if name not in moved for letter in copies)
        return moved

    def _move(self, copies: Collection[_Letter]) -> None:
        with reaching("redrive message", self._url):
            self._client.send_message(QueueUrl=self._back_to, MessageBody=next(iter(copies)).body)
            for letter in copies:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)

    def _show(self, letters: Iterable[_Letter]) -> None:
        """Hide them no longer; where that fails they are shown when their time is over."""
        rest = iter(letters)
        while batch := list(islice(rest, AT_ONCE)):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(batch)
            ]
            with suppress(StarmendError), reaching("show dead letters", self._url):
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def _receive(self, *, hidden: int) -> list[_Letter]:
        letters: dict[str, _Letter] = {}
        stale = 0
        while len(letters) < MOST:
            with reaching("receive dead letters", self._url):
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=AT_ONCE,
                    VisibilityTimeout=hidden,
                    WaitTimeSeconds=EVERYWHERE,
                )
            messages = {message["MessageId"]: message for message in answer.get("Messages", [])}
            stale = 0 if messages.keys() - letters.keys() else stale + 1
            for number, message in messages.items():
                name = hashlib.sha256(message["Body"].encode()).hexdigest()[:32]
                letters[number] = _Letter(name, message["Body"], message["ReceiptHandle"])
            if stale and (len(messages) < AT_ONCE or stale == STALE):
                break
        return list(letters.values())
