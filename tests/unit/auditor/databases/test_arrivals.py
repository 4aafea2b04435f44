"""A table's sequence of ingest objects against receipts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import CLOCK, DATASET, EARLY, TABLE, AuditedDatabase

from auditor.databases import arrivals
from auditor.databases.arrivals import Arrivals, Ports, _landing, scan_arrivals
from auditor.databases.memory import TableMemory
from core.audit.findings import HaltedObject, LostObject, MissingObject, UnprocessedObject
from core.landing.ingest_objects import EPOCH, TableObject

NOTHING = TableMemory()


def key(number: int) -> str:
    return TableObject(DATASET, TABLE.name, number).key


def scan(lake: AuditedDatabase, memory: TableMemory = NOTHING, *, code: str = "test", settle: int = 60) -> Arrivals:
    ports = Ports(lake.ingest, lake.records, code, lake.now, settle)
    return scan_arrivals(ports, lake.contract, TABLE.name, memory)


def numbers(arrivals: Arrivals) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"unprocessed": set(), "lost": set(), "missing": set()}
    for finding in arrivals.findings:
        if isinstance(finding, MissingObject):
            found["missing"].add(finding.number)
        elif isinstance(finding, UnprocessedObject | LostObject):
            place = "lost" if isinstance(finding, LostObject) else "unprocessed"
            found[place].add(int(finding.key[-len("000000000001.jsonl.gz") :].split(".")[0]))
    return found


@settings(max_examples=60, deadline=None)
@given(objects=st.sets(st.integers(1, 12)), receipts=st.sets(st.integers(1, 12)))
def test_every_number_without_object_or_receipt_is_found_and_the_whole_beginning_is_verified(
    objects: set[int], receipts: set[int]
) -> None:
    lake = AuditedDatabase()
    for number in objects:
        lake.arrive(number, receipt=False)
    for number in receipts:
        lake.write_receipt(key(number))
    arrivals = scan(lake)
    newest = max([*objects, *receipts], default=0)
    all_numbers = set(range(1, newest + 1))
    assert numbers(arrivals) == {
        "unprocessed": objects - receipts,
        "lost": receipts - objects,
        "missing": all_numbers - objects - receipts,
    }
    verified = next((number - 1 for number in range(1, newest + 2) if number not in receipts), 0)
    assert arrivals.memory.verified == verified
    assert (arrivals.newest, arrivals.processed) == (newest, max(receipts, default=0))
    known = objects & set(range(1, verified + 1))
    assert arrivals.watermark == (CLOCK if known else EPOCH)


def test_an_object_on_its_way_is_no_finding_and_keeps_the_sequence_unsettled() -> None:
    lake = AuditedDatabase()
    lake.arrive(1)
    lake.arrive(2, receipt=False)
    lake.now = EARLY + timedelta(seconds=59)
    waiting = scan(lake)
    assert (waiting.findings, waiting.settled, waiting.memory.verified) == ((), False, 1)
    lake.now = EARLY + timedelta(seconds=60)
    assert numbers(scan(lake))["unprocessed"] == {2}


def test_a_halted_object_is_found_every_time_and_processed_once_another_contract_or_code_may_read_it() -> None:
    lake = AuditedDatabase()
    halted: Any = {"outcome": "halted", "contract_hash": lake.contract.hash, "code_version": "test"}
    lake.write_receipt(lake.arrive(1, receipt=False), **halted)
    for _ in range(2):
        [finding] = scan(lake).findings
        assert isinstance(finding, HaltedObject)
        assert scan(lake).memory.verified == 0
    assert numbers(scan(lake, code="newer"))["unprocessed"] == {1}


def test_what_is_verified_comes_round_in_the_sweep_and_healed_holes_are_not_found_again() -> None:
    lake = AuditedDatabase()
    for number in (1, 2, 4):
        lake.arrive(number)
    lake.write_receipt(key(5))
    memory = TableMemory(verified=5, healed=(3,))
    arrivals = scan(lake, memory)
    assert numbers(arrivals) == {"unprocessed": set(), "lost": {5}, "missing": set()}
    assert arrivals.memory.swept == 0, "and once more from the first"
    assert numbers(scan(lake, TableMemory(verified=5)))["missing"] == {3}


def test_the_sweep_comes_round_however_much_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stood where it had ended: where each audit has a new object, it looked at that one alone, for ever."""
    monkeypatch.setattr(arrivals, "SWEPT_OBJECTS", 3)
    lake = AuditedDatabase()
    for number in range(1, 6):
        lake.arrive(number)
    memory = scan(lake).memory
    lake.ingest.delete([key(2)])
    lost = []
    for number in range(6, 12):
        seen = scan(lake, memory)
        lost += numbers(seen)["lost"]
        lake.arrive(number)
        memory = seen.memory
    assert lost == [2, 2, 2], "of five objects at first, and of eight in the end"


