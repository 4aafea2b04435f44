"""The metric lines that alarms and dashboards read, of all that a lake counted."""

from __future__ import annotations

import contextlib
import io
import json

from tests.fakes.metrics import MemoryMetrics

from aws.metrics import LogMetrics
from core.metrics import METRICS


def metric_lines(dataset: str, *counted: MemoryMetrics) -> str:
    """One line for each function's metrics, with every name and unit; the time in them is left out."""
    declared = {metric.name: metric for metric in METRICS}
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        for metrics in counted:
            real = LogMetrics("starmend", "test", dataset)
            for name, values in sorted(metrics.values.items()):
                real.add(declared[name], sum(values))
            real.flush()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    for line in lines:
        line["_aws"]["Timestamp"] = 0
    return "".join(json.dumps(line) + "\n" for line in lines)
