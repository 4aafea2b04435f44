"""AWS/Lambda metrics of every invocation, by whatever service.

Restores "Types of metrics for Lambda functions" (Lambda Developer Guide): Invocations, Errors and Duration are counted
for invocations by event source mappings, Step Functions, schedules and S3 as for the Invoke call, and a throttled
request counts under Throttles and not under Invocations. Stock counts only Invoke calls.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from local.emulator.patching import wrap
from local.emulator.settings import Settings


def apply(_settings: Settings) -> None:
    wrap(lambda_svc, "_execute_function_dispatch", _count)
    wrap(lambda_svc, "_emit_lambda_metrics", _count_throttle_only)


def _count(stock: Any, function: Any, config: dict[str, Any], *args: Any) -> Any:
    started = time.monotonic()
    result = stock(function, config, *args)
    dimensions = {"FunctionName": config.get("FunctionName", "unknown")}
    failed = bool(isinstance(result, dict) and result.get("error"))
    milliseconds = (time.monotonic() - started) * 1000
    cloudwatch.record_metric("AWS/Lambda", "Invocations", 1, "Count", dimensions)
    cloudwatch.record_metric("AWS/Lambda", "Errors", float(failed), "Count", dimensions)
    cloudwatch.record_metric("AWS/Lambda", "Throttles", 0, "Count", dimensions)
    cloudwatch.record_metric("AWS/Lambda", "Duration", milliseconds, "Milliseconds", dimensions)
    return result


def _count_throttle_only(
    _stock: Any, function_name: str, duration_ms: float, throttle: bool = False, **_outcome: bool
) -> None:
    # Stock tells of one throttled Invoke twice: where the slot was refused (no duration), then from the call itself.
    if throttle and duration_ms == 0:
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})
