"""The rows of a database's windows that a page reads: what a listing of all would give, and no such listing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.audited import AuditedDatabase
from tests.support.lake import shipped_contracts

from auditor.databases.rows.targets import ALWAYS, all_slices, targets_of
from auditor.evidence.completeness import COMPLETENESS, completeness_key
from auditor.page.reading.sources import Range, Sources
from auditor.page.reading.windows import read_database_rows
from auditor.page.report import shape_windows
from auditor.state import change_state
from core.contract.model import Contract
from core.json import canonical_json
from core.ports import ObjectInfo
from core.time import epoch, iso

NOW, DAY = epoch("2026-11-20T14:00Z"), 86_400


class Listed(MemoryObjects):
    """Objects that say how many names were listed."""

    names = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        for info in super().list(prefix, after=after):
            self.names += 1
            yield info


def by(unit: str) -> Contract:
    """The shipped database, its orders by another unit of time."""
    contract = shipped_contracts().dataset("sales")
    tables = [
        replace(table, partition_by=(replace(table.partition_by[0], transform=unit),), since="2022-01-01")
        if table.name == "fact_sales_order"
        else table
        for table in contract.tables
    ]
    return replace(contract, tables=tuple(tables))


def audited(contract: Contract, store: MemoryObjects) -> None:
    """A row of each window, and of each day where no time bounds it."""
    for target in targets_of(contract)[:4]:
        for part in all_slices(target, NOW) if target.column else ():
            write(store, target.table.name, part.start, part.end, iso(NOW))
    for target in targets_of(contract):
        for day in range(NOW - 300 * DAY, NOW, DAY) if not target.column else ():
            write(store, target.table.name, *ALWAYS, iso(day), day=iso(day)[:10])


def write(store: MemoryObjects, subject: str, start: int, end: int, at: str, day: str = "") -> None:
    row: dict[str, Any] = {"subject": subject, "window_start": iso(start), "window_end": iso(end), "status": "open"}
    store.write(completeness_key("sales", start, subject=subject, day=day), canonical_json({**row, "audited_at": at}))


def whole(store: MemoryObjects) -> list[dict[str, Any]]:
    """What all rows of the dataset give, the newest of each window."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for info in store.list(COMPLETENESS):
        stored = store.read(info.key)
        row = json.loads(stored.body) if stored else {}
        newest[row["subject"], row["window_start"]] = row
    return [*newest.values()]


@pytest.mark.parametrize("unit", ["day", "month", "year"])
def test_a_page_shows_what_a_listing_of_all_rows_would_and_lists_no_more_for_an_older_lake(unit: str) -> None:
    contract, store, draw = by(unit), Listed(clock=lambda: datetime(2026, 11, 20, tzinfo=UTC)), random.Random(unit)
    audited(contract, store)
    services = replace(AuditedDatabase(contract).services, records=store)
    sources = Sources(services, newest=lambda _: {}, workers=1)
    for _ in range(12):
        end = NOW - draw.choice([0, 0, draw.randrange(400 * DAY)])
        span = Range.of(end - draw.choice([3600, 7 * DAY, draw.randrange(1, 90 * DAY)]), end, NOW)
        rows = shape_windows(read_database_rows(sources, contract, span), span.start, span.end)
        assert rows == shape_windows(whole(store), span.start, span.end), (iso(span.start), iso(span.end))
    store.names = 0
    read_database_rows(sources, contract, Range.of(None, None, NOW))
    assert store.names < 1_000


def test_of_a_dataset_that_was_paused_for_long_the_last_rows_are_shown() -> None:
    contract, store = by("month"), Listed()
    write(store, "fact_payment", NOW - 400 * DAY, NOW - 370 * DAY, iso(NOW - 300 * DAY))
    write(store, "dim_of_before", *ALWAYS, iso(NOW - 300 * DAY), day=iso(NOW - 300 * DAY)[:10])
    change_state(store, "sales", lambda state: replace(state, frontier=NOW - 300 * DAY))
    services = replace(AuditedDatabase(contract).services, records=store)
    rows = read_database_rows(Sources(services, newest=lambda _: {}, workers=1), contract, Range.of(None, None, NOW))
    assert {row["subject"] for row in rows} == {"fact_payment", "dim_of_before"}
