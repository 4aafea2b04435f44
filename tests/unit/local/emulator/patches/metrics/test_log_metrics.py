"""Metrics out of logs: the embedded metric format, and metric filters."""

from __future__ import annotations

import json
import time

import pytest
from tests.unit.local.emulator.patches.metrics.alarms import add_log, sums, write_log

pytestmark = pytest.mark.emulator


def test_metrics_embedded_in_a_log_line_are_metrics(cloudwatch, session):
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "Pipe", "Dimensions": [["dataset"], []], "Metrics": [{"Name": "Rows", "Unit": "Count"}]}
            ],
        },
        "dataset": "sales", "Rows": [3, 4], "other": "property",
    }  # fmt: skip
    write_log(session, "/emf", "not json", json.dumps(line), '{"_aws": {"broken": true}}')
    assert sums(cloudwatch, "Pipe", "Rows", dataset="sales") == 7
    assert sums(cloudwatch, "Pipe", "Rows") == 7


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ('{ $.level = "ERROR" }', "1", 2),
        ('{ $.level = "ERR*" && ($.n > 1 || $.n = 1) }', "$.n", 6),
        ("{ $.detail.code NOT EXISTS }", "1", 2),
        ("{ $.level = ERROR && $.detail.code = 7 }", "1", 1),
        ("ERROR -harmless", "1", 2),
        ("?timeout ?refused", "1", 1),
    ],
)
def test_metric_filters_count_what_their_pattern_matches(cloudwatch, session, pattern, value, expected):
    name = f"filter-{abs(hash(pattern))}"
    write_log(session, name, "before the filter: ERROR timeout")
    transformation = {"metricName": name, "metricNamespace": "Filtered", "metricValue": value}
    session.client("logs").put_metric_filter(
        logGroupName=name, filterName="f", filterPattern=pattern, metricTransformations=[transformation]
    )
    add_log(
        session, name, '{"level": "ERROR", "n": 2}', '{"level": "ERROR", "n": 4, "detail": {"code": 7}}',
        '{"level": "INFO", "n": 9}', "plain timeout, harmless ERROR",
    )  # fmt: skip
    assert sums(cloudwatch, "Filtered", name) == expected
