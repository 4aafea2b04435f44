from __future__ import annotations

import datetime as dt
from decimal import Decimal

import requests
from tests.support.calling import NOW, Caller

from local.market import Market, MarketControl
from local.market.apis.weather import observation

HOUR = dt.timedelta(hours=1)
NOON = NOW.replace(hour=12, minute=0, second=0)
PATH = "/v2/observations/EGCC"


def _hours(caller: Caller, start: dt.datetime, end: dt.datetime) -> list[dict]:
    answer = caller.get(PATH, start=start.isoformat(), end=end.isoformat())
    assert answer.status_code == 200
    return answer.json()["data"]["hourly"]


def test_hours_of_a_half_open_interval_come_as_text_with_iso_times(
    market: Market | MarketControl, caller: Caller
) -> None:
    found = _hours(caller, NOON, NOON + 3 * HOUR)
    assert [hour["time"] for hour in found] == [f"2026-11-20T{hour}:00:00Z" for hour in (12, 13, 14)]
    for n, hour in enumerate(found):
        degrees, percent = observation("EGCC", NOON + n * HOUR, seed=market.seed)
        assert Decimal(hour["temp"]["value"]) == degrees
        assert hour["humidity"]["value"] == str(percent)


def test_the_latest_hour_is_the_one_that_has_begun_and_the_future_is_not_told(
    market: Market | MarketControl, caller: Caller
) -> None:
    latest = caller.get(f"{PATH}/latest").json()["data"]["latest"]
    assert latest["time"] == "2026-11-20T15:00:00Z"
    assert _hours(caller, NOW - HOUR, NOW + 5 * HOUR) == [latest]
    market.clock.advance(3_600)
    assert caller.get(f"{PATH}/latest").json()["data"]["latest"]["time"] == "2026-11-20T16:00:00Z"


def test_it_has_its_own_key_header_and_its_own_errors(market: Market | MarketControl, caller: Caller) -> None:
    refused = requests.get(f"{market.url}{PATH}/latest", headers={"X-Finnhub-Token": market.token}, timeout=60)
    assert (refused.status_code, refused.json()["errors"][0]["title"]) == (401, "Unauthorized")
    unknown = caller.get("/v2/observations/XXXX/latest")
    assert (unknown.status_code, unknown.json()["errors"][0]["title"]) == (404, "Unknown station")
    assert caller.get(PATH, start="yesterday", end="today").status_code == 422
    assert caller.get(PATH, start="2026-11-20T12:00:00", end="2026-11-20T13:00:00").status_code == 422


def test_it_fails_in_the_same_ways(market: Market | MarketControl, caller: Caller) -> None:
    usual = _hours(caller, NOON, NOON + 2 * HOUR)
    number = market.fail("no_data", symbol="EGCC")
    assert _hours(caller, NOON, NOON + 2 * HOUR) == []
    assert caller.get(f"{PATH}/latest").json() == {"data": {"latest": None}}
    assert caller.get("/v2/observations/EGLL/latest").json()["data"]["latest"]
    market.heal(number)
    number = market.fail("hole", covering=(NOON, NOON + HOUR))
    assert _hours(caller, NOON, NOON + 2 * HOUR) == usual[1:]
    market.heal(number)
    number = market.fail("wrong_interval")
    assert [hour["time"][:10] for hour in _hours(caller, NOON, NOON + 2 * HOUR)] == ["2026-11-19", "2026-11-19"]
    market.heal(number)
    number = market.fail("revised")
    assert _hours(caller, NOON, NOON + 2 * HOUR)[0]["temp"]["value"] != usual[0]["temp"]["value"]
    market.heal(number)
    market.fail("limited", endpoint="observations", retry_after=3)
    answer = caller.get(PATH, start=NOON.isoformat(), end=NOW.isoformat())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert answer.json()["errors"][0]["title"] == "Too many requests"
    assert market.requests.count(endpoint="latest", symbol="EGLL") == 1
