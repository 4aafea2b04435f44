"""Evaluation of alarms: all the time, on their own dimensions, with missing data treated as each alarm says.

Restores "Using Amazon CloudWatch alarms" (CloudWatch User Guide), sections "Alarm evaluation" and "Configuring how
alarms treat missing data" with its two tables: M of N datapoints, ``missing``, ``ignore``, ``breaching`` and
``notBreaching``; metric math; actions on each change of state, of topics and of functions ("Invoke a Lambda function
from an alarm"), of those that let CloudWatch in. Stock knows topics alone, evaluates only when somebody puts a metric,
over the points of every dimension together, and never where data are missing. Each account and region has its own.

Differences that remain: periods end now instead of at full minutes (a breach shows at once), the range of N periods is
not extended into the past to make up for gaps, and ``alarm_scale`` may shorten periods.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch, lambda_svc, sqs

from local.emulator.patches import service_calls
from local.emulator.patches.metrics import metric_math, queue_metrics
from local.emulator.patches.metrics.metric_math import Value
from local.emulator.patching import wrap
from local.emulator.settings import Settings

log = logging.getLogger("starmend.alarms")
_scale = 1.0
_evaluating = threading.RLock()
_invoking = ThreadPoolExecutor(
    1, "alarm-actions"
)  # a new deployment's alarms are all OK at once: no container for each
_state_began: dict[str, str] = {}  # by an alarm's ARN: when the state that it is in began

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def apply(settings: Settings) -> None:
    global _scale
    _scale = settings.alarm_scale
    wrap(cloudwatch, "_evaluate_alarm", _evaluate)
    wrap(cloudwatch, "_evict_old_metrics", _evict_old_metrics)
    wrap(cloudwatch, "_dispatch_alarm_actions", _act)
    threading.Thread(target=_clock, args=(settings.alarm_seconds,), daemon=True, name="alarm-clock").start()


def _clock(seconds: float) -> None:
    while True:
        time.sleep(seconds)
        for account, region in _places():
            try:
                with request_scope(account, region):
                    _round()
            except Exception:  # the clock goes on, whatever one round of it meets
                log.exception("a round of alarm evaluation failed")


def _places() -> set[tuple[str, str]]:
    """Every account and region that has an alarm or a queue: each is evaluated by itself."""
    stores = (cloudwatch._alarms, sqs._queues)
    return {(account, region) for store in stores for (account, region, _), _ in store.all_items()}


def _round() -> None:
    queue_metrics.publish()
    for alarm in list(cloudwatch._alarms.values()):
        _evaluate(None, alarm)


def _act(stock: Any, alarm: dict[str, Any], old: str, new: str, why: str) -> None:
    """The actions of a change of state; a function gets both states, when each began, and what the alarm is about."""
    began, now = _state_began.get(alarm["AlarmArn"], ""), cloudwatch._ts_iso(time.time())
    _state_began[alarm["AlarmArn"]] = now
    field = {"ALARM": "AlarmActions", "OK": "OKActions"}.get(new, "InsufficientDataActions")
    enabled = alarm.get("ActionsEnabled", True)
    targets = [arn for arn in alarm.get(field) or [] if enabled and service_calls.alarm_may_act(arn, alarm["AlarmArn"])]
    stock({**alarm, field: targets}, old, new, why)
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": get_account_id(),
        "region": get_region(),
        "time": now,
        "alarmData": {
            "alarmName": alarm["AlarmName"],
            "state": {"value": new, "reason": why, "timestamp": now},
            "previousState": {"value": old, "timestamp": began},
            "configuration": {"description": alarm.get("AlarmDescription") or ""},
        },
    }
    for arn in targets:
        if ":lambda:" in arn:
            function, settings, _ = lambda_svc._get_func_record_for_ref(arn)
            if function and settings:
                record = lambda_svc._execution_record_for_config(function, settings)
                _invoking.submit(lambda_svc._execute_function_with_config_scope, record, event)


def _evict_old_metrics(_stock: Any) -> None:
    """Drop what is older than two weeks, in place: stock replaces the lists that other threads append to."""
    cutoff = time.time() - cloudwatch.TWO_WEEKS_SECONDS
    for points in list(cloudwatch._metrics.values()):
        while points and points[0]["Timestamp"] < cutoff:
            del points[0]


def _evaluate(_stock: Any, alarm: dict[str, Any]) -> None:
    if not alarm.get("MetricName") and not alarm.get("Metrics"):
        return  # stock evaluates while it stores an alarm, when it does not know its metric math yet
    with _evaluating:
        if cloudwatch._alarms.get(alarm["AlarmName"]) is not alarm:
            return
        try:
            values = datapoints(alarm, time.time())
        except ValueError as error:
            log.warning("%s: %s", alarm["AlarmName"], error)
            return
        _move(alarm, state_of(alarm, values), values)


def datapoints(alarm: dict[str, Any], now: float) -> list[Value]:
    """The statistic of each of the alarm's periods, the oldest first; None where nothing was measured."""
    count = int(alarm.get("EvaluationPeriods") or 1)
    queries = {query["Id"]: query for query in alarm.get("Metrics") or []}
    if not queries:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return _measured(alarm, statistic, float(alarm.get("Period") or 60), count, now)
    watched = next(query["Id"] for query in queries.values() if query.get("ReturnData", True))
    period = max(float(q.get("Period") or q.get("MetricStat", {}).get("Period") or 60) for q in queries.values())
    return _queried(watched, queries, period, count, now)


