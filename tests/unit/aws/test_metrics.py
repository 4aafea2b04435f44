"""Metrics as lines of the log, in CloudWatch's embedded format."""

from __future__ import annotations

import json

import pytest

from aws.metrics import LogMetrics
from core.metrics import LINES_REJECTED, OBJECTS_PROCESSED, PROCESSING_TIME, ROWS_OUT


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
