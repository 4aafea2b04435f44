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
