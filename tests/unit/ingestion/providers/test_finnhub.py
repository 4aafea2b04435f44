"""Finnhub's answers, good and odd, beyond what the simulator gives."""

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
from ingestion.providers.answers import Broken, Data, NoData, Provider
from ingestion.providers.build import build_source

START = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
T = int(START.timestamp())
QUOTE = {"c": 189.5, "d": 0.1, "dp": 0.05, "h": 190, "l": 188.25, "o": 189, "pc": 189.4, "t": T}
CANDLES: dict[str, Any] = {
    "c": [1.5, 2.5],
    "h": [1.7, 2.7],
    "l": [1.1, 2.1],
    "o": [1.3, 2.3],
    "s": "ok",
    "t": [T, T + 60],
    "v": [100, 0],
}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(lambda _request: Answer(json.dumps(QUOTE))) as server:
        yield server


def finnhub(url: str, every: int = 60) -> Provider:
    secrets = MemorySecrets(token="the-token")
    return build_source(model.Provider("finnhub"), every=every, secret="token", secrets=secrets, url=url).provider


def test_a_quote_is_one_point_at_the_time_of_the_date_header(server: ScriptedServer) -> None:
    answer = finnhub(server.url).live("AAPL")
    assert isinstance(answer, Data)
    (point,) = answer.points
    assert answer.provider_time == START + dt.timedelta(seconds=5)
    assert point.time == START
    assert point.values["c"] == Decimal("189.5")
    assert server.requests[0].path == "/quote?symbol=AAPL"
    assert server.requests[0].headers["X-Finnhub-Token"] == "the-token"


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ({**QUOTE, "c": 0, "t": 0}, "zeros instead of prices: the symbol is unknown"),
        ({**QUOTE, "c": -1}, "zeros instead of prices: the symbol is unknown"),
        ({**QUOTE, "c": "189.5"}, "no quote"),
        ({**QUOTE, "c": None}, "no quote"),
        ({**QUOTE, "c": True}, "no quote"),
        ({**QUOTE, "t": 10**20}, "no quote"),
        ({}, "no quote"),
        ([QUOTE], "no quote"),
        (None, "no quote"),
        ({"error": "something"}, "no quote"),
    ],
)
def test_a_quote_that_makes_no_sense_is_broken(server: ScriptedServer, quote: object, reason: str) -> None:
    server.answer = lambda _request: Answer(json.dumps(quote))
    answer = finnhub(server.url).live("AAPL")
    assert isinstance(answer, Broken)
    assert answer.reason == reason


def test_a_quote_without_a_date_is_of_no_minute(server: ScriptedServer) -> None:
    server.answer = lambda _request: Answer(json.dumps(QUOTE), date="")
    answer = finnhub(server.url).live("AAPL")
    assert isinstance(answer, Broken)
    assert "Date" in answer.reason


def test_candles_are_points_whose_four_prices_stay_apart(server: ScriptedServer) -> None:
    server.answer = lambda _request: Answer(json.dumps(CANDLES))
    answer = finnhub(server.url).history("AAPL", START, START + dt.timedelta(minutes=2))
    assert isinstance(answer, Data)
    assert [
        (point.time, point.values["o"], point.values["h"], point.values["l"], point.values["c"])
        for point in answer.points
    ] == [
        (START, Decimal("1.3"), Decimal("1.7"), Decimal("1.1"), Decimal("1.5")),
        (START + dt.timedelta(minutes=1), Decimal("2.3"), Decimal("2.7"), Decimal("2.1"), Decimal("2.5")),
    ]
    assert server.requests[0].path == f"/stock/candle?symbol=AAPL&resolution=1&from={T}&to={T + 119}"


