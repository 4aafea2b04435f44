"""A scan of a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tests.support.audited import CLOCK, DATASET, ORDER_FACT, AuditedDatabase

from auditor.databases.choose import DatabaseOrder, choose_slices
from auditor.databases.memory import Memory, change_memory
from auditor.databases.rows.targets import Slice
from auditor.databases.scan import DatabaseScan, scan_database
from auditor.run_files import read_run_file
from auditor.windows import Scope
from core.audit.findings import DeadLetters, SlowSweep
from core.time import at_epoch

NOW = int(CLOCK.timestamp())


class Letters:
    """``auditor.services.DeadLetterQueue`` that holds these."""

    def __init__(self, bodies: Mapping[str, str]) -> None:
        self._bodies = bodies

    def peek(self) -> Mapping[str, str]:
        return self._bodies

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        return messages


def scan(lake: AuditedDatabase, **changes: Any) -> DatabaseScan:
    order = choose_slices(lake.services, DATASET, "run", Scope(NOW))
    return scan_database(lake.services, DatabaseOrder(**{**_fields(order), **changes}), attempt=0)


def _fields(order: DatabaseOrder) -> dict[str, Any]:
    return {name: getattr(order, name) for name in DatabaseOrder.__dataclass_fields__}


def test_what_differs_is_found_and_the_result_is_a_file_of_the_run() -> None:
    lake = AuditedDatabase()
    lake.arrive(1)
    lake.source = {1: 10, 2: 20}
    lake.put({1: 10})
    result = scan(lake).result
    assert [finding.kind for finding in result.findings] == ["missing_row"]
    assert result.windows[0].counts["missing"] == 1
    assert read_run_file(lake.records, "run", "audit-0") == result.to_data()


def test_before_anything_is_processed_nothing_is_compared() -> None:
    lake = AuditedDatabase()
    lake.source = {1: 10}
    result = scan(lake).result
    assert (result.windows, result.findings, lake.asked) == ((), (), [])


def seen(lake: AuditedDatabase) -> int:
    until = scan(lake).result.seen_until
    assert until is not None
    return until


def test_extraction_has_brought_all_that_is_promised_where_the_source_has_no_more() -> None:
    """A table that is quiet and one whose extraction stands still have the same old watermark."""
    lake, promised = AuditedDatabase(), NOW - 7_200
    brought = promised - 3_600
    lake.arrive(1, until=at_epoch(brought))
    lake.source = {1: brought - 10}
    lake.put(lake.source)
    assert seen(lake) == promised
    lake.source[2] = promised
    assert seen(lake) == promised, "what came since is promised for later"
    lake.source[3] = brought + 10
    assert seen(lake) == brought
    lake.arrive(2, until=at_epoch(NOW - 60))
    lake.sought.clear()
    assert seen(lake) == promised
    assert lake.sought == [], "nobody is asked where all has come"


def test_before_the_first_object_nothing_was_brought_and_the_source_is_not_asked() -> None:
    lake = AuditedDatabase()
    lake.source = {1: 10}
    assert (seen(lake), lake.sought) == (0, [])


def test_a_slice_that_is_not_whole_is_known_so_until_a_scan_looks_again() -> None:
    lake = AuditedDatabase()
    lake.arrive(1)
    lake.source = {1: 10, 2: 20}
    lake.put({1: 10})
    found = scan(lake)
    assert found.result.amiss == {ORDER_FACT.name: 0}
    change_memory(lake.records, DATASET, lambda _: found.memory)
    assert scan(lake, slices=()).result.amiss == {ORDER_FACT.name: 0}, "the budget had no rows for it"
    lake.put({2: 20})
    assert scan(lake).result.amiss == {}


def test_a_scheduled_scan_remembers_what_it_verified_and_where_the_sweep_goes_on() -> None:
    lake = AuditedDatabase()
    lake.arrive(1)
    lake.source = {1: 10}
    lake.put(lake.source)
    memory = scan(lake, sweep=("fact_order", 7)).memory
    assert (memory.of("orders").verified, memory.sweep, memory.swept_at) == (1, ("fact_order", 7), NOW)
    assert memory.rows == {ORDER_FACT.name: 1}
    asked = scan(lake, sweep=("fact_order", 7), scheduled=False).memory
    assert (asked.sweep, asked.swept_at) == (("", 0), 0)


def test_dead_letters_of_the_dataset_are_found_until_they_had_their_chance() -> None:
    bodies = {
        "a": f'{{"key": "tables/{DATASET}/orders/1"}}',
        "b": f'{{"key": "feeds%2F{DATASET}%2F1"}}',
        "c": '{"key": "tables/another/orders/1"}',
    }
    lake = AuditedDatabase(dead_letters=Letters(bodies))
    assert scan(lake).result.findings == (DeadLetters(DATASET, ("a", "b")),)
    change_memory(lake.records, DATASET, lambda _: Memory(redriven=("a", "b")))
    again = scan(lake).result
    assert again.findings == ()
    assert sorted(again.letters["dead_letter"]) == ["a", "b"], "what came back is for people"
    assert [*again.letters["unclaimed_message"]] == ["c"]


def test_a_sweep_that_the_budget_slows_down_is_reported_until_it_is_in_time_again() -> None:
    lake = AuditedDatabase()
    assert scan(lake, sweep_seconds=700_000).result.findings == (SlowSweep(DATASET, 700_000, 604_800),)
    assert scan(lake).result.findings == ()


def test_a_slice_that_is_over_is_complete_where_the_source_has_no_more_of_its_table() -> None:
    """Else the last day of a quiet table would have no certificate until a row is written in it, be it for months."""
    lake, promised = AuditedDatabase(), NOW - 7_200
    brought = promised - 3_600
    lake.arrive(1, until=at_epoch(brought))
    lake.source = {1: brought - 10}
    lake.put(lake.source)
    over, under_way = Slice(ORDER_FACT.name, 0, promised), Slice(ORDER_FACT.name, 0, promised + 1)

    def complete(*slices: Slice) -> list[bool]:
        return [window.complete for window in scan(lake, slices=slices).result.windows]

    assert complete(over, under_way) == [True, False]
    lake.source[2] = brought + 10
    assert complete(over) == [False], "it waits for its extraction"
