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


FACTS = {
    "most_unbucketed": 100, "minutes_a_day": 390, "most_rows": 50_000, "commits_at_once": 16, "calls_at_once": 16,
    "points_a_gap": 1_000, "jobs_at_once": 5, "emulated": {"event": 0},
    "seconds": {
        "call": 0.3, "buffer": 60, "event": 1, "window": 1, "invocation": 0.05, "row": 0.00001, "commit": 0.165,
        "commit_cpu": 0.016, "every": 300, "margin": 5, "pass": 3, "pass_row": 0.0001, "audit_minute": 10, "audit": 4,
        "audit_of_1000": 2, "repair": 0.1, "wait": 90,
    },
}  # fmt: skip


def test_a_value_can_be_queried_after_the_buffer_and_the_commits_of_its_minute(estimate: ModuleType) -> None:
    """A thousand entities in eight buckets are one round of commits; a hundred thousand are 1,024 of a processor."""
    quoted = {count: estimate.roads(FACTS, count)["quote"] for count in (1_000, 100_000)}
    assert quoted[1_000] == Decimal("0.3") + 60 + 1 + 1 + Decimal("0.05") + Decimal("0.01") + Decimal("0.165")
    assert quoted[100_000] == Decimal("0.3") + 60 + 1 + 1 + Decimal("0.05") + 1 + 1_024 * Decimal("0.016")
    assert estimate.roads(FACTS, 1_000, emulated=True)["quote"] == quoted[1_000] - 1


def test_a_row_waits_for_a_pass_and_a_gap_for_its_hour(estimate: ModuleType) -> None:
    soon = estimate.roads(FACTS, 1_000)
    assert soon["row"] == 297 + 5 + 3 + Decimal("0.1") + 2
    assert soon["gap"] == 59 * 60 + 24 + 600 + 4 + 2 + 60 * Decimal("0.4") / 2 + 90


def test_what_is_promised_of_time_is_held_by_the_page(estimate: ModuleType) -> None:
    given = estimate.load(estimate.FOLDER / "scenarios.yaml")
    for count in given["freshness"]["counts"]:
        soon = estimate.roads({**given["entities"], **given["freshness"]}, count)
        assert (soon["quote"] <= 180, soon["row"] <= 420) == (True, True), (count, soon)
        assert (soon["gap"] <= 4_500) == (count <= 10_000), (count, soon)  # as the page says
