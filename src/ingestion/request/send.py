"""Carry out a request plan: every message on the queue, or an error that says how many are not."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import TransientFailure
from core.ports import Log, Metrics, Queue
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
    metrics.add("PointsExpected", plan.expected)
    waiting = [message.to_data() for message in plan.messages]
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(FIRST_PAUSE * 2 ** (attempt - 1))
        refused = queue.send(waiting) if waiting else []
        waiting = [waiting[index] for index in refused]
        if not waiting:
            break
    else:
        raise TransientFailure(
            "request points",
            f"{dataset} {iso(plan.slot)}",
            f"the queue refused {len(waiting)} of {len(plan.messages)} messages {ATTEMPTS} times",
            "The auditor fetches what is missing; look at the queue's health if it stays",
        )
    told = {"dataset": dataset, "slot": iso(plan.slot), "expected": plan.expected}
    if plan.left_out:
        log.warning("the fault switch left out an entity", **told, entity=plan.left_out)
    log.info("points requested", **told, messages=len(plan.messages))
