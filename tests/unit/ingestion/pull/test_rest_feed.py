"""An API that no code of ours knows: the contract alone tells how to ask it and what it answers."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.feeds import ROOT, Acquisition, contracts_in

from core.audit.history import HistoryOutcome, HistoryRequest
from core.feeds.calendar import slots_in
from core.time import epoch, iso
from ingestion.pull.history import pull_history
from local.market import Market
from local.market.apis.weather import observation

HOUR = dt.timedelta(hours=1)
START = dt.datetime(2026, 10, 24, 20, 0, tzinfo=dt.UTC)  # Europe's clocks go back that night; UTC does not care
STATIONS = ["EGCC", "EGLL", "KBOS"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copy(ROOT / "tests/support/weather.yaml", folder)
    return folder


@pytest.fixture
def market() -> Iterator[Market]:
    with Market.start(seed=7) as market:
        market.clock.set(START)
        yield market


@pytest.fixture
def weather(market: Market, folder: Path) -> Acquisition:
    return Acquisition(contracts=contracts_in(folder), dataset="weather", url=market.url, token=market.token)


def live_hour(weather: Acquisition, market: Market, hour: dt.datetime) -> None:
    market.clock.set(hour + dt.timedelta(minutes=1))
    weather.time.advance(3600)
    weather.request(hour)
    assert weather.pull().failed == ()


def history(weather: Acquisition, station: str, start: dt.datetime, hours: int) -> HistoryOutcome:
    request = HistoryRequest("weather", station, int(start.timestamp()), int((start + hours * HOUR).timestamp()))
    clock = weather.time.clock
    return pull_history(request, client=weather.runtime.client("weather"), clock=clock, until=clock.monotonic() + 50)


def values(weather: Acquisition) -> dict[tuple[str, str], tuple[Decimal, int]]:
    return {key: (Decimal(line["temperature"]), line["humidity"]) for key, line in weather.points().items()}


def expected(market: Market, stations: list[str], start: dt.datetime, hours: int) -> dict[tuple[str, str], object]:
    return {
        (station, iso(int((start + n * HOUR).timestamp()))): observation(station, start + n * HOUR, seed=market.seed)
        for station in stations
        for n in range(hours)
    }


def test_live_hours_are_written_as_the_service_tells_them(weather: Acquisition, market: Market) -> None:
    for n in range(24):
        live_hour(weather, market, START + n * HOUR)
    assert values(weather) == expected(market, STATIONS, START, 24)
    line = weather.points()["EGCC", iso(int(START.timestamp()))]
    assert set(line) == {
        "station", "hour", "kind", "provenance", "fetched_at", "dataset", "temperature", "humidity"
    }  # fmt: skip
    assert isinstance(line["humidity"], int)  # the service writes numbers as text, the line as numbers


def test_history_fills_a_day_from_the_nested_records(weather: Acquisition, market: Market) -> None:
    market.clock.set(START + 48 * HOUR)
    outcome = history(weather, "EGLL", START, 24)
    assert outcome.result == "answered"
    assert len(list(slots_in(outcome.healed, every=3600))) == 24
    assert values(weather) == expected(market, ["EGLL"], START, 24)
    assert "start=2026-10-23T20%3A00%3A00Z" in outcome.evidence[0].request


@pytest.mark.parametrize("kind", ["wrong_interval", "html", "truncated", "reset"])
def test_what_makes_no_sense_is_broken_live_and_in_history(weather: Acquisition, market: Market, kind: str) -> None:
    market.fail(kind)
    live_hour(weather, market, START)
    outcome = history(weather, "EGCC", START - 24 * HOUR, 5)
    assert outcome.absent == ()
    # What lies in the interval all the same is taken; of what the answer lacks nothing is said.
    assert (outcome.result == "broken") == (kind != "wrong_interval")
    assert bool(weather.stream.lines) == (kind == "wrong_interval")
    assert weather.metrics.total("ProviderBroken") == 3


def test_what_the_service_has_not_is_absent(weather: Acquisition, market: Market) -> None:
    market.clock.set(START + 48 * HOUR)
    market.fail("hole", covering=(START + HOUR, START + 3 * HOUR))
    outcome = history(weather, "KBOS", START, 5)
    assert [iso(slot)[11:13] for slot in slots_in(outcome.absent, every=3600)] == ["21", "22"]
    market.heal()
    market.fail("no_data")
    assert outcome.result == "answered"
    nothing = history(weather, "KBOS", START, 2)
    assert (nothing.result, nothing.healed) == ("answered", ())
    assert len(list(slots_in(nothing.absent, every=3600))) == 2
    weather.stream.records.clear()
    live_hour(weather, market, START + 48 * HOUR)
    assert weather.stream.lines == []
    assert "ProviderBroken" not in weather.metrics.values


def test_refusals_are_typed_as_any_providers(weather: Acquisition, market: Market) -> None:
    market.fail("forbidden", first=1)
    assert history(weather, "EGCC", START - 5 * HOUR, 2).result == "not_entitled"
    market.fail("limited", first=1, retry_after=9)
    limited = history(weather, "EGCC", START - 5 * HOUR, 2)
    assert (limited.result, limited.retry_after) == ("limited", 9.0)
    weather.secrets.values["weather-key"] = "wrong"
    weather.time.advance(10)
    weather.runtime.client("weather").live.credential.renewed(market.token)  # what a container does after a rotation
    assert history(weather, "EGCC", START - 5 * HOUR, 2).reason == "the token is refused"


def test_an_hour_that_is_not_over_is_not_taken_for_settled(weather: Acquisition, market: Market) -> None:
    market.clock.set(START + HOUR + dt.timedelta(minutes=59))
    outcome = history(weather, "EGCC", START, 3)
    assert [iso(start)[11:13] for start, _ in (*outcome.healed, *outcome.pending)] == ["20", "21"]
    assert outcome.pending == ((epoch("2026-10-24T21:00:00Z"), epoch("2026-10-24T23:00:00Z")),)
