"""Sends the messages of a request plan to the queue: all of them, or an error says how many are not there."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import TransientFailure
from core.metrics import POINTS_EXPECTED
from core.ports import Log, Metrics, Queue
from core.sending import send_until_taken
from core.time import iso
from ingestion.request.plan import RequestPlan

ATTEMPTS = 4
FIRST_PAUSE = 0.2


def send_requests(
    plan: RequestPlan, *, dataset: str, queue: Queue, metrics: Metrics, log: Log, sleep: Callable[[float], None]
) -> None:
    """Send, and send again only what the queue did not take.

    Raises ``TransientFailure`` where some stay refused. What was sent stays sent: a second run asks twice for some
    points, which are one row each.
    """
    # A metric costs by the hour in which it is written, and silence says the same of a closed exchange.
    if plan.expected:
        metrics.add(POINTS_EXPECTED, plan.expected)

    def pause(attempt: int) -> bool:
        sleep(FIRST_PAUSE * 2 ** (attempt - 1))
        return True

    messages = [message.to_data() for message in plan.messages]
    sent = send_until_taken(queue.send, messages, attempts=ATTEMPTS, pause=pause)
    if sent.refused:
        raise TransientFailure(
            "request points",
            f"{dataset} {iso(plan.slot)}",
            f"the queue refused {len(sent.refused)} of {len(messages)} messages {ATTEMPTS} times",
            "The auditor fetches what is missing; look at the queue's health if it stays",
        )
    fields = {"dataset": dataset, "slot": iso(plan.slot), "expected": plan.expected}
    if plan.left_out:
        log.warning("the fault switch left out an entity", **fields, entity=plan.left_out)
    log.info("points requested", **fields, messages=len(messages))
