from __future__ import annotations

import datetime as dt
import json
import time
from email.utils import parsedate_to_datetime

import pytest
import requests
from tests.support.calling import NOW, Caller, exact

from local.market import Market, MarketControl

MINUTE = dt.timedelta(minutes=1)


def _now(answer: requests.Response) -> dt.datetime:
    return parsedate_to_datetime(answer.headers["Date"])


def test_the_date_header_shows_the_markets_clock_however_it_is_set(
    market: Market | MarketControl, caller: Caller
) -> None:
    assert _now(caller.quote()) == NOW
    market.clock.advance(90)
    assert _now(caller.quote()) == NOW + dt.timedelta(seconds=90)
    assert market.clock.now() == NOW + dt.timedelta(seconds=90)
    market.clock.run_from(NOW)
    assert NOW <= _now(caller.quote()) < NOW + MINUTE
    market.clock.advance(3_600)
    assert NOW + 60 * MINUTE <= _now(caller.quote()) < NOW + 61 * MINUTE
    market.clock.real()
    assert abs(_now(caller.quote()) - dt.datetime.now(dt.UTC)) < MINUTE


def test_a_missing_or_wrong_token_is_401_and_both_ways_to_send_it_are_told_apart(
    market: Market | MarketControl, caller: Caller
) -> None:
    url = f"{market.api_url}/quote"
    for headers, parameters in (({}, {}), ({"X-Finnhub-Token": "wrong"}, {}), ({}, {"token": "wrong"})):
        answer = requests.get(url, params={"symbol": "AAPL", **parameters}, headers=headers, timeout=60)
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key."})
    assert requests.get(url, params={"symbol": "AAPL", "token": market.token}, timeout=60).status_code == 200
    assert requests.get(url, params={"symbol": "AAPL"}, headers={"x-finnhub-token": market.token}, timeout=60).ok
    assert [request.token_in for request in market.requests.all()] == [None, "header", "query", "query", "header"]


def test_requests_are_counted_by_endpoint_symbol_and_outcome(market: Market | MarketControl, caller: Caller) -> None:
    market.fail("error", symbol="AMD", status=503)
    for symbol in ("AAPL", "AAPL", "AMD"):
        caller.quote(symbol)
    caller.candles(NOW - MINUTE, NOW)
    assert market.requests.count() == 4
    assert market.requests.count(endpoint="quote", symbol="AAPL", status=200) == 2
    assert market.requests.count(symbol="AMD", status=503) == 1
    assert market.requests.count(path="/api/v1/stock/candle") == 1
    assert {request.at for request in market.requests.all()} == {NOW}


