from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
import requests
from tests.support.calling import NOW, Caller, exact

from local.market import Market, MarketControl
from local.market.prices import candle, candles
from local.market.sessions import minute_of

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


def test_every_minute_has_four_distinct_prices_within_its_high_and_low() -> None:
    minutes = np.arange(minute_of(NOW), minute_of(NOW) + 20_000)
    for symbol in ("AAPL", "ZM", "SIM17"):
        found = candles(symbol, minutes, seed=1)
        assert (found.open != found.close).all()
        assert (found.high > np.maximum(found.open, found.close)).all()
        assert (found.low < np.minimum(found.open, found.close)).all()
        assert (found.low > 0).all()


def test_prices_depend_on_symbol_minute_and_seed_alone_and_never_change() -> None:
    first = candle("AAPL", 29_886_660, seed=1)
    assert candle("AAPL", 29_886_660, seed=1) == first
    assert candles("AAPL", np.arange(29_886_600, 29_886_700), seed=1).candle(60) == first
    assert (
        len({first, candle("AMD", 29_886_660, seed=1), candle("AAPL", 29_886_661, seed=1), candle("AAPL", 29_886_660)})
        == 4
    )
    # Written down, so that a change of the arithmetic cannot go by unseen.
    assert (first.open, first.close) == (Decimal("399.8945"), Decimal("399.5692"))


def test_a_quote_at_a_minutes_start_is_the_minutes_open_to_the_last_decimal(
    market: Market | MarketControl, caller: Caller
) -> None:
    for second in (0, 5, 19):
        market.clock.set(NOW.replace(second=second))
        assert exact(caller.quote())["c"] == market.candle("AAPL", NOW).open


def test_a_quote_later_in_its_minute_shows_other_prices(market: Market | MarketControl, caller: Caller) -> None:
    shown = []
    for second in (5, 30, 45, 58):
        market.clock.set(NOW.replace(second=second))
        shown.append(exact(caller.quote())["c"])
    minute = market.candle("AAPL", NOW)
    assert shown == [minute.open, minute.high, minute.low, minute.close]


def test_a_quotes_day_agrees_with_the_days_candles(market: Market | MarketControl, caller: Caller) -> None:
    opened = NOW.replace(hour=14, minute=30, second=0)
    market.trade_during([(opened, opened + dt.timedelta(hours=6, minutes=30))])
    quote = exact(caller.quote())
    history = exact(caller.candles(opened, NOW))
    assert quote["o"] == history["o"][0]
    assert quote["h"] == max(*history["h"], quote["c"])
    assert quote["l"] == min(*history["l"], quote["c"])
    assert quote["d"] == quote["c"] - quote["pc"]
    assert quote["t"] == int(NOW.timestamp())
    market.trade_during([(opened - DAY, opened - DAY + 30 * MINUTE)])
    assert exact(caller.quote())["t"] == int((opened - DAY + 30 * MINUTE).timestamp())


def test_candles_are_the_minutes_asked_for_that_are_over(market: Market | MarketControl, caller: Caller) -> None:
    start = NOW.replace(second=0) - 5 * MINUTE
    found = exact(caller.candles(start, NOW + 10 * MINUTE))
    assert found["s"] == "ok"
    assert found["t"] == [int((start + n * MINUTE).timestamp()) for n in range(5)]
    for n in range(5):
        promised = market.candle("AAPL", start + n * MINUTE)
        told = (found["o"][n], found["h"][n], found["l"][n], found["c"][n], found["v"][n])
        assert told == (promised.open, promised.high, promised.low, promised.close, promised.volume)
    # both ends count, and a start within a minute begins with the next
    inner = exact(caller.candles(start + dt.timedelta(seconds=1), start + 2 * MINUTE))
    assert inner["t"] == found["t"][1:3]


def test_there_is_no_data_while_the_market_is_closed(market: Market | MarketControl, caller: Caller) -> None:
    opened = NOW.replace(hour=14, minute=30, second=0)
    market.trade_during([(opened, opened + 3 * MINUTE)])
    assert caller.candles(opened - 30 * MINUTE, opened - MINUTE).json() == {"s": "no_data"}
    assert exact(caller.candles(opened - 30 * MINUTE, NOW))["t"] == [
        int((opened + n * MINUTE).timestamp()) for n in range(3)
    ]
    assert exact(caller.quote())["c"] == market.candle("AAPL", opened + 2 * MINUTE).close


@pytest.mark.parametrize("symbol", ["NOPE", "sim1", "SIM12345678"])
def test_an_unknown_symbol_is_zeros_with_200(market: Market | MarketControl, caller: Caller, symbol: str) -> None:
    answer = caller.quote(symbol)
    assert answer.status_code == 200
    assert answer.json() == {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}
    assert caller.candles(NOW - 5 * MINUTE, NOW, symbol).json() == {"s": "no_data"}


def test_a_symbol_can_be_listed(market: Market | MarketControl, caller: Caller) -> None:
    assert caller.quote("NEW.A").json()["c"] == 0
    market.list_symbols("NEW.A")
    assert exact(caller.quote("NEW.A"))["c"] == market.candle("NEW.A", NOW).open


def test_more_than_a_month_of_minutes_or_nonsense_is_refused(market: Market | MarketControl, caller: Caller) -> None:
    assert caller.candles(NOW - 31 * DAY, NOW).status_code == 200
    for answer in (
        caller.candles(NOW - 32 * DAY, NOW),
        caller.candles(NOW, NOW - MINUTE),
        caller.get("/api/v1/stock/candle", symbol="AAPL", resolution="1"),
        caller.get("/api/v1/quote"),
    ):
        assert answer.status_code == 422
        assert answer.json()["error"]
    assert caller.get("/api/v1/elsewhere").status_code == 404


def test_a_thousand_quotes_over_one_connection_are_the_candles_opens(market_process: MarketControl) -> None:
    market_process.limits()
    market_process.heal()
    market_process.clock.set(NOW)
    with requests.Session() as session:
        caller = Caller(market_process.url, market_process.token, session)
        prices = {number: exact(caller.quote(f"SIM{number}"))["c"] for number in range(1_000)}
    assert all(price == market_process.candle(f"SIM{number}", NOW).open for number, price in prices.items())
