"""docs/cost.md against the files that it is computed from."""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType

import pytest
from tests.support.computed_pages import DOCS, estimate_of


@pytest.fixture(scope="module")
def estimate() -> ModuleType:
    return estimate_of("cost")


def test_the_page_says_what_its_files_give(estimate: ModuleType) -> None:
    page = (DOCS / "cost.md").read_text(encoding="utf-8")
    assert estimate.written(page) == page, "run: make cost"


def test_everything_that_is_used_has_a_price_and_every_unit_of_work_says_what_it_is(estimate: ModuleType) -> None:
    prices, units = estimate.load("prices")["prices"], estimate.load("measured")["units"]
    used = {
        name for one in estimate.load("scenarios")["scenarios"].values() for name in estimate.quantities(one, units)
    }
    assert used <= set(prices)
    assert all(unit["about"] for unit in units.values())


def test_a_call_costs_its_request_and_its_share_of_memory_and_time(estimate: ModuleType) -> None:
    units = {"call": {"functions": [{"calls": Decimal(2), "milliseconds": Decimal(500), "memory_mb": Decimal(2048)}]}}
    used = estimate.quantities({"work": {"call": Decimal(1000)}, "standing": {}}, units)
    assert used == {"lambda_request": Decimal(2000), "lambda_gb_second": Decimal(2000)}
    prices = {
        "lambda_request": {"usd": Decimal("0.2"), "per": Decimal(1000000), "service": "Lambda"},
        "lambda_gb_second": {"usd": Decimal("0.0000166667"), "per": Decimal(1), "service": "Lambda"},
    }
    assert estimate.costs(used, prices) == {"Lambda": Decimal("0.0337334")}
