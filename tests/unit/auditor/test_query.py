"""Athena's road and the pointers' road find the same points missing."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from tests.support.feeds import contracts_in

from auditor.expect import expect
from auditor.points import Coverage, missing_points
from auditor.query import ask_missing, missing_points_sql
from auditor.windows import windows_between
from core.contract.model import Entity
from local.emulator.mends.athena_dialect import MACROS, parse, tables_of, translate


class EmulatedAthena:
    """Athena's SQL as the emulator runs it, over one table in memory."""

    def __init__(self, rows: pa.Table) -> None:
        self.duck = duckdb.connect()
        for macro in MACROS:
            self.duck.execute(macro)
        self.duck.execute('create schema "db"')
        self.duck.register("rows", rows)
        self.duck.execute('create table "db".fact_quote as select * from rows')
        self.asked = 0

    def query(self, sql: str) -> pd.DataFrame:
        self.asked += 1
        tree = parse(sql)
        tables_of(tree, "db")
        columns = {("db", "fact_quote"): {"symbol": "string", "minute": "timestamp", "month": "string"}}
        return self.duck.execute(translate(tree, columns)[0]).df()


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def table_of(points: Sequence[tuple[str, int]]) -> pa.Table:
    moments = pa.array([slot * 1_000_000 for _, slot in points], pa.int64()).cast(pa.timestamp("us"))
    months = [dt.datetime.fromtimestamp(slot, dt.UTC).strftime("%Y-%m") for _, slot in points]
    return pa.table({"symbol": [name for name, _ in points], "minute": moments, "month": months})


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-20T15:00:00", "2026-11-20T16:00:00"),
        ("2026-10-30T18:00:00", "2026-11-03T16:00:00"),  # over a DST change and a month's end
        ("2026-11-25T20:00:00", "2026-11-27T23:00:00"),  # a holiday and a half day
    ],
)
@pytest.mark.parametrize("page", [50_000, 40])
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
    owed = [
        (name, slot)
        for name, ranges, _ in coverage.ranges_of(1, every=60)
        for first, last in ranges
        for slot in range(first, last, 60)
    ]
    there = [one for one in owed if chance.random() < 0.7]
    rows = table_of([*there, ("AAPL", at(start) - 60)])
    coverage.mark_present(rows["symbol"], rows["minute"], None)
    monkeypatch.setattr("auditor.query.PAGE", page)
    monkeypatch.setattr("auditor.query.missing_points_sql", _paged(page))
    athena = EmulatedAthena(rows)
    found = ask_missing(athena, "quotes", fact, feed, calendar, windows)
    assert found == missing_points("quotes", coverage, every=60)
    assert athena.asked == sum(one.points for one in found) // page + 1


def _paged(page: int) -> Any:
    return lambda *args, after: missing_points_sql(*args, after=after, limit=page)


def test_only_the_windows_partitions_are_scanned() -> None:
    contracts = contracts_in()
    feed, calendar = contracts.feed("quotes"), contracts.calendar("XNYS")
    windows = windows_between(feed, calendar, at("2026-11-20T15:00:00"), at("2026-11-20T16:00:00"))
    sql = missing_points_sql(contracts.table("fact_quote"), feed, calendar, windows)
    assert "month in ('2026-11')" in sql
    assert "minute >= timestamp '2026-11-20 15:00:00'" in sql


def test_where_nothing_is_owed_nothing_is_asked() -> None:
    contracts = contracts_in()
    feed, calendar = contracts.feed("quotes"), contracts.calendar("XNYS")
    assert missing_points_sql(contracts.table("fact_quote"), feed, calendar, []) == ""