def _queried(wanted: str, queries: dict[str, Any], period: float, count: int, now: float) -> list[Value]:
    query = queries[wanted]
    if stat := query.get("MetricStat"):
        return _measured(stat["Metric"], stat["Stat"], float(stat.get("Period") or period), count, now)
    expression = query["Expression"]
    series = {name: _queried(name, queries, period, count, now) for name in metric_math.names(expression)}
    return metric_math.evaluate(expression, series, count)


def _measured(metric: dict[str, Any], statistic: str, period: float, count: int, now: float) -> list[Value]:
    dimensions = {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions") or []}
    key = (metric["Namespace"], metric["MetricName"], cloudwatch._dims_key(dimensions))
    length = period * _scale
    buckets: list[list[Any]] = [[] for _ in range(count)]
    for point in _since(cloudwatch._metrics.get(key) or [], now - length * count - 1):
        age = int((now - point["Timestamp"]) / length) if point["Timestamp"] <= now else 0
        if age < count:
            buckets[count - 1 - age].append(point)
    return [cloudwatch._stat_value(cloudwatch._calc_stats(b), statistic, b) if b else None for b in buckets]


_sorted: dict[int, tuple[Any, int]] = {}  # by the list's id: its first point, and how many points are in order


def _since(points: list[dict[str, Any]], start: float) -> list[dict[str, Any]]:
    """The points from a time on, and others where they came in no order: each round looks at hours of points else."""
    here = list(points)
    first, known = _sorted.get(id(points), (None, 0))
    if not here or here[0] is not first or known > len(here):
        known = min(len(here), 1)
    while 0 < known < len(here) and here[known - 1]["Timestamp"] <= here[known]["Timestamp"]:
        known += 1
    if here:
        _sorted[id(points)] = here[0], known
    return here[bisect_left(here, start, hi=known, key=lambda point: float(point["Timestamp"])) :]


def state_of(alarm: dict[str, Any], values: Sequence[Value]) -> str:
    """The state that these datapoints mean, by the tables of "Configuring how alarms treat missing data"."""
    treatment = alarm.get("TreatMissingData") or "missing"
    needed = int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 1)
    compare = _COMPARISONS[alarm["ComparisonOperator"]]
    known = [compare(value, float(alarm.get("Threshold") or 0)) for value in values if value is not None]
    breaching = sum(known) + (len(values) - len(known) if treatment == "breaching" else 0)
    if breaching >= needed:
        return "ALARM"
    if treatment in ("breaching", "notBreaching") or not all(known):
        return "OK"
    if treatment == "ignore":
        return str(alarm["StateValue"])
    return "ALARM" if known else "INSUFFICIENT_DATA"


def _move(alarm: dict[str, Any], new: str, values: Sequence[Value]) -> None:
    old = alarm["StateValue"]
    if new == old:
        return
    shown = ", ".join("missing" if value is None else f"{value:g}" for value in values)
    crossed = "Threshold Crossed" if new != "INSUFFICIENT_DATA" else "Insufficient Data"
    why = f"{crossed}: datapoints [{shown}], {alarm.get('ComparisonOperator')} {alarm.get('Threshold')}"
    now = int(time.time())
    alarm.update(StateValue=new, StateReason=why, StateUpdatedTimestamp=now, StateTransitionedTimestamp=now)
    cloudwatch._record_history(alarm["AlarmName"], old, new, why)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, why)
    cloudwatch._evaluate_parent_alarms(alarm)
