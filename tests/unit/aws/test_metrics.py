"""Metrics as lines of the log, in CloudWatch's embedded format."""

from __future__ import annotations

import json

import pytest

from aws.metrics import LogMetrics
from core.metrics import PROCESSING_TIME, ROWS_OUT


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_line_holds_every_value_under_exactly_the_deployment_and_the_dataset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "process")
    metrics = LogMetrics("starmend", "prod", "sales")
    metrics.add(ROWS_OUT, 3)
    metrics.add(ROWS_OUT, 4)
    metrics.add(PROCESSING_TIME, 12.5)
    metrics.flush()
    [line] = lines(capsys)
    [directive] = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert directive["Namespace"] == "Starmend"
    assert directive["Dimensions"] == [["project", "environment", "dataset"]]
    assert (line["project"], line["environment"], line["dataset"]) == ("starmend", "prod", "sales")
    assert line["RowsOut"] == [3, 4]
    assert line["ProcessingTime"] == [12.5]


def test_values_are_written_once_and_nothing_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = LogMetrics("starmend", "prod", "sales")
    metrics.flush()
    assert lines(capsys) == []
    metrics.add(ROWS_OUT, 1)
    metrics.flush()
    metrics.flush()
    assert len(lines(capsys)) == 1
