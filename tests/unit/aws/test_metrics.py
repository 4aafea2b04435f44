"""Metrics as lines of the log, in CloudWatch's embedded format."""

from __future__ import annotations

import json

import botocore.session
import pytest
from botocore.stub import Stubber

from aws.metrics import LogMetrics, put_metric
from core.errors import NotGranted
from core.metrics import DEPLOYMENT, DRIFTED, LINES_REJECTED, OBJECTS_PROCESSED, PROCESSING_TIME, ROWS_OUT


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_line_holds_every_value_under_exactly_the_deployment_and_the_dataset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "process")
    metrics = LogMetrics("starmend", "prod", "sales")
    metrics.add(LINES_REJECTED, 3)
    metrics.add(LINES_REJECTED, 4)
    metrics.add(OBJECTS_PROCESSED, 1)
    for rows, milliseconds in ((3, 12.5), (4, 11.0)):
        metrics.add(ROWS_OUT, rows)
        metrics.add(PROCESSING_TIME, milliseconds)
    metrics.flush()
    [line] = lines(capsys)
    [directive] = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert directive["Namespace"] == "Starmend"
    assert directive["Dimensions"] == [["project", "environment", "dataset"]]
    assert (line["project"], line["environment"], line["dataset"]) == ("starmend", "prod", "sales")
    assert {metric["Name"] for metric in directive["Metrics"]} == {"LinesRejected", "ObjectsProcessed"}
    assert line["LinesRejected"] == [3, 4]
    assert (line["RowsOut"], line["ProcessingTime"]) == (7, 12.5)  # no alarm reads them: nothing to pay for


def test_values_are_written_once_and_nothing_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = LogMetrics("starmend", "prod", "sales")
    metrics.flush()
    assert lines(capsys) == []
    metrics.add(LINES_REJECTED, 1)
    metrics.flush()
    metrics.flush()
    assert len(lines(capsys)) == 1


def test_what_no_alarm_reads_is_written_although_there_is_no_metric_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = LogMetrics("starmend", "prod", "sales")
    metrics.add(ROWS_OUT, 3)
    metrics.flush()
    metrics.flush()
    assert lines(capsys) == [{"project": "starmend", "environment": "prod", "dataset": "sales", "RowsOut": 3}]


def test_a_command_puts_a_metric_under_the_dimensions_that_alarms_read() -> None:
    client = botocore.session.get_session().create_client("cloudwatch", region_name="eu-west-1")
    dimensions = [
        {"Name": "project", "Value": "starmend"},
        {"Name": "environment", "Value": "prod-us2"},
        {"Name": "dataset", "Value": "deployment"},
    ]
    point = {"MetricName": "DriftedResources", "Dimensions": dimensions, "Unit": "Count", "Value": 3}
    with Stubber(client) as stub:
        stub.add_response("put_metric_data", {}, {"Namespace": "Starmend", "MetricData": [point]})
        put_metric(client, "starmend", "prod-us2", DEPLOYMENT, DRIFTED, 3)
        stub.assert_no_pending_responses()
        stub.add_client_error("put_metric_data", "AccessDenied", http_status_code=403)
        with pytest.raises(NotGranted, match="DriftedResources"):
            put_metric(client, "starmend", "prod-us2", DEPLOYMENT, DRIFTED, 0)
