"""Rows that the source has from before a fact's ``since``: kept nowhere, missing nowhere, and told so."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.support.zoo import Cage, Zoo, zoo

from auditor.databases.memory import change_memory
from auditor.databases.open_slices.looks import Look
from auditor.databases.rows.targets import Slice, targets_of
from auditor.evidence.completeness import completeness_key
from auditor.standing.reading import read_standing
from auditor.stories.tell import tell
from core.contract.model import Contracts
from core.time import epoch

pytestmark = pytest.mark.database

COLUMNS = {"id": ("int", "int"), "note": ("text", "string")}
READING = Cage("reading", COLUMNS, ("id",), since="2026-01-01")
POSTING = Cage("posting", COLUMNS, ("id",), since="2026-06-15")
MONTHS = ("2025-11", "2026-03", "2026-04", "2026-06", "2026-09")


@contextmanager
def two_facts() -> Iterator[Zoo]:
    """Two facts that begin half a year apart, and at the source a row of each month in both."""
    with zoo(READING, POSTING) as simulation:
        for table in ("reading", "posting"):
            for number, month in enumerate(MONTHS, start=1):
                add_row(simulation, table, number, f"timestamp '{month}-10 12:00'")
        simulation.extract()
        yield simulation


def add_row(simulation: Zoo, table: str, number: int, at: str) -> None:
    row = {"id": str(number), "note": "'a'", "created_at": at, "changed_at": "timestamp '2026-11-10 12:00'"}
    simulation.insert(table, row)


def rows_of_completeness(simulation: Zoo) -> dict[tuple[str, str], Any]:
    records = simulation.lake.records
    stored = [records.read(info.key) for info in records.list("completeness/")]
    rows = [json.loads(each.body) for each in stored if each is not None]
    return {(row["subject"], row["window_start"][:7]): row for row in rows}


def ids(simulation: Zoo, fact: str) -> list[int]:
    return sorted(row["id"] for row in simulation.lake.rows(fact))


def beginning(contracts: Contracts, fact: str, since: str) -> Contracts:
    """The contracts with another first day of a fact."""
    changed = []
    for contract in contracts:
        tables = tuple(replace(table, since=since) if table.name == fact else table for table in contract.tables)
        changed.append(replace(contract, tables=tables))
    return replace(contracts, contracts=tuple(changed))


@pytest.mark.parametrize("start", ["2026-01-01", "2025-10-01"])
def test_no_audit_of_any_range_looks_for_rows_from_before_a_fact_begins(start: str) -> None:
    with two_facts() as simulation:
        for run, order in {
            "full": {"start": start, "end": "2026-11-20"},
            "before": {"start": "2025-11-01", "end": "2025-12-01"},
            "between": {"start": "2026-03-01", "end": "2026-05-01"},
            "due": {},
            "again": {"start": start, "end": "2026-11-20"},
        }.items():
            healed = simulation.heal(run=run, **order)
            assert simulation.findings(run) == [], run
            assert healed["certify"]["causes"] == 0, run
        assert simulation.mail.sent == []
        assert (ids(simulation, "fact_reading"), ids(simulation, "fact_posting")) == ([2, 3, 4, 5], [4, 5])
        rows = rows_of_completeness(simulation)
        assert [place for place, row in rows.items() if row["missing"] or row["status"] != "certified"] == [
            place
            for place in rows
            if place[1] == f"{simulation.now():%Y-%m}"  # which is not over
        ]
        firsts = {subject: min(month for name, month in rows if name == subject) for subject, _ in rows}
        assert firsts == {"fact_reading": "2026-01", "fact_posting": "2026-06"}
        assert simulation.verified() == []


def test_a_month_that_an_earlier_release_called_missing_owes_nothing_from_the_next_audit_on() -> None:
    with two_facts() as simulation:
        before = Slice("fact_posting", epoch("2026-03-01"), epoch("2026-04-01"))
        key = completeness_key(simulation.dataset, before.start, subject=before.table)
        simulation.heal()
        row = rows_of_completeness(simulation)["fact_posting", "2026-09"]
        alarmed = row | {
            "window_start": "2026-03-01T00:00:00Z",
            "window_end": "2026-04-01T00:00:00Z",
            "status": "alarmed",
            "missing": 31,
        }
        simulation.lake.records.write(key, json.dumps(alarmed).encode())
        open_slice = (before.table, before.start, before.end)
        change_memory(
            simulation.lake.records,
            simulation.dataset,
            lambda memory: replace(memory, open={**memory.open, open_slice: Look()}),
        )
        simulation.heal()
        now = rows_of_completeness(simulation)["fact_posting", "2026-03"]
        assert (now["status"], now["expected"], now["missing"]) == ("certified", 0, 0)
        assert simulation.verified() == []
        standing = read_standing(simulation.lake.records, simulation.contract, now=int(simulation.now().timestamp()))
        assert [table.missing for table in standing.tables] == [0, 0]


def test_a_fact_that_begins_earlier_by_a_new_contract_gets_its_rows_and_one_that_begins_later_owes_fewer() -> None:
    with two_facts() as simulation:
        simulation.heal()
        simulation.deployed(beginning(simulation.contracts, "fact_posting", "2026-04-01"))
        simulation.heal(start="2026-01-01", end="2026-11-20")
        assert ids(simulation, "fact_posting") == [3, 4, 5]
        simulation.deployed(beginning(simulation.contracts, "fact_posting", "2026-09-01"))
        simulation.run("delete from posting where id = 3")
        simulation.heal(run="later", start="2026-01-01", end="2026-11-20")
        assert simulation.findings("later") == []


def test_why_tells_that_a_row_is_from_before_the_promise_and_how_to_have_it() -> None:
    with two_facts() as simulation:
        simulation.heal()
        simulation.run("update posting set changed_at = timestamp '2026-11-01' where id = 2")  # behind the watermark
        add_row(simulation, "posting", 9, "timestamp '2026-05-31 23:59'")  # which no extraction has taken
        for number, at in ((1, "2025-11-10"), (2, "2026-03-10"), (9, "2026-05-31")):
            story = tell(simulation.services(), simulation.contracts.table("fact_posting"), {"id": str(number)})
            assert (story.verdict, story.is_fine) == ("outside", True), story
            assert f"is of {at}" in story.sentence
            assert "fact_posting keeps rows from 2026-06-01 on" in story.sentence
            assert "earlier `since`" in story.next[0]
        kept = tell(simulation.services(), simulation.contracts.table("fact_reading"), {"id": "2"})
        assert kept.verdict == "extracted"


def test_why_tells_from_when_on_audits_fetch_a_row_that_lies_in_a_slice_of_the_future() -> None:
    ledger = Cage("ledger", COLUMNS, ("id",), partition_by=("day(created_at)",))
    with zoo(ledger) as simulation:
        ahead = (simulation.now() + dt.timedelta(days=24)).replace(hour=12, minute=0, second=0, microsecond=0)
        at = f"timestamp '{ahead:%Y-%m-%d %H:%M}'"
        simulation.insert("ledger", {"id": "1", "note": "'a'", "created_at": at, "changed_at": at})
        add_row(simulation, "ledger", 2, "timestamp '2026-11-10 12:00'")
        simulation.extract()
        simulation.heal()
        assert ids(simulation, "fact_ledger") == [2]
        story = tell(simulation.services(), simulation.contracts.table("fact_ledger"), {"id": "1"})
        assert story.verdict == "unplaced"
        assert f"no audit before {ahead:%Y-%m-%d}T00:00:00Z" in story.next[0], story.next
        simulation.ahead = ahead.replace(hour=0, minute=30) - simulation.now()
        simulation.heal()
        assert ids(simulation, "fact_ledger") == [1, 2]


def test_slices_begin_with_the_unit_that_the_first_day_lies_in() -> None:
    with zoo(POSTING) as simulation:
        (target,) = targets_of(simulation.contract)
        assert target.begins == epoch("2026-06-01")