def test_the_interval_of_a_hole_lies_between_its_neighbours() -> None:
    lake = AuditedDatabase()
    lake.arrive(1, until=EARLY + timedelta(hours=1))
    lake.arrive(3)
    [hole] = scan(lake).findings
    assert isinstance(hole, MissingObject)
    assert (hole.start, hole.end) == ("2026-11-20T13:00:00.000000Z", "2026-11-20T12:00:00.000001Z")


def test_a_repair_object_is_compared_with_its_receipt() -> None:
    lake = AuditedDatabase()
    lake.arrive(1)
    repair = f"repair/{DATASET}/{TABLE.name}/20261120T120000Z-a.jsonl.gz"
    lake.ingest.write(repair, b"{}")
    [finding] = scan(lake).findings
    assert isinstance(finding, UnprocessedObject)
    assert finding.key == repair
    lake.write_receipt(repair)
    assert scan(lake).findings == ()


def test_repair_objects_that_were_processed_days_ago_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one that is lost is not brought back, and one whose receipt is gone is never processed again."""
    monkeypatch.setattr(arrivals, "SWEPT_OBJECTS", 2)
    lake = AuditedDatabase()
    lake.arrive(1)
    names = [f"repair/{DATASET}/{TABLE.name}/2026111{day}T120000Z-a.jsonl.gz" for day in range(5)]
    for name in names:
        lake.ingest.write(name, b"{}")
        lake.write_receipt(name)
    lake.ingest.delete([names[1]])
    lake.records.delete([_landing(names[2]).receipt_key])
    memory, found = TableMemory(verified=1, repairs=names[4]), []
    for _ in range(3):
        seen = scan(lake, memory)
        found += [(type(finding), finding.key) for finding in seen.findings]
        memory = replace(memory, repairs_swept=seen.memory.repairs_swept)
    assert found == [(LostObject, names[1]), (UnprocessedObject, names[2])]
    assert memory.repairs_swept == "", "and once more from the first"
    assert scan(lake, TableMemory(verified=1)).memory.repairs_swept == "", "nothing lies behind"


@pytest.mark.parametrize("altered", [True, False])
def test_an_object_that_an_earlier_release_read_again_and_halted_is_found_by_the_sweep(*, altered: bool) -> None:
    """That release left no note of it, and nothing behind what is verified was read: ``rebuild`` alone ran into it."""
    lake = AuditedDatabase()
    lake.records._clock = lake.ingest._clock = lambda: EARLY
    names = [lake.arrive(number) for number in (1, 2, 3)]
    repairs = [f"repair/{DATASET}/{TABLE.name}/2026111{day}T120000Z-a.jsonl.gz" for day in range(3)]
    for name in repairs:
        lake.ingest.write(name, b"{}")
        lake.write_receipt(name)
    lake.records._clock = lake.ingest._clock = lambda: EARLY + timedelta(days=3)
    halted: Any = {"outcome": "halted", "contract_hash": lake.contract.hash, "code_version": "test"}
    for name in (names[1], repairs[0]):
        if altered:
            lake.ingest.write(name, b"garbage")
        lake.write_receipt(name, **halted)
    memory = TableMemory(verified=3, repairs=repairs[2])
    seen = scan(lake, memory)
    assert [(type(finding), getattr(finding, "key", "")) for finding in seen.findings] == [
        (HaltedObject, names[1]),
        (HaltedObject, repairs[0]),
    ]


def test_receipts_of_objects_that_were_read_in_their_turn_are_not_read_by_the_sweep() -> None:
    lake = AuditedDatabase()
    lake.records._clock = lambda: EARLY
    for number in (1, 2, 3):
        lake.arrive(number)
    reads: list[str] = []
    read = lake.records.read
    lake.records.read = lambda name: (reads.append(name), read(name))[1]  # type: ignore[method-assign]
    scan(lake, TableMemory(verified=3))
    assert reads == [_landing(key(3)).receipt_key], "of the newest nobody can tell"
