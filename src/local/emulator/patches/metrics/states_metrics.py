"""AWS/States metrics of every state machine.

Restores "Monitoring Step Functions metrics using Amazon CloudWatch" (Step Functions Developer Guide):
ExecutionsStarted, -Succeeded, -Failed, -TimedOut and -Aborted by StateMachineArn, and ExecutionTime in milliseconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ministack.services import cloudwatch, stepfunctions

from local.emulator.patching import wrap
from local.emulator.settings import Settings

_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def apply(_settings: Settings) -> None:
    wrap(stepfunctions, "_emit_execution_status_event", _count)


def _count(stock: Any, execution: dict[str, Any]) -> None:
    stock(execution)
    metric = _METRICS.get(execution["status"])
    if metric is None:
        return
    dimensions = {"StateMachineArn": execution["stateMachineArn"]}
    cloudwatch.record_metric("AWS/States", metric, 1, "Count", dimensions)
    if execution.get("stopDate"):
        started, stopped = (datetime.fromisoformat(execution[name]) for name in ("startDate", "stopDate"))
        milliseconds = (stopped - started).total_seconds() * 1000
        cloudwatch.record_metric("AWS/States", "ExecutionTime", milliseconds, "Milliseconds", dimensions)
