from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from tests.support.calling import NOW, Caller

from local.market import Market, MarketControl, MarketProcess


@pytest.fixture(scope="session")
def market_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketProcess]:
    process = MarketProcess.start(tmp_path_factory.mktemp("market"), seed=5)
    yield process
    process.stop()


@pytest.fixture(params=["in this process", "in another process"])
def market(request: pytest.FixtureRequest) -> Iterator[Market | MarketControl]:
    """The same market twice: whatever holds for the object must hold for the process."""
    if request.param == "in this process":
        with Market.start(seed=5) as ours:
            ours.clock.set(NOW)
            yield ours
        return
    theirs: MarketProcess = request.getfixturevalue("market_process")
    theirs.heal()
    theirs.limits()
    theirs.trade_during(None)
    theirs.forget_requests()
    theirs.clock.set(NOW)
    yield theirs


@pytest.fixture
def caller(market: Market | MarketControl) -> Iterator[Caller]:
    with requests.Session() as session:
        yield Caller(market.url, market.token, session)
