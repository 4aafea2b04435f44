"""Metrics out of logs: the embedded metric format, and metric filters."""

from __future__ import annotations

import json
import time

import pytest
from tests.support.waiting import eventually
from tests.unit.local.emulator.patches.metrics.alarms import add_log, alarm, becomes, state, sums, write_log

from aws.metrics import LogMetrics
from core.metrics import LINES_REJECTED, NAMESPACE

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


def test_what_one_deployment_counts_trips_no_alarm_of_another(cloudwatch, session, capsys):
    """Two projects, and an environment of one of them in two regions, that all have a dataset of this name."""
    deployments = [("starmend", "prod"), ("second", "prod"), ("starmend", "prod-us2")]
    names = ["-".join(deployment) for deployment in deployments]
    for (project, environment), name in zip(deployments, names, strict=True):
        dimensions = {"project": project, "environment": environment, "dataset": "sales"}
        pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        alarm(
            cloudwatch, name, Namespace=NAMESPACE, MetricName=LINES_REJECTED.name, Dimensions=pairs,
            TreatMissingData="ignore",  # so that what once fired shows
        )  # fmt: skip
        write_log(session, name, "a function starts")
    fired: set[str] = set()
    for (project, environment), name in zip(deployments, names, strict=True):
        metrics = LogMetrics(project, environment, "sales")
        metrics.add(LINES_REJECTED, 9)
        metrics.flush()
        add_log(session, name, capsys.readouterr().out)
        eventually(becomes(cloudwatch, name, "ALARM"), within=5)
        fired.add(name)
        assert {other for other in names if state(cloudwatch, other) == "ALARM"} == fired
