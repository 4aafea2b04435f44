"""A current state whose objects no call has the time to read at once is made over several, the same rows as by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.lake import MemoryLake, department, shipped_contracts, staff

from core.audit.repair_jobs import RepairJob, RepairOutcome, Restate, find_outcome, write_job
from core.ports import ObjectInfo, OpenObject
from processing.records.partial_states import ROOT
from processing.restating.job import READ_SECONDS, restate_job

SLOW = 50.0  # seconds that an object takes
NUMBERS = range(1, 21)


class SlowLake:
    """A lake whose state of staff is lost; each ingest object takes a while to read, and is counted."""

    def __init__(self) -> None:
        self.lake = MemoryLake(shipped_contracts())
        self.lake.process(self.lake.put_table("sales", "department", 1, [department(1, "Art")]))
        for number in NUMBERS:
            lines = [
                staff(number % 7, 1, f"2026-11-20T10:{number:02d}:00.000"),
                *([b"no line\n"] if number == 3 else []),
            ]
            self.lake.process(self.lake.put_table("sales", "staff", number, lines))
        self.rows = self.lake.rows("dim_staff")
        self.read: list[str] = []
        opening = self.lake.ingest.open

        def opened(key: str) -> OpenObject | None:
            self.read.append(key)
            return opening(key)

        self.lake.ingest.open = opened  # type: ignore[method-assign]
        self.lake.services = replace(self.lake.services, timer=lambda: SLOW * len(self.read))
        self.lose()

    def lose(self) -> None:
        partitions = self.lake.partitions
        partitions.delete([key for key in partitions.objects if "_current/staff/" in key])

    def repair(self) -> RepairOutcome:
        repair = Restate("sales", "dim_staff", ("",))
        job = write_job(self.lake.records, RepairJob("sales", "r", repair), attempt=0, number=0)
        restate_job(self.lake.services, job)
        outcome = find_outcome(self.lake.records, job)
        assert outcome is not None
        return outcome


@pytest.fixture
def slow() -> SlowLake:
    return SlowLake()


def test_each_call_goes_on_where_the_last_one_stopped(slow: SlowLake) -> None:
    results = [slow.repair()]
    while results[-1].result == "failed":
        assert "of its ingest objects are read" in results[-1].reason
        results.append(slow.repair())
    assert len(results) == -(-len(NUMBERS) // (READ_SECONDS // SLOW + 1)), "no object is read twice"
    assert [key for key in slow.read if "/department/" in key] == [], "what is kept is not made again"
    assert len(slow.read) == len({*slow.read}) == len(NUMBERS)
    assert slow.lake.rows("dim_staff") == slow.rows
    assert [stored.size for stored in slow.lake.records.list(ROOT)] == [0]


@pytest.mark.parametrize("harm", ["altered", "gone", "damaged"])
def test_what_was_read_of_objects_that_are_others_by_now_is_not_gone_on_with(slow: SlowLake, harm: str) -> None:
    slow.repair()
    first = "tables/sales/staff/000000000001.jsonl.gz"
    if harm == "altered":
        slow.lake.put_table("sales", "staff", 1, [staff(99, 1)])
    elif harm == "gone":
        slow.lake.ingest.delete([first])
    else:
        for stored in slow.lake.records.list(ROOT):
            slow.lake.records.write(stored.key, b"\xff\xff\xff\xff" * 9)
    read = len(slow.read)
    slow.repair()
    again = slow.read[read:]
    assert again[0] == ("tables/sales/staff/000000000002.jsonl.gz" if harm == "gone" else first)


def test_a_call_gets_further_however_long_it_takes_to_list_what_there_is(slow: SlowLake) -> None:
    listing, listed = slow.lake.ingest.list, []

    def slowly(prefix: str, **more: str) -> Iterator[ObjectInfo]:
        listed.append(prefix)
        return listing(prefix, **more)

    slow.lake.ingest.list = slowly  # type: ignore[method-assign, assignment]
    services = slow.lake.services
    slow.lake.services = replace(services, timer=lambda: services.timer() + (READ_SECONDS + 1) * len(listed))
    read = []
    while slow.repair().result == "failed":
        read.append(len(slow.read))
        assert len({*read}) == len(read), "a call read nothing"
    assert slow.lake.rows("dim_staff") == slow.rows


def test_what_another_release_read_is_not_gone_on_with(slow: SlowLake) -> None:
    slow.repair()
    slow.lake.services = replace(slow.lake.services, code_version="another")
    read = len(slow.read)
    slow.repair()
    assert slow.read[read] == slow.read[0]
