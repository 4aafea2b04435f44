"""docs/scale.md against the files that it is computed from."""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType

import pytest
from tests.support.computed_pages import DOCS, estimate_of


@pytest.fixture(scope="module")
def estimate() -> ModuleType:
    return estimate_of("scale")


def test_the_page_says_what_its_files_give(estimate: ModuleType) -> None:
    page = (DOCS / "scale.md").read_text(encoding="utf-8")
    assert estimate.written(page) == page, "run: make scale"


def test_a_step_takes_whole_rounds_and_costs_the_same_however_many_work(estimate: ModuleType) -> None:
    step = {"pieces": 33, "seconds": 2, "at_once": 16, "to": 1000, "memory_mb": 1024, "usd": {"s3_get": 3}}
    prices = {
        "lambda_gb_second": {"usd": Decimal("0.5"), "per": Decimal(1)},
        "s3_get": {"usd": Decimal(1), "per": Decimal(10)},
    }
    assert estimate.seconds_of(step, "at_once") == 6
    assert estimate.seconds_of(step, "to") == 2
    assert estimate.usd_of(step, prices) == 33 * (Decimal(1) + Decimal("0.3"))
