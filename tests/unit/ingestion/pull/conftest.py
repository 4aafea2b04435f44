from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.feeds import OPENING, Acquisition, contracts_in

from local.market import Market


@pytest.fixture
def market() -> Iterator[Market]:
    with Market.start(seed=7) as market:
        market.clock.set(OPENING)
        yield market


@pytest.fixture
def acquisition(market: Market) -> Acquisition:
    return Acquisition(contracts=contracts_in(), dataset="quotes", url=market.api_url, token=market.token)
