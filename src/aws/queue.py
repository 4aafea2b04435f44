"""Messages to one SQS queue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws.failures import ItemRefusal, reaching, to_offer_again

_SEND_AT_ONCE = 10  # SendMessageBatch's limit


class SqsQueue:
    """``core.ports.Queue`` over SQS.

    ``group`` is the field of messages whose value is their group, for a FIFO queue: of each group SQS hands out one
    batch at a time, in order. The queue itself tells what was sent twice, by its content.
    """

    def __init__(self, client: Any, url: str, *, group: str = "") -> None:
        self._client = client
        self._url = url
        self._group = group

    def send(self, messages: Sequence[Mapping[str, object]]) -> Sequence[int]:
        refused: list[ItemRefusal] = []
        for start in range(0, len(messages), _SEND_AT_ONCE):
            entries = [
                {"Id": str(index), "MessageBody": json.dumps(message), **self._group_of(message)}
                for index, message in enumerate(messages[start : start + _SEND_AT_ONCE], start)
            ]
            with reaching("send messages", self._url):
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            refused += [
                ItemRefusal(
                    int(entry["Id"]), entry.get("Code", ""), entry.get("Message", ""), entry.get("SenderFault", False)
                )
                for entry in answer.get("Failed", [])
            ]
        return to_offer_again("send messages", self._url, refused, grant="sqs:SendMessage")

    def _group_of(self, message: Mapping[str, object]) -> dict[str, str]:
        return {"MessageGroupId": str(message[self._group])} if self._group else {}
