"""Metrics out of logs: the embedded metric format, and metric filters.

Restores "Embedding metrics within logs" (CloudWatch User Guide, EMF specification) and "Creating metrics from log
events using filters" (CloudWatch Logs User Guide). Stock stores the filters and ignores both.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

from local.emulator.patches.metrics.log_patterns import field, matcher
from local.emulator.patching import wrap
from local.emulator.settings import Settings

log = logging.getLogger("starmend.log-metrics")


def apply(_settings: Settings) -> None:
    wrap(logs, "_fanout_to_subscription_filters", _fan_out)


def _fan_out(stock: Any, group: str, stream: str, events: list[dict[str, Any]]) -> None:
    filters = [f for (owner, _), f in list(logs._metric_filters.items()) if owner == group]
    for event in events:
        message = event.get("message", "")
        try:
            if '"_aws"' in message:
                _embedded(message)
            for metric_filter in filters:
                _filtered(metric_filter, message)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("no metric from %r: %s", message[:200], error)  # as on AWS: a log line is never refused for it
    stock(group, stream, events)


def _embedded(message: str) -> None:
    document = json.loads(message[message.index("{") :])
    at = document["_aws"].get("Timestamp", time.time() * 1000) / 1000
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    _record(directive["Namespace"], metric["Name"], value, metric.get("Unit", "None"), dimensions, at)


def _filtered(described: dict[str, Any], message: str) -> None:
    document = matcher(described["filterPattern"])(message)
    if document is None:
        return
    for transformation in described["metricTransformations"]:
        wanted = str(transformation["metricValue"])
        value = field(document, wanted) if wanted.startswith("$") else wanted
        if value is None:
            continue
        dimensions = {k: str(field(document, v)) for k, v in (transformation.get("dimensions") or {}).items()}
        name, unit = transformation["metricName"], transformation.get("unit", "None")
        _record(transformation["metricNamespace"], name, float(value), unit, dimensions, time.time())


def _record(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str], at: float) -> None:
    cloudwatch._store_datum(namespace, name, dimensions, at, unit, float(value), None, None, None)
