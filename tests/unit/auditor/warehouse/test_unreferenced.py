"""The sweep for objects that nothing points to: bounded, resumed where it stopped, and blind to nothing."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.partitions import MemoryPartitions, MemoryWarehouse, Ticking
from tests.support.lake import shipped_contracts
from tests.support.tables import COUNTS, QUOTES, counts, rows_of

from auditor.services import Limits
from auditor.state import DatasetState, change_state
from auditor.warehouse.unreferenced import FOUND_AFTER, find_unreferenced, tables_of
from core.contract.model import Contract, Contracts
from core.mirroring.names import STATE_PROPERTY, hint_key, metadata_key
from core.ports import ObjectInfo
from core.warehouse.pointer import DATA_ROOT, object_name, partition_of, pointer_body, pointer_key
from processing.partitions.commit import CommitContext, SourceRef, commit_rows
from processing.partitions.vacuum import vacuum_partition

HOUR = timedelta(hours=1)
CONTRACT = Contract("test", None, (COUNTS, QUOTES))
PLACES = [
    partition_of(QUOTES.name, f"symbol={one}/month=2026-{month:02d}") for one in ("AAPL", "ZM") for month in (1, 2)
]


class Counting(MemoryWarehouse):
    """``listed`` counts the objects that listings gave out."""

    listed = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        for one in super().list(prefix, after=after):
            self.listed += prefix.startswith(DATA_ROOT)
            yield one


class Warehouse:
    """A bucket with so many versions of each partition, and a clock."""

    def __init__(self, versions: dict[str, int], *, budget: int = 10_000) -> None:
        self.clock = Ticking(step=timedelta())
        self.partitions = MemoryPartitions(clock=self.clock)
        self.records = Counting(self.partitions)
        self.services: Any = SimpleNamespace(
            contracts=Contracts((CONTRACT,)),
            records=self.records,
            partitions=self.partitions,
            limits=Limits(workers=2, sweep_objects=budget),
            now=lambda: self.clock.now,
        )
        for name, count in versions.items():
            for number in range(count):
                self.commit(name, number)

    def commit(self, name: str, number: int) -> None:
        context = CommitContext("c", random=random.Random(f"{name}{number}"), sleep=lambda _: None)
        folder, _, path = name.partition("/")
        minute = datetime(2026, 1, 1, 0, number)  # noqa: DTZ001 - as Arrow has it
        table = COUNTS if folder == COUNTS.name else QUOTES
        rows = counts([number]) if table is COUNTS else rows_of(QUOTES, [{"symbol": "AAPL", "minute": minute}])
        commit_rows(self.partitions, table, path, rows, sources=[SourceRef(f"o{number}", "e")], context=context)

    def look(self, *, audited: tuple[str, ...] = (), scheduled: bool = True) -> dict[str, int]:
        """What one run finds, by partition; the next one goes on where it stopped."""
        found = find_unreferenced(self.services, CONTRACT, "run", audited=audited, scheduled=scheduled, attempt=0)
        if scheduled:
            change_state(self.records, "test", lambda _: DatasetState(swept_until=found.until))
        return {partition_of(finding.table, finding.partition): finding.objects for finding in found.findings}


@settings(max_examples=12, deadline=None)
@given(
    versions=st.lists(st.integers(1, 4), min_size=len(PLACES) + 1, max_size=len(PLACES) + 1),
    budget=st.integers(4, 16),  # of a part that is cut the last two numbers are kept
)
def test_whatever_the_budget_every_partition_comes_round_and_no_run_lists_more(
    versions: list[int], budget: int
) -> None:
    wanted = dict(zip([COUNTS.name, *PLACES], versions, strict=True))
    place = Warehouse(wanted, budget=budget)
    place.clock.now += FOUND_AFTER
    found: set[str] = set()
    for _ in range(2 * sum(versions) + 2):
        place.records.listed = 0
        found |= place.look().keys()
        assert place.records.listed <= budget
    assert found == {name for name, count in wanted.items() if count > 1}


def test_a_sweep_that_came_to_the_end_begins_again() -> None:
    place = Warehouse({PLACES[0]: 3})
    place.clock.now += FOUND_AFTER
    assert place.look() == place.look() == {PLACES[0]: 2}


def test_what_is_found_can_be_removed_and_nothing_comes_due_before_the_next_look() -> None:
    place = Warehouse({PLACES[0]: 3})
    place.clock.now += FOUND_AFTER - HOUR
    assert place.look() == {}
    place.commit(PLACES[0], 7)
    place.clock.now += HOUR
    assert place.look() == {PLACES[0]: 1}  # the second was replaced an hour ago, as far as times tell
    plan = vacuum_partition(place.partitions, place.records, PLACES[0], now=place.clock.now)
    assert plan is not None
    assert len(plan.remove) == 1
    place.clock.now += 5 * HOUR
    assert place.look() == {}


def test_the_partitions_of_the_audited_windows_are_looked_at_in_every_run() -> None:
    place = Warehouse(dict.fromkeys(PLACES, 3), budget=4)
    place.clock.now += FOUND_AFTER
    assert place.look(audited=(PLACES[3],))[PLACES[3]] == 2
    assert place.look(audited=(PLACES[3],), scheduled=False) == {PLACES[3]: 2}


@pytest.mark.parametrize("body", [None, b"rubbish", pointer_body("warehouse-bucket", "warehouse/_data/elsewhere")])
def test_a_partition_whose_pointer_leads_nowhere_is_left_for_its_repair(body: bytes | None) -> None:
    place = Warehouse({PLACES[0]: 3, PLACES[1]: 2})
    place.clock.now += FOUND_AFTER
    if body is None:
        place.partitions.delete([pointer_key(PLACES[0])])
    else:
        place.partitions.objects[pointer_key(PLACES[0])] = body
    assert place.look() == {PLACES[1]: 1}


@pytest.mark.parametrize("state", [None, b"rubbish", gzip.compress(b'{"format":1,"manifests":[]}', mtime=0)])
def test_a_mirror_that_cannot_be_read_keeps_its_tables_objects_and_ends_no_audit(state: bytes | None) -> None:
    """As one that an earlier release left, until its next run: each audit of its dataset failed."""
    place = Warehouse({PLACES[0]: 3, COUNTS.name: 2})
    place.clock.now += FOUND_AFTER
    metadata = {"snapshots": [{"sequence-number": 1}], "properties": {STATE_PROPERTY: "the-state"}}
    place.records.write(hint_key(QUOTES.name), b"1")
    place.records.write(metadata_key(QUOTES.name, 1), json.dumps(metadata).encode())
    if state is not None:
        place.records.write("the-state", state)
    assert place.look(audited=(PLACES[0],)) == {COUNTS.name: 1}


def test_a_mirror_whose_metadata_were_cut_keeps_its_tables_objects_too() -> None:
    place = Warehouse({PLACES[0]: 3, COUNTS.name: 2})
    place.clock.now += FOUND_AFTER
    place.records.write(hint_key(QUOTES.name), b"1")
    place.records.write(metadata_key(QUOTES.name, 1), b'{"snapshots": [{"sequ')
    assert place.look(audited=(PLACES[0],)) == {COUNTS.name: 1}


def test_an_object_with_a_greater_number_is_no_finding_and_one_that_was_beaten_is() -> None:
    place = Warehouse({PLACES[0]: 1})
    write = place.partitions.write_object
    write(PLACES[0], object_name(2, "a" * 32), b"on its way")
    place.clock.now += FOUND_AFTER
    assert place.look() == {}
    write(PLACES[0], object_name(1, "b" * 32), b"beaten")
    place.clock.now += FOUND_AFTER
    assert place.look() == {PLACES[0]: 1}


def test_a_dataset_has_its_own_tables_and_the_current_states_that_they_are_computed_from() -> None:
    names = {name: [table.name for table in tables_of(shipped_contracts(), name)] for name in ("quotes", "sales")}
    assert {"_current/staff", "_current/department", "dim_staff", "fact_payment"} <= set(names["sales"])
    assert "_current/sales_order" not in names["sales"]
    assert {"fact_quote", "fact_quote_hourly", "dim_symbol"} <= set(names["quotes"])
    assert not set(names["quotes"]) & set(names["sales"])


def test_the_partitions_that_are_outstanding_are_looked_at_in_every_run() -> None:
    """What could not be removed was told, over with the next run, which swept elsewhere, and told again."""
    warehouse = Warehouse(dict.fromkeys(PLACES, 6), budget=6)
    warehouse.clock.now += 3 * FOUND_AFTER
    for scheduled in (True, False, True, False):
        unreferenced = find_unreferenced(
            warehouse.services,
            CONTRACT,
            "run",
            audited=(),
            outstanding=(PLACES[-1],),
            scheduled=scheduled,
            attempt=0,
        )
        assert PLACES[-1] in unreferenced.partitions
        assert unreferenced.passed == (PLACES[-1],)
        assert len(unreferenced.partitions) == len(set(unreferenced.partitions))
