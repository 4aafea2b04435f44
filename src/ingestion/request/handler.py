"""The request Lambda: a schedule's ``{"dataset": "quotes", "time": "<scheduled time>"}`` becomes queue messages."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from aws.clients import Clients
from aws.log import function_log
from aws.metrics import LogMetrics
from aws.queue import SqsQueue
from aws.settings import Settings
from core.ports import Log
from core.time import epoch
from ingestion.request.plan import plan_requests
from ingestion.request.send import send_requests


@cache
def build_runtime() -> tuple[Settings, SqsQueue, Log]:
    """The settings of this container, its queue and its log."""
    settings = Settings.from_environment()
    return settings, SqsQueue(Clients()("sqs"), settings.request_queue_url), function_log()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The number of points expected and of messages sent, and the entity that was left out on purpose."""
    settings, queue, log = build_runtime()
    dataset = str(event["dataset"])
    feed = settings.contracts.feed(dataset)
    calendar = settings.contracts.calendar(feed.calendar)
    plan = plan_requests(dataset, feed, calendar, time=epoch(event["time"]), drop_seed=settings.drop_one_entity)
    metrics = LogMetrics(settings.project, settings.environment, dataset)
    try:
        send_requests(plan, dataset=dataset, queue=queue, metrics=metrics, log=log, sleep=time.sleep)
    finally:
        metrics.flush()
    return {"expected": plan.expected, "messages": len(plan.messages), "left_out": plan.left_out}
