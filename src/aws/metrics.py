"""Metrics as lines in the log (CloudWatch's embedded metric format), so that no call waits for them."""

from __future__ import annotations

import json
import sys
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from aws.failures import reaching
from core.metrics import DIMENSIONS, NAMESPACE, Metric


class LogMetrics:
    """``core.ports.Metrics``; values are kept until ``flush``, which writes one line."""

    def __init__(self, project: str, environment: str, dataset: str) -> None:
        self._dimensions = dict(zip(DIMENSIONS, (project, environment, dataset), strict=True))
        self._metrics = self._fresh()
        self._fields: dict[str, float] = {}

    def _fresh(self) -> EphemeralMetrics:
        metrics = EphemeralMetrics(namespace=NAMESPACE)
        metrics.service = ""  # else the service's name would be a dimension too, and no alarm would match
        for name, value in self._dimensions.items():
            metrics.add_dimension(name, value)
        return metrics

    def add(self, metric: Metric, value: float) -> None:
        """Add a value; several of one metric are one line's list, of one that no alarm reads one number."""
        if metric.watched:
            self._metrics.add_metric(name=metric.name, unit=MetricUnit(metric.unit), value=value)
        else:
            before = self._fields.get(metric.name, 0.0)
            self._fields[metric.name] = before + value if metric.unit == "Count" else max(before, value)

    def flush(self) -> None:
        """Write what was added; nothing added, nothing written."""
        if self._metrics.metric_set:
            for name, value in self._fields.items():
                self._metrics.add_metadata(name, value)
            self._metrics.flush_metrics()
        elif self._fields:
            sys.stdout.write(json.dumps({**self._dimensions, **self._fields}, separators=(",", ":")) + "\n")
        self._metrics, self._fields = self._fresh(), {}


def put_metric(client: Any, project: str, environment: str, dataset: str, metric: Metric, value: float) -> None:
    """Put a value by a call of CloudWatch's, for whoever has no log that becomes metrics: a command on any machine."""
    dimensions = zip(DIMENSIONS, (project, environment, dataset), strict=True)
    point = {
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions],
        "Unit": metric.unit,
        "Value": value,
    }
    with reaching("put a metric", metric.name):
        client.put_metric_data(Namespace=NAMESPACE, MetricData=[point])


class DatasetMetrics:
    """The metrics of each dataset that is asked for, kept until ``flush``, which writes one line for each dataset."""

    def __init__(self, project: str, environment: str) -> None:
        self._deployment = (project, environment)
        self._by_dataset: dict[str, LogMetrics] = {}

    def of(self, dataset: str) -> LogMetrics:
        """The same metrics for the same dataset."""
        return self._by_dataset.setdefault(dataset, LogMetrics(*self._deployment, dataset))

    def flush(self) -> None:
        """Write what was added."""
        for metrics in self._by_dataset.values():
            metrics.flush()
