"""Order of queues: a queue and its dead-letter queue may be created at the same time.

Terraform's provider takes 25 s for every queue, so two that wait for each other take 50 s of every start. Here
CreateQueue waits for the dead-letter queue that it names, and then answers as "RedrivePolicy" (SQS API Reference)
says; AWS refuses at once where the dead-letter queue does not exist yet, which is why the root module orders the two
there. A convenience, no restored behaviour: what AWS accepts is accepted, and what never exists is refused.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from ministack.services import sqs

from local.emulator.patching import wrap
from local.emulator.settings import Settings

PATIENCE_SECONDS = 10


def apply(_settings: Settings) -> None:
    wrap(sqs, "_dispatch", _dispatch)


async def _dispatch(stock: Any, action: str, data: dict[str, Any], url: str) -> Any:
    target = _dead_letter_queue(data) if action == "CreateQueue" else None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while target and sqs._queue_by_arn(target) is None and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return await stock(action, data, url)


def _dead_letter_queue(data: dict[str, Any]) -> str | None:
    try:
        policy = json.loads((data.get("Attributes") or {}).get("RedrivePolicy") or "{}")
        target = policy.get("deadLetterTargetArn")
        sqs.parse_arn(target)
    except (ValueError, TypeError, AttributeError):
        return None  # stock says what is wrong with it
    return str(target)
