"""CreateQueue waits for the dead-letter queue that it names, and only for that."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from ministack.services import sqs

from local.emulator.patches import queue_order

DEAD = "arn:aws:sqs:us-east-1:000000000000:late-dead"
ASKED = {
    "QueueName": "late",
    "Attributes": {"RedrivePolicy": json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": 3})},
}


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    yield
    sqs.reset()


def test_a_queue_may_be_made_before_its_dead_letter_queue() -> None:
    async def both() -> tuple[dict[str, Any], dict[str, Any]]:
        first = asyncio.create_task(queue_order._dispatch(sqs._dispatch, "CreateQueue", ASKED, ""))
        await asyncio.sleep(0)  # the first has asked before the second begins
        second = await queue_order._dispatch(sqs._dispatch, "CreateQueue", {"QueueName": "late-dead"}, "")
        return await first, second

    queue, dead = asyncio.run(both())
    assert queue["QueueUrl"].endswith("/late")
    assert dead["QueueUrl"].endswith("/late-dead")


def test_a_dead_letter_queue_that_never_comes_is_refused_as_on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_order, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(Exception, match="RedrivePolicy"):
        asyncio.run(queue_order._dispatch(sqs._dispatch, "CreateQueue", ASKED, ""))


def test_a_policy_that_is_none_is_refused_at_once() -> None:
    asked = {"QueueName": "x", "Attributes": {"RedrivePolicy": "[]"}}
    with pytest.raises(Exception, match="RedrivePolicy"):
        asyncio.run(queue_order._dispatch(sqs._dispatch, "CreateQueue", asked, ""))
