from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import finnhub
import pytest
from finnhub.exceptions import FinnhubAPIException
from tests.support.calling import NOW

from local.market import Market, MarketControl


@pytest.fixture
def client(market: Market | MarketControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[finnhub.Client]:
    """The client as it is; its base URL is a public attribute of its class."""
    monkeypatch.setattr(finnhub.Client, "API_URL", market.api_url)
    with finnhub.Client(api_key=market.token) as official:
        yield official


def test_the_official_client_gets_a_quote(market: Market | MarketControl, client: finnhub.Client) -> None:
    quote = client.quote("AAPL")
    assert set(quote) == {"c", "d", "dp", "h", "l", "o", "pc", "t"}
    assert str(quote["c"]) == f"{market.candle('AAPL', NOW).open.normalize():f}"


def test_the_official_client_gets_candles(market: Market | MarketControl, client: finnhub.Client) -> None:
    start = NOW.replace(second=0) - dt.timedelta(minutes=3)
    found = client.stock_candles("AAPL", "1", int(start.timestamp()), int(NOW.timestamp()))
    assert set(found) == {"c", "h", "l", "o", "s", "t", "v"}
    assert found["t"] == [int(start.timestamp()) + 60 * n for n in range(3)]
    assert [str(price) for price in found["o"]] == [
        f"{market.candle('AAPL', start + dt.timedelta(minutes=n)).open.normalize():f}" for n in range(3)
    ]


def test_the_official_client_raises_what_it_raises_for_finnhub(
    market: Market | MarketControl, client: finnhub.Client
) -> None:
    client.api_key = "wrong"
    with pytest.raises(FinnhubAPIException) as refused:
        client.quote("AAPL")
    assert (refused.value.status_code, refused.value.message) == (401, "Invalid API key.")
    client.api_key = market.token
    market.fail("forbidden", endpoint="candle")
    with pytest.raises(FinnhubAPIException) as refused:
        client.stock_candles("AAPL", "1", 0, 60)
    assert (refused.value.status_code, refused.value.message) == (403, "You don't have access to this resource.")
    market.fail("limited")
    with pytest.raises(FinnhubAPIException) as refused:
        client.quote("AAPL")
    assert refused.value.status_code == 429