@pytest.mark.parametrize(
    ("candles", "reason"),
    [
        ({**CANDLES, "t": [T - 7200, T - 7140]}, "candles of another interval than asked for"),
        ({**CANDLES, "t": ["y", "x"]}, "candle times that are no whole seconds"),
        ({**CANDLES, "o": [1.3]}, "candle arrays of different lengths"),
        ({name: CANDLES[name] for name in "chlstv"}, "candles without arrays"),
        ({**CANDLES, "o": 1.3}, "candles without arrays"),
        ({**CANDLES, "s": "error"}, "no candles"),
        ({"c": [], "t": []}, "no candles"),
        ([], "no candles"),
    ],
)
def test_candles_that_make_no_sense_are_broken(server: ScriptedServer, candles: object, reason: str) -> None:
    server.answer = lambda _request: Answer(json.dumps(candles))
    answer = finnhub(server.url).history("AAPL", START, START + dt.timedelta(minutes=2))
    assert isinstance(answer, Broken)
    assert answer.reason == reason


@pytest.mark.parametrize(
    ("candles", "sound", "bad", "partial"),
    [
        ({**CANDLES, "t": [T - 60, T]}, [0], [], ""),  # surplus is left out
        ({**CANDLES, "t": [T, T + 120]}, [0], [], ""),
        ({**CANDLES, "t": [T, T + 30]}, [0], [], ""),
        ({**CANDLES, "t": [T, T + 90]}, [0], [60], ""),
        ({**CANDLES, "t": [T, T]}, [], [0], ""),  # two that contradict one another
        ({**CANDLES, "t": [T, "x"]}, [0], [], "a record whose time cannot be read (its time is no whole second)"),
        ({**CANDLES, "l": [0, 1]}, [60], [0], ""),
        ({**CANDLES, "h": [1.7, None]}, [0], [60], ""),
        ({**CANDLES, "o": [1.7, "M"]}, [0], [60], ""),
        ({**CANDLES, "v": [0, 0]}, [0, 60], [], ""),
    ],
)
def test_one_bad_candle_keeps_no_other_from_being_taken(
    server: ScriptedServer, candles: object, sound: list[int], bad: list[int], partial: str
) -> None:
    server.answer = lambda _request: Answer(json.dumps(candles))
    answer = finnhub(server.url).history("AAPL", START, START + dt.timedelta(minutes=2))
    assert isinstance(answer, Data)
    assert [int(point.time.timestamp()) - T for point in answer.points if point.time] == sound
    assert [int(record.slot.timestamp()) - T for record in answer.bad] == bad
    assert answer.partial == partial


def test_a_price_that_no_column_takes_is_not_looked_at(server: ScriptedServer) -> None:
    server.answer = lambda _request: Answer(json.dumps({**CANDLES, "h": None, "v": ["M", 0]}))
    settings = {"every": 60, "secret": "token", "secrets": MemorySecrets(token="t"), "url": server.url}
    provider = build_source(model.Provider("finnhub"), taken={"o", "t"}, **settings).provider  # type: ignore[arg-type]
    answer = provider.history("AAPL", START, START + dt.timedelta(minutes=2))
    assert isinstance(answer, Data)
    assert [point.values["o"] for point in answer.points] == [Decimal("1.3"), Decimal("2.3")]


@pytest.mark.parametrize(
    "candles", [{"s": "no_data"}, {"c": [], "h": [], "l": [], "o": [], "s": "ok", "t": [], "v": []}]
)
def test_no_candles_are_no_data_and_keep_the_evidence(server: ScriptedServer, candles: object) -> None:
    server.answer = lambda _request: Answer(json.dumps(candles))
    answer = finnhub(server.url).history("AAPL", START, START + dt.timedelta(minutes=2))
    assert isinstance(answer, NoData)
    assert answer.evidence.answer == json.dumps(candles)
    assert answer.evidence.answered_at == "2026-11-20T14:30:05Z"


def test_the_cadence_chooses_the_resolution(server: ScriptedServer) -> None:
    finnhub(server.url, every=3600).history("AAPL", START, START + dt.timedelta(hours=1))
    assert "resolution=60&" in server.requests[0].path
