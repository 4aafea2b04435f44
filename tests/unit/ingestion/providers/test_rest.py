"""Shapes of JSON that APIs have, and what is refused of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.secrets import MemorySecrets
from tests.support.scripted_server import Answer, ScriptedServer, scripted_server

from core.contract import model
from core.errors import BadContract
from ingestion.providers.answers import Broken, Data, NoData
from ingestion.providers.build import Source, build_source

START = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
T = int(START.timestamp())


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(lambda _request: Answer("{}")) as server:
        yield server


def source(server: ScriptedServer, *, history: dict[str, Any] | None = None, **settings: Any) -> Source:
    calls = {"history": {"path": "/h", **history}} if history else {}
    spec = model.Provider("rest", {"url": server.url, **settings, **calls})
    return build_source(spec, every=3600, secret="key", secrets=MemorySecrets(key="k"))


def say(server: ScriptedServer, document: object, status: int = 200) -> None:
    server.answer = lambda _request: Answer(json.dumps(document), status)


def points(answer: object) -> list[tuple[dt.datetime | None, dict[str, object]]]:
    assert isinstance(answer, Data), answer
    return [(point.time, dict(point.values)) for point in answer.points]


COLUMNS = {"records": "hourly", "shape": "columns", "time": "time", "fields": {"temp": "temperature_2m"}}


def test_columns_of_arrays_are_read_as_rows(server: ScriptedServer) -> None:
    say(server, {"hourly": {"time": ["2026-11-20T14:00", "2026-11-20T15:00"], "temperature_2m": [1.50, -2]}})
    answer = source(server, history=COLUMNS).provider.history("x", START, START + 2 * HOUR)
    assert points(answer) == [(START, {"temp": Decimal("1.50")}), (START + HOUR, {"temp": -2})]


def test_a_slot_whose_values_are_null_is_not_there(server: ScriptedServer) -> None:
    say(server, {"hourly": {"time": ["2026-11-20T14:00", "2026-11-20T15:00"], "temperature_2m": [None, 3]}})
    answer = source(server, history=COLUMNS).provider.history("x", START, START + 2 * HOUR)
    assert points(answer) == [(START + HOUR, {"temp": 3})]


def test_records_that_have_none_of_the_fields_are_a_contract_gone_wrong_not_absence(server: ScriptedServer) -> None:
    say(server, {"hourly": {"time": ["2026-11-20T14:00"], "temperature_2m": [None]}})
    assert isinstance(source(server, history=COLUMNS).provider.history("x", START, START + HOUR), Broken)


def test_arrays_of_arrays_and_milliseconds_and_an_inclusive_end(server: ScriptedServer) -> None:
    say(server, [[T * 1000, "1.10", "9"], [(T + 3600) * 1000, "1.20", "9"]])
    history = {
        "path": "/klines/{entity}",
        "query": {"startTime": "{start}", "endTime": "{end}"},
        "end": "inclusive",
        "time": "[0]",
        "fields": {"open": "[1]"},
    }
    answer = source(server, time="epoch_milliseconds", history=history).provider.history("B/C", START, START + 2 * HOUR)
    assert points(answer) == [(START, {"open": "1.10"}), (START + HOUR, {"open": "1.20"})]
    assert server.requests[0].path == f"/klines/B%2FC?startTime={T}000&endTime={T + 3600}000"


def test_offsets_of_iso_times_are_understood(server: ScriptedServer) -> None:
    say(server, {"items": [{"at": "2026-11-20T09:00:00-05:00", "v": 1}]})
    history = {"records": "items", "time": "at", "fields": {"v": "v"}}
    assert points(source(server, history=history).provider.history("x", START, START + HOUR)) == [(START, {"v": 1})]


ROWS = {"records": "items", "time": "at", "fields": {"v": "v"}, "no_data": "status == 'none'", "no_data_status": [404]}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"items": [{"at": T - 3600, "v": 1}]}, "records of another interval than asked for"),
        ({"items": [{"at": T + 7200, "v": 1}]}, "records of another interval than asked for"),
        ({"items": [{"at": T + 60, "v": 1}]}, "records of another cadence than asked for"),
        ({"items": [{"at": T, "v": 1}, {"at": T, "v": 2}]}, "records of another cadence than asked for"),
        (
            {"items": [{"at": "noon", "v": 1}]},
            "does not describe ('noon' is no epoch number)",
        ),
        ({"items": [{"v": 1}]}, "does not describe (None is no epoch number)"),
        ({"items": [{"at": 10**30, "v": 1}]}, "is no instant"),
        ({"other": []}, "no records where the contract says they are"),
        ({}, "no records where the contract says they are"),
        (None, "no records where the contract says they are"),
        ({"items": [{"at": T, "w": 1}]}, "records without any of the fields that the contract names"),
    ],
)
def test_what_the_contract_does_not_describe_is_broken(server: ScriptedServer, document: object, reason: str) -> None:
    say(server, document)
    answer = source(server, time="epoch_seconds", history=ROWS).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Broken)
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("document", "status"), [({"items": []}, 200), ({"status": "none"}, 200), ({"error": "unknown"}, 404)]
)
def test_no_data_in_the_ways_that_the_contract_tells(server: ScriptedServer, document: object, status: int) -> None:
    say(server, document, status)
    answer = source(server, history=ROWS).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, NoData)
    assert answer.evidence.status == status


def test_a_live_answer_is_one_record(server: ScriptedServer) -> None:
    live = {"path": "/now/{entity}", "records": "items", "fields": {"v": "v"}}
    provider = source(server, live=live).provider
    say(server, {"items": [{"v": 1}, {"v": 2}]})
    assert isinstance(provider.live("x"), Broken)
    say(server, {"items": [{"v": 1}]})
    assert points(provider.live("x")) == [(None, {"v": 1})]
    say(server, {"items": {"v": 3}})
    assert points(provider.live("x")) == [(None, {"v": 3})]


def test_an_open_api_needs_no_secret(server: ScriptedServer) -> None:
    live = {"path": "/now", "fields": {"v": "v"}}
    spec = model.Provider("rest", {"url": server.url, "live": live})
    built = build_source(spec, every=3600, secret="key", secrets=MemorySecrets())
    say(server, {"v": 1})
    assert isinstance(built.provider.live("x"), Data)
    assert built.credential is None


def test_what_was_not_told_cannot_be_asked(server: ScriptedServer) -> None:
    with pytest.raises(BadContract, match=r"rest\.live"):
        source(server, history=ROWS).provider.live("x")
    with pytest.raises(BadContract, match="is no provider"):
        build_source(model.Provider("soap"), every=60, secret="key", secrets=MemorySecrets())