def test_the_limit_of_a_minute_is_told_in_headers_and_ends_with_the_minute(
    market: Market | MarketControl, caller: Caller
) -> None:
    market.limits(per_minute=3)
    answers = [caller.quote() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["X-Ratelimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    end = NOW.replace(second=0) + MINUTE
    assert {answer.headers["X-Ratelimit-Reset"] for answer in answers} == {str(int(end.timestamp()))}
    assert {answer.headers["X-Ratelimit-Limit"] for answer in answers} == {"3"}
    assert answers[-1].json() == {"error": "API limit reached. Please try again later. Remaining Limit: 0"}
    assert "Retry-After" not in answers[-1].headers
    market.clock.set(end)
    assert caller.quote().status_code == 200


def test_the_limit_of_a_second_can_say_when_to_come_back(market: Market | MarketControl, caller: Caller) -> None:
    market.limits(per_minute=60, per_second=2, retry_after=True)
    answers = [caller.quote() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "1"
    assert answers[-1].headers["X-Ratelimit-Remaining"] == "58"
    market.clock.advance(1)
    assert caller.quote().status_code == 200


def test_without_limits_there_are_no_limit_headers(market: Market | MarketControl, caller: Caller) -> None:
    assert not [name for name in caller.quote().headers if name.startswith("X-Ratelimit")]


@pytest.mark.parametrize(
    ("kind", "options", "status"),
    [
        ("limited", {}, 429),
        ("limited", {"retry_after": 7}, 429),
        ("error", {}, 500),
        ("error", {"status": 503}, 503),
        ("unauthorized", {}, 401),
        ("forbidden", {}, 403),
    ],
)
def test_a_refusal_has_its_status_and_ends_when_healed(
    market: Market | MarketControl, caller: Caller, kind: str, options: dict, status: int
) -> None:
    number = market.fail(kind, **options)
    answer = caller.quote()
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.headers.get("Retry-After") == (str(options["retry_after"]) if "retry_after" in options else None)
    market.heal(number)
    assert caller.quote().status_code == 200


def test_a_fault_hits_only_its_symbol_endpoint_time_and_number_of_calls(
    market: Market | MarketControl, caller: Caller
) -> None:
    market.fail("error", symbol="AAPL", endpoint="quote", during=(NOW, NOW + MINUTE), first=2)
    assert caller.quote("AMD").status_code == 200
    assert caller.candles(NOW - MINUTE, NOW).status_code == 200
    market.clock.set(NOW - MINUTE)
    assert caller.quote().status_code == 200
    market.clock.set(NOW)
    assert [caller.quote().status_code for _ in range(3)] == [500, 500, 200]


def test_candles_of_one_stretch_of_time_can_fail_while_others_do_not(
    market: Market | MarketControl, caller: Caller
) -> None:
    market.fail("no_data", endpoint="candle", covering=(NOW - 10 * MINUTE, NOW - 5 * MINUTE))
    assert caller.candles(NOW - 20 * MINUTE, NOW - 12 * MINUTE).json()["s"] == "ok"
    assert caller.candles(NOW - 8 * MINUTE, NOW - 7 * MINUTE).json() == {"s": "no_data"}
    assert caller.candles(NOW - 4 * MINUTE, NOW).json()["s"] == "ok"


def test_no_data_can_be_for_the_first_calls_or_for_ever(market: Market | MarketControl, caller: Caller) -> None:
    market.fail("no_data", first=2)
    states = [caller.candles(NOW - 5 * MINUTE, NOW).json()["s"] for _ in range(4)]
    assert states == ["no_data", "no_data", "ok", "ok"]
    market.fail("no_data")
    assert {caller.candles(NOW - 5 * MINUTE, NOW).json()["s"] for _ in range(4)} == {"no_data"}
    assert caller.quote().json()["c"] == 0


def test_a_hole_leaves_out_its_minutes_only(market: Market | MarketControl, caller: Caller) -> None:
    start = NOW.replace(second=0) - 5 * MINUTE
    market.fail("hole", covering=(start + MINUTE, start + 3 * MINUTE))
    found = caller.candles(start, NOW).json()
    assert found["t"] == [int((start + n * MINUTE).timestamp()) for n in (0, 3, 4)]
    assert len(found["o"]) == 3


def test_an_answer_for_the_wrong_interval_is_another_days(market: Market | MarketControl, caller: Caller) -> None:
    start = NOW.replace(second=0) - 5 * MINUTE
    market.fail("wrong_interval")
    found = exact(caller.candles(start, NOW))
    yesterday = start - dt.timedelta(days=1)
    assert found["t"][0] == int(yesterday.timestamp())
    assert found["o"][0] == market.candle("AAPL", yesterday).open
    assert caller.quote().json()["t"] == int((NOW - dt.timedelta(days=1)).timestamp())


def test_html_zeros_and_cut_json_come_with_200(market: Market | MarketControl, caller: Caller) -> None:
    number = market.fail("html")
    page = caller.quote()
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!DOCTYPE html>")
    market.heal(number)
    number = market.fail("truncated")
    cut = caller.quote()
    assert cut.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    market.heal(number)
    market.fail("zeros")
    assert caller.quote().json()["c"] == 0
    candles = caller.candles(NOW - 5 * MINUTE, NOW).json()
    assert (candles["s"], set(candles["o"])) == ("ok", {0})


def test_revised_values_differ_from_the_first_ones_and_from_each_other(
    market: Market | MarketControl, caller: Caller
) -> None:
    told = [exact(caller.candles(NOW - 5 * MINUTE, NOW))["o"]]
    for revision in (1, 2):
        market.heal()
        market.fail("revised", revision=revision)
        told.append(exact(caller.candles(NOW - 5 * MINUTE, NOW))["o"])
    for first, second, third in zip(*told, strict=True):
        assert len({first, second, third}) == 3


def test_a_skewed_clock_is_wrong_in_the_header_while_prices_stay(
    market: Market | MarketControl, caller: Caller
) -> None:
    market.fail("skew", seconds=-300)
    answer = caller.quote()
    assert _now(answer) == NOW - 5 * MINUTE
    assert exact(answer)["c"] == market.candle("AAPL", NOW).open


def test_a_slow_answer_outlasts_an_impatient_caller(market: Market | MarketControl, caller: Caller) -> None:
    market.fail("slow", seconds=30, first=1)
    began = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        requests.get(
            f"{market.api_url}/quote",
            params={"symbol": "AAPL"},
            headers={"X-Finnhub-Token": market.token},
            timeout=0.2,
        )
    assert time.monotonic() - began < 25
    assert caller.quote().status_code == 200


def test_a_reset_connection_is_an_error_and_the_next_call_is_served(
    market: Market | MarketControl, caller: Caller
) -> None:
    market.fail("reset", first=1)
    with pytest.raises(requests.ConnectionError):
        caller.quote()
    assert caller.quote().status_code == 200
    assert market.requests.count(status=None) == 1


def test_faults_can_come_together(market: Market | MarketControl, caller: Caller) -> None:
    market.fail("skew", seconds=60)
    market.fail("limited", retry_after=2)
    answer = caller.quote()
    assert (answer.status_code, answer.headers["Retry-After"], _now(answer)) == (429, "2", NOW + MINUTE)


def test_an_unknown_fault_or_command_is_refused_with_the_reason(market: Market | MarketControl) -> None:
    with pytest.raises(ValueError, match="unknown fault 'eclipse'"):
        market.fail("eclipse")
    for command in ({"explode": True}, {"clock": {"set": "2026-11-20T15:00:00"}}, {"fail": {"kind": "eclipse"}}):
        answer = requests.post(f"{market.url}/_control", json=command, timeout=60)
        assert answer.status_code == 400
        assert answer.json()["error"]
