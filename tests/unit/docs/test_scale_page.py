"""docs/scale.md against the files that it is computed from."""

from __future__ import annotations

import importlib.util
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

SCALE = Path(__file__).parents[3] / "docs" / "scale"


@pytest.fixture(scope="module")
def estimate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scale_estimate", SCALE / "estimate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_its_files_give(estimate: ModuleType) -> None:
    page = (SCALE.parent / "scale.md").read_text(encoding="utf-8")
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
