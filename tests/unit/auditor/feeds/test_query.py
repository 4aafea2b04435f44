"""Athena's road and the pointers' road find the same points missing."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.athena import MemoryAthena
from tests.support.feeds import contracts_in

from auditor.feeds.expect import expect
from auditor.feeds.points import MISSING, Coverage, missing_points
from auditor.feeds.query import ask_missing, questions, sql_of
from auditor.windows import windows_between
from core.contract.model import Entity


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def table_of(points: Sequence[tuple[str, int]]) -> pa.Table:
    moments = pa.array([slot * 1_000_000 for _, slot in points], pa.int64()).cast(pa.timestamp("us"))
    months = [dt.datetime.fromtimestamp(slot, dt.UTC).strftime("%Y-%m") for _, slot in points]
    names = pa.array([name for name, _ in points], pa.string())
    return pa.table({"symbol": names, "minute": moments, "month": pa.array(months, pa.string())})


def owed_of(coverage: Coverage) -> list[tuple[str, int]]:
    return [
        (name, slot)
        for name, ranges, _ in coverage.ranges_of(MISSING)
        for first, last in ranges
        for slot in range(first, last, 60)
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-20T15:00:00", "2026-11-20T16:00:00"),
        ("2026-10-30T18:00:00", "2026-11-03T16:00:00"),  # over a DST change and a month's end
        ("2026-11-25T20:00:00", "2026-11-27T23:00:00"),  # a holiday and a half day
    ],
)
@pytest.mark.parametrize("page", [50_000, 30])
def test_both_roads_agree(start: str, end: str, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = contracts_in()
    feed = contracts.feed("quotes")
    entities = (Entity("AAPL"), Entity("O'HARA"), Entity("ZM", valid_until=f"{end[:10]}T15:30:00Z"))
    feed = replace(feed, entities=entities)
    calendar = contracts.calendar("XNYS")
    fact = contracts.table("fact_quote")
    windows = windows_between(feed, calendar, at(start), at(end))
    coverage = Coverage(expect(feed, calendar, windows))
    chance = random.Random(start)
    there = [one for one in owed_of(coverage) if chance.random() < 0.6]
    rows = table_of([*there, ("AAPL", at(start) - 60)])
    coverage.mark_present(rows["symbol"], rows["minute"], None)
    monkeypatch.setattr("auditor.feeds.query.PAGE", page)
    athena = MemoryAthena(lambda: rows)
    found = ask_missing(athena, "quotes", fact, feed, calendar, windows)
    assert found == missing_points("quotes", coverage)
    gaps = sum(len(one.ranges) for one in found)
    assert gaps > 30
    assert len(athena.asked) == gaps // page + 1


@settings(max_examples=10)
@given(
    moment=st.sampled_from(["2026-03-06", "2026-10-30", "2026-11-26", "2026-11-30", "2026-12-31"]),
    begin=st.integers(0, 48),
    hours=st.integers(1, 72),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
    names=st.integers(1, 40),
    stretches=st.integers(1, 5),
)
def test_both_roads_agree_on_any_loss_however_it_is_asked(
    moment: str, begin: int, hours: int, seed: int, share: float, names: int, stretches: int
) -> None:
    """Over DST changes, ends of months and years, holidays and half days; in one question or in many."""
    contracts = contracts_in()
    feed, calendar, fact = contracts.feed("quotes"), contracts.calendar("XNYS"), contracts.table("fact_quote")
    start = at(f"{moment}T00:00:00") + begin * 3600
    windows = windows_between(feed, calendar, start, start + hours * 3600)
    coverage = Coverage(expect(feed, calendar, windows))
    chance = random.Random(seed)
    there = [one for one in owed_of(coverage) if chance.random() >= share]
    rows = table_of(there)
    coverage.mark_present(rows["symbol"], rows["minute"], None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auditor.feeds.query.NAMES_BYTES", names)
        patch.setattr("auditor.feeds.query.STRETCHES", stretches)
        patch.setattr("auditor.feeds.query.LONGEST", 100)
        found = ask_missing(MemoryAthena(lambda: rows), "quotes", fact, feed, calendar, windows)
    assert found == missing_points("quotes", coverage)


def test_only_the_windows_partitions_are_scanned() -> None:
    contracts = contracts_in()
    feed, calendar = contracts.feed("quotes"), contracts.calendar("XNYS")
    windows = windows_between(feed, calendar, at("2026-11-20T15:00:00"), at("2026-11-20T16:00:00"))
    (asked,) = questions(contracts.table("fact_quote"), feed, calendar, windows)
    sql = sql_of(asked)
    assert "\"month\" in ('2026-11')" in sql
    assert "\"minute\" >= timestamp '2026-11-20 15:00:00'" in sql


def test_a_year_of_ten_thousand_symbols_is_asked_within_what_athena_takes() -> None:
    contracts = contracts_in()
    feed, calendar = contracts.feed("quotes"), contracts.calendar("XNYS")
    feed = replace(feed, entities=tuple(Entity(f"SYMBOL{number:05d}") for number in range(10_000)))
    windows = windows_between(feed, calendar, at("2026-01-02T00:00:00"), at("2026-12-31T00:00:00"))
    asked = list(questions(contracts.table("fact_quote"), feed, calendar, windows))
    assert all(len(sql_of(one).encode()) < 262_144 for one in asked)
    assert sum(len(one.entities) for one in asked) == 10_000


def test_where_nothing_is_owed_nothing_is_asked() -> None:
    contracts = contracts_in()
    feed, calendar = contracts.feed("quotes"), contracts.calendar("XNYS")
    assert list(questions(contracts.table("fact_quote"), feed, calendar, [])) == []
