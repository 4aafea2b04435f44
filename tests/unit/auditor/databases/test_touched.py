"""The slices that commits touched since the last audit: those that waited longest first, within the budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.support.lake import shipped_contracts

from auditor.databases.choose import DatabaseOrder
from auditor.databases.memory import Memory
from auditor.databases.open_slices.looks import WAITING, Look
from auditor.databases.rows.targets import Slice, slices_of, targets_of
from auditor.databases.touched import LISTED, SKEW, touched_slices
from auditor.services import Limits
from core.ports import ObjectInfo, StoredObject
from core.time import at_epoch, epoch
from core.warehouse.pointer import pointer_key

TARGETS = targets_of(shipped_contracts().dataset("sales"))
(FACT,) = [target for target in TARGETS if target.table.name == "fact_sales_order"]
LAST = epoch("2026-11-20T15:00:00Z")


class Pointers:
    """Pointers of the fact, by the month and the seconds after the last audit at which they were swapped."""

    def __init__(self, swapped: dict[str, int]) -> None:
        self._swapped = swapped
        self.listed = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        for month, seconds in sorted(self._swapped.items()):
            key = pointer_key(f"{FACT.table.folder}/month={month}")
            if key.startswith(prefix):
                self.listed += 1
                yield ObjectInfo(key, 90, "etag", at_epoch(LAST) + timedelta(seconds=seconds))

    def read(self, key: str) -> StoredObject | None:
        raise AssertionError(f"{key} was read")

    def stat(self, key: str) -> None:
        raise AssertionError(f"{key} was looked at")


def month(text: str) -> Slice:
    (part,) = slices_of(FACT, f"month={text}")
    return part


def test_those_that_waited_longest_come_first_and_those_over_the_budget_wait_on() -> None:
    pointers = Pointers({"2026-03": 300, "2026-05": 100, "2026-07": -SKEW - 1, "2026-09": 200, "no-month": 50})
    memory = Memory(swept_at=LAST, rows={"fact_sales_order": 1_000})
    expected = [month("2026-05"), month("2026-09"), month("2026-03")]

    def chosen(memory: Memory, *looked_at: Slice, limits: Limits | None = None) -> tuple[list[Slice], list[Slice]]:
        touched = touched_slices(pointers, TARGETS, memory, looked_at, limits or Limits(), now=LAST)
        return list(touched.slices), list(touched.waiting)

    assert chosen(memory) == (expected, [])
    assert chosen(memory, limits=Limits(sweep_rows=2_500)) == (expected[:2], expected[2:])
    assert chosen(memory, limits=Limits(sweep_rows=1)) == (expected[:1], expected[1:])
    assert chosen(memory, expected[0]) == (expected[1:], [])
    assert chosen(Memory()) == ([], []), "a first audit has its sweep"


def test_a_pointer_that_was_there_and_is_gone_comes_before_all_that_commits_touched() -> None:
    """Readers take such a partition for one without rows."""
    before = touched_slices(
        Pointers({"2026-03": 0, "2026-05": 0, "2026-07": 0}), TARGETS, Memory(), (), Limits(), now=LAST
    )
    folder = FACT.table.folder
    assert before.pointers[folder] == ("month=2026-03", "month=2026-05", "month=2026-07")
    memory = Memory(swept_at=LAST, rows={"fact_sales_order": 1_000}, pointers=before.pointers)
    now = Pointers({"2026-03": 100, "2026-07": -SKEW - 1, "2026-09": 50})
    touched = touched_slices(now, TARGETS, memory, (), Limits(), now=LAST)
    assert touched.slices == [month("2026-05"), month("2026-09"), month("2026-03")]
    assert touched.pointers[folder] == ("month=2026-03", "month=2026-07", "month=2026-09")
    none = touched_slices(Pointers({}), TARGETS, memory, (), Limits(), now=LAST)
    assert none.slices == [month("2026-03"), month("2026-05"), month("2026-07")]


def test_what_waited_in_earlier_runs_comes_in_its_turn_and_what_is_gone_is_told_from_what_waits() -> None:
    pointers = Pointers({"2026-03": 300, "2026-04": -9_999})
    may, june = month("2026-05"), month("2026-06")
    looks = {(may.table, may.start, may.end): Look(WAITING, LAST - 60, "run")}
    known = {FACT.table.folder: ("month=2026-04", "month=2026-06")}
    memory = Memory(swept_at=LAST, rows={"fact_sales_order": 1_000}, open=looks, pointers=known)

    def chosen(rows: int) -> tuple[list[Slice], list[Slice], list[Slice]]:
        touched = touched_slices(pointers, TARGETS, memory, (), Limits(sweep_rows=rows), now=LAST)
        return list(touched.slices), list(touched.waiting), list(touched.gone)

    assert chosen(9_000) == ([june, may, month("2026-03")], [], [])
    assert chosen(2_000) == ([june, may], [month("2026-03")], [])
    memory = replace(memory, pointers={FACT.table.folder: ("month=2026-06", "month=2026-07")})
    assert chosen(1_000) == ([june], [month("2026-07"), may, month("2026-03")], [month("2026-07")])


def test_months_to_come_are_looked_at_in_every_audit_behind_all_else() -> None:
    """Readers count a booking of next month, and no other slice would tell that the source has deleted it."""
    pointers = Pointers({"2026-05": 100, "2026-11": -9_999, "2026-12": -9_999})
    touched = touched_slices(pointers, TARGETS, Memory(swept_at=LAST), (), Limits(), now=LAST)
    assert touched.slices == [month("2026-05"), month("2026-12")]


def test_what_a_run_has_not_listed_is_not_gone() -> None:
    many = {f"{2000 + year}-{number:02d}": -9_999 for year in range(500) for number in range(1, 13)}
    memory = Memory(swept_at=LAST, pointers={FACT.table.folder: tuple(f"month={name}" for name in sorted(many))})
    lacking = Pointers({name: at for name, at in many.items() if name != "2026-05"})
    touched = touched_slices(lacking, (FACT,), memory, (), Limits(), now=LAST)
    assert [part for part in touched.slices if part.start < LAST] == [month("2026-05")]


def test_no_run_lists_more_than_its_share_of_a_table() -> None:
    pointers = Pointers({f"{2000 + year}-{number:02d}": 0 for year in range(500) for number in range(1, 13)})
    touched_slices(pointers, (FACT,), Memory(swept_at=LAST), (), Limits(), now=LAST)
    assert pointers.listed <= LISTED + 1


def test_what_waits_is_kept_in_the_order_and_earlier_releases_read_one_that_has_nothing_of_it() -> None:
    pointers = {"fact_sales_order": ("month=2026-05",)}
    gone = (month("2026-05"),)
    order = DatabaseOrder("sales", "run", (), True, ("", 0), LAST, waiting=gone, pointers=pointers, gone=gone)
    assert DatabaseOrder.from_data(order.to_data()) == order
    assert not {"waiting", "pointers", "gone"} & {*DatabaseOrder("sales", "run", (), True, ("", 0), LAST).to_data()}
    assert Memory.from_json(Memory(pointers=pointers).to_json()).pointers == pointers
    assert b"pointers" not in Memory().to_json()
