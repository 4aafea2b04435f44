"""Descriptions of alarms: DescribeAlarms returns all that PutMetricAlarm and PutCompositeAlarm were given.

Restores the MetricAlarm and CompositeAlarm types of the CloudWatch API Reference. Stock forgets metric math queries,
the actions on INSUFFICIENT_DATA and the percentile setting of form-encoded requests, gives every alarm a Statistic
and a Period, and answers form-encoded requests (Terraform's provider up to 6.49) with ten of some thirty fields, so
that every plan shows a difference.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from local.emulator.patching import wrap
from local.emulator.settings import Settings

_NUMBERS = {"Period": int, "EvaluationPeriods": int, "DatapointsToAlarm": int, "Threshold": float}
_HIDDEN = {"Tags"}


def apply(_settings: Settings) -> None:
    wrap(cloudwatch, "_put_metric_alarm", _put_metric_alarm)
    wrap(cloudwatch, "_describe_alarms", _describe_alarms)


def _put_metric_alarm(stock: Any, params: dict[str, Any], typed: dict[str, Any], is_cbor: bool, is_json: bool) -> Any:
    asked = typed if is_cbor or is_json else _form_tree(params)
    name = asked.get("AlarmName", "")
    before = cloudwatch._alarms.get(name)
    # Stock evaluates the alarm before we can complete it: nothing to evaluate yet, the clock does it soon.
    answer = stock(params, typed, is_cbor, is_json)
    alarm = cloudwatch._alarms.get(name)
    if alarm is None or alarm is before:
        return answer
    for optional in ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile", "InsufficientDataActions"):
        if asked.get(optional):
            alarm[optional] = asked[optional]
    for defaulted in ("Statistic", "Period", "MetricName", "Namespace", "Threshold"):
        if asked.get(defaulted) in (None, ""):
            alarm.pop(defaulted, None)
    if alarm.get("Metrics"):
        alarm.pop("Dimensions", None)
    return answer


def _describe_alarms(stock: Any, params: dict[str, Any], typed: dict[str, Any], is_cbor: bool, is_json: bool) -> Any:
    if is_cbor or is_json:
        return stock(params, typed, is_cbor, is_json)
    asked = _form_tree(params)
    status, _headers, body = stock({}, asked, False, True)
    if status != 200:
        return stock(params, typed, is_cbor, is_json)
    described = json.loads(body)
    inner = "".join(_element(name, described.get(name)) for name in ("MetricAlarms", "CompositeAlarms", "NextToken"))
    return cloudwatch._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{inner}</DescribeAlarmsResult>")


def _form_tree(params: dict[str, Any]) -> dict[str, Any]:
    """``Metrics.member.1.MetricStat.Metric.Namespace=x`` and its like as the tree that JSON would have carried."""
    tree: dict[str, Any] = {}
    for path, values in params.items():
        node, steps = tree, path.split(".")
        for step in steps[:-1]:
            node = node.setdefault(step, {})
        node[steps[-1]] = values[0] if isinstance(values, list) else values
    return {name: _unfold(name, value) for name, value in tree.items()}


def _unfold(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"member"}:
            members = value["member"]
            return [_unfold("", members[index]) for index in sorted(members, key=int)]
        return {inner: _unfold(inner, child) for inner, child in value.items()}
    if name in _NUMBERS:
        return _NUMBERS[name](value)
    return {"true": True, "false": False}.get(value, value) if name in ("ReturnData", "ActionsEnabled") else value


def _element(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        shown = {k: v for k, v in value.items() if k not in _HIDDEN and not k.startswith("_")}
        text = "".join(_element(k, v) for k, v in shown.items())
    elif isinstance(value, list):
        text = "".join(_element("member", member) for member in value)
    elif name.endswith("Timestamp") and isinstance(value, int | float):
        text = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        text = escape(str(value))
    return f"<{name}>{text}</{name}>"
