"""The market as a server."""

from __future__ import annotations

import pytest
import requests

from local.market import Market


def test_a_stopped_market_closes_its_connections_and_its_port() -> None:
    market = Market.start()
    with requests.Session() as session:
        call = {"params": {"symbol": "AAPL"}, "headers": {"X-Finnhub-Token": market.token}, "timeout": 5}
        assert session.get(f"{market.api_url}/quote", **call).ok
        market.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{market.api_url}/quote", **call)


def test_a_market_with_a_fault_a_limit_or_sessions_is_not_undisturbed() -> None:
    with Market.start() as market:
        assert market.is_undisturbed
        number = market.fail("error", symbol="AAPL")
        assert not market.is_undisturbed
        market.heal(number)
        market.limits(per_minute=60)
        assert not market.is_undisturbed
        market.limits()
        assert market.is_undisturbed
        market.trade_during([])
        assert not market.is_undisturbed
