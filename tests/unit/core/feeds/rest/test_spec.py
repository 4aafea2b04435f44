"""Settings of a described API: read into values, written and read times, and each misuse by its place."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from tests.support.feeds import ROOT

from core.errors import BadContract
from core.feeds.rest.spec import read_spec

SETTINGS: dict[str, Any] = yaml.safe_load((ROOT / "tests/support/weather.yaml").read_text())["source"]["history"][
    "rest"
]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_settings_are_read_with_their_defaults() -> None:
    spec = read_spec(SETTINGS)
    assert (spec.span, spec.delay, spec.calls_per_minute) == (timedelta(days=31), timedelta(), 0)
    assert spec.live is not None
    assert spec.live.fields["temperature"].search({"temp": {"value": 3}}) == 3
    assert spec.history is not None
    assert not spec.history.end_inclusive


@pytest.mark.parametrize(
    ("form", "written", "value"),
    [
        ("iso", "2026-11-20T12:00:00Z", "2026-11-20T12:00:00"),
        ("iso", "2026-11-20T12:00:00Z", "2026-11-20T13:00:00+01:00"),
        ("epoch_seconds", "1795176000", Decimal("1795176000.0")),
        ("epoch_milliseconds", "1795176000000", 1795176000000),
    ],
)
def test_a_time_goes_out_and_comes_in_as_the_api_speaks(form: str, written: str, value: object) -> None:
    spec = read_spec(SETTINGS | {"time": form})
    assert spec.write_time(NOON) == written
    assert spec.read_time(value) == NOON


@pytest.mark.parametrize(
    ("form", "value"), [("iso", 5), ("iso", "noon"), ("epoch_seconds", True), ("epoch_seconds", 1e30)]
)
def test_what_is_no_time_is_refused(form: str, value: object) -> None:
    with pytest.raises(ValueError):
        read_spec(SETTINGS | {"time": form}).read_time(value)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("colour", "red", "rest.colour"),
        ("span", "soon", "rest.span"),
        ("calls_per_second", -1, "rest.calls_per_second"),
        ("headers/X-Api-Key", "{key}", "rest.headers.X-Api-Key"),
        ("live/shape", "cube", "rest.live.shape"),
        ("live/query", {"n": 1}, "rest.live.query"),
        ("history/no_data_status", [99], "rest.history.no_data_status"),
        ("history/path", "stations/{entity}", "rest.history.path"),
        ("live/path", "{entity}", "rest.live.path"),
    ],
)
def test_a_wrong_setting_is_named_by_its_place(path: str, value: object, place: str) -> None:
    settings = copy.deepcopy(SETTINGS)
    holder: Any = settings
    *parents, last = path.split("/")
    for part in parents:
        holder = holder[part]
    holder[last] = value
    with pytest.raises(BadContract) as refused:
        read_spec(settings)
    assert refused.value.place == place
    assert refused.value.remedy


def test_records_that_no_answer_in_arrays_has_are_asked_of_none() -> None:
    history = {"path": "/h", "shape": "columns", "time": "t", "fields": {"o": "o", "record": "@"}}
    with pytest.raises(BadContract, match="is no record") as refused:
        read_spec(SETTINGS | {"history": history})
    assert refused.value.place == "rest.history.fields.record"
    read_spec(SETTINGS | {"history": history | {"shape": "rows"}})
