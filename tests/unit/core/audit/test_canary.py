"""The gap of a canary: the same for every caller, once a day, where a point is expected at all."""

from __future__ import annotations

from dataclasses import replace

from tests.support.lake import shipped_contracts

from core.audit.canary import DAY, PlantedRow, newest_gap, planted_gap
from core.feeds.calendar import is_expected
from core.time import epoch

FRIDAY = epoch("2026-11-20T00:00:00Z")
FEED = replace(shipped_contracts().feed("quotes"), canary=True)
CALENDAR = shipped_contracts().calendar("XNYS")


def test_a_gap_is_an_expected_point_and_everybody_computes_the_same() -> None:
    gap = planted_gap("quotes", FEED, CALENDAR, FRIDAY)
    assert gap is not None
    assert gap == planted_gap("quotes", FEED, CALENDAR, FRIDAY)
    entity, slot = gap
    assert entity in [known.name for known in FEED.entities]
    assert FRIDAY <= slot < FRIDAY + DAY
    assert is_expected(CALENDAR, slot)


def test_nothing_is_planted_where_nothing_is_expected_or_there_is_no_canary() -> None:
    assert planted_gap("quotes", FEED, CALENDAR, FRIDAY + DAY) is None  # a Saturday
    assert planted_gap("quotes", replace(FEED, canary=False), CALENDAR, FRIDAY) is None


def test_the_newest_gap_lies_before_the_instant_even_over_a_weekend() -> None:
    friday = planted_gap("quotes", FEED, CALENDAR, FRIDAY)
    assert newest_gap("quotes", FEED, CALENDAR, before=FRIDAY + 3 * DAY) == friday
    assert friday is not None
    earlier = newest_gap("quotes", FEED, CALENDAR, before=friday[1])
    assert earlier is not None
    assert earlier[1] < FRIDAY


def test_a_planted_row_comes_back_as_it_was() -> None:
    row = PlantedRow("2026-11-20", "fact_sales_canary", "bucket=0", {"currency_id": "1"}, "", 1_800_000_000)
    assert PlantedRow.from_json(row.to_json()) == row
