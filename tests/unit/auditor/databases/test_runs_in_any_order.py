"""Two audits of one database at once, step by step in whatever order: neither forgets what the other saw.

The slices of the shipped database are whole or broken as the test says; all else is the real audit, but for the
comparison of rows. The oracle knows nothing of memories: it goes by the last look at each slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import DATASET, ORDER_FACT, AuditedDatabase, database_contract

from auditor.audits import begin_audit, end_audit, open_audit
from auditor.databases.choose import DatabaseOrder
from auditor.databases.memory import Memory, change_memory, memory_key, read_memory
from auditor.databases.open_slices.looks import AMISS
from auditor.databases.rows.comparison import Compared, ComparisonTerms
from auditor.databases.rows.targets import Slice, all_slices, slices_of, targets_of
from auditor.databases.shapes import Shapes
from auditor.evidence.completeness import COUNTS
from auditor.evidence.results import WindowResult
from auditor.services import Limits, Services
from auditor.state import read_state
from auditor.windows import Scope
from core.audit.findings import Finding, MissingRows
from core.contract.model import Partition
from core.ports import StoredObject

BY_MONTH = replace(ORDER_FACT, partition_by=(Partition("month", "updated", "month"),), since="2026-05-01")
CONTRACT = database_contract(BY_MONTH)
(FACT,) = targets_of(CONTRACT)
HOUR, MONTH_ROWS = timedelta(hours=1), 60_000


class World:
    """The lake, which of the fact's months are broken, and what runs that have ended saw of them, in order."""

    def __init__(self) -> None:
        self.lake = AuditedDatabase(CONTRACT, limits=Limits(workers=1, sweep_rows=2 * MONTH_ROWS))
        self.months = all_slices(FACT, self.now)
        self.broken: set[Slice] = set()
        self.looks: list[tuple[int, Slice, bool]] = []
        rows = {target.table.name: MONTH_ROWS for target in targets_of(CONTRACT)}
        change_memory(self.lake.records, DATASET, lambda _: Memory(rows=rows, swept_at=self.now))
        self.ticks = 0

    @property
    def now(self) -> int:
        return int(self.lake.now.timestamp())

    def tick(self) -> int:
        self.ticks += 1
        self.lake.now += timedelta(seconds=1)
        return self.ticks

    def last_looks(self) -> dict[Slice, bool]:
        """Whether each slice was broken by the last look of a run that has ended."""
        return {part: is_broken for _, part, is_broken in sorted(self.looks)}

    def holds(self) -> None:
        """What must be true whenever a run has ended."""
        memory, state = read_memory(self.lake.records, DATASET), read_state(self.lake.records, DATASET)
        broken = [part for part, is_broken in self.last_looks().items() if is_broken]
        for part in broken:
            assert memory.open[part.table, part.start, part.end].why == AMISS
            assert state.amiss[part.table] <= part.start
        assert not broken or state.causes == ("missing_row",)


class _AsItWas:
    """The records, in which the memory of audits is as it was read once."""

    def __init__(self, records: Any, stored: StoredObject | None) -> None:
        self._records, self._stored = records, stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def read(self, key: str) -> StoredObject | None:
        return self._stored if key == memory_key(DATASET) else self._records.read(key)


@dataclass
class Run:
    """One audit, a step at a time: it chooses, reads the memory, looks at slice by slice, and certifies."""

    world: World
    name: str
    scope: Callable[[int], Scope] = Scope
    retried: bool = False
    seen: dict[Slice, tuple[int, bool]] = field(default_factory=dict)

    def steps(self) -> Iterator[None]:
        services = self.world.lake.services
        audit = begin_audit(services, DATASET, self.name, self.scope(self.world.now))
        assert isinstance(audit.order, DatabaseOrder)
        yield
        as_it_was = _AsItWas(services.records, services.records.read(memory_key(DATASET)))
        yield
        for part in audit.order.slices:
            self.seen[part] = self.world.tick(), part in self.world.broken
            yield
        with patch("auditor.databases.scan.compare_slices", self._compared):
            open_audit(replace(services, records=as_it_was), self.name).scan(attempt=0)  # type: ignore[arg-type]
        yield
        for _ in range(1 + self.retried):
            end_audit(services, open_audit(services, self.name), attempt=0)
            self.world.looks += [(at, part, is_broken) for part, (at, is_broken) in self.seen.items()]
            self.world.holds()
            yield

    def _compared(self, services: Services, terms: ComparisonTerms, slices: Sequence[Slice]) -> Compared:
        windows = [
            WindowResult(
                part.start,
                part.end,
                part.whole or part.end <= self.world.now,
                dict.fromkeys(COUNTS, 0) | {"missing": int(self.seen[part][1])},
                {},
                subject=part.table,
            )
            for part in slices
        ]
        missing: list[Finding] = [MissingRows(DATASET, FACT.source.name, ((1,),))]
        return Compared(windows, missing if any(self.seen[part][1] for part in slices) else [])


def audit(world: World, name: str, scope: Callable[[int], Scope] = Scope) -> Run:
    """One audit from its begin to its end."""
    run = Run(world, name, scope)
    for _ in run.steps():
        world.tick()
    return run


def over(months: Iterable[Slice]) -> Callable[[int], Scope]:
    """The scope of a run that was asked for these months."""
    chosen = sorted(months)
    return lambda now: Scope(now, chosen[0].start, chosen[-1].end, (FACT.source.name,))


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_whatever_two_runs_see_in_whatever_order_what_is_broken_stays_open_until_a_look_at_it(data: Any) -> None:
    world = World()
    old = world.months[:-1]
    world.broken = data.draw(st.sets(st.sampled_from(old), max_size=4))
    if world.broken:
        audit(world, "found", over(old))
    span = sorted(data.draw(st.lists(st.sampled_from(old), min_size=2, max_size=2)))
    other = data.draw(st.sampled_from([Scope, over(span)]))
    runs = [Run(world, "first", Scope, data.draw(st.booleans())), Run(world, "second", other, data.draw(st.booleans()))]
    under_way = {run.name: run.steps() for run in runs}
    newest = 0
    while under_way:
        name = data.draw(st.sampled_from([*sorted(under_way), "world"]))
        world.tick()
        if name == "world":
            world.broken ^= {data.draw(st.sampled_from(old))}
        elif next(under_way[name], "ended") == "ended":
            del under_way[name]
        swept_at = read_memory(world.lake.records, DATASET).swept_at
        assert swept_at >= newest, "the sweep went back"
        newest = swept_at
    world.broken = set()
    for number in range(4):  # two months each within the budget
        world.lake.now += HOUR
        audit(world, f"later-{number}")
    memory, state = read_memory(world.lake.records, DATASET), read_state(world.lake.records, DATASET)
    assert [look for look in memory.open.values() if look.why == AMISS] == []
    assert (state.causes, state.open, state.amiss) == ((), {}, {})


def test_what_a_scheduled_run_saw_broken_is_not_forgotten_by_a_ranged_one_that_had_begun_before() -> None:
    world = World()
    ranged, scheduled = Run(world, "ranged", over(world.months[:2])).steps(), Run(world, "scheduled")
    for _ in range(4):  # it chose, read the memory, and looked at both of its months
        next(ranged)
    lost = world.months[3]
    world.broken = {lost}
    swept = replace(read_memory(world.lake.records, DATASET), sweep=(FACT.table.name, lost.start))
    change_memory(world.lake.records, DATASET, lambda _: swept)
    for _ in scheduled.steps():
        world.tick()
    assert lost in scheduled.seen
    before = read_memory(world.lake.records, DATASET)
    for _ in ranged:
        world.tick()
    assert read_memory(world.lake.records, DATASET) == before
    assert before.open[lost.table, lost.start, lost.end].kinds == ("missing_row",)
    assert read_state(world.lake.records, DATASET).causes == ("missing_row",)


def test_an_older_run_that_ends_later_takes_back_nothing_that_a_newer_one_said() -> None:
    world = World()
    older = Run(world, "older").steps()
    for _ in range(3):
        next(older)
    world.broken = {world.months[-1]}
    world.lake.now += HOUR
    audit(world, "newer")
    memory, state = read_memory(world.lake.records, DATASET), read_state(world.lake.records, DATASET)
    assert state.causes == ("missing_row",)
    for _ in older:
        world.tick()
    after = read_memory(world.lake.records, DATASET)
    assert (after.sweep, after.swept_at, after.pointers) == (memory.sweep, memory.swept_at, memory.pointers)
    assert read_state(world.lake.records, DATASET) == state


def test_the_causes_of_before_stay_open_while_the_budget_has_no_rows_for_a_look_and_turns_are_taken() -> None:
    """Five months are broken for good, and a run looks at two of them, and at one more in the sweep of all history."""
    world = World()
    world.broken = {*world.months[:5]}
    audit(world, "found", over(world.months))
    seen: list[set[Slice]] = []
    for number in range(4):
        world.lake.now += HOUR
        run = audit(world, f"run-{number}")
        seen.append({part for part in run.seen if part in world.broken})
        assert read_state(world.lake.records, DATASET).causes == ("missing_row",)
    assert set.union(*seen[:3]) == world.broken
    world.broken = {world.months[0]}
    for number in range(4, 7):
        world.lake.now += HOUR
        audit(world, f"run-{number}")
        assert read_state(world.lake.records, DATASET).causes == ("missing_row",)
    world.broken = set()
    world.lake.now += HOUR
    audit(world, "whole")
    assert read_state(world.lake.records, DATASET).causes == ()


def test_a_month_to_come_whose_pointer_is_gone_is_looked_at_until_it_is_as_it_should_be() -> None:
    world = World()
    (coming,) = slices_of(FACT, "month=2026-12")
    folder = FACT.table.folder
    with_pointer = replace(read_memory(world.lake.records, DATASET), pointers={folder: ("month=2026-12",)})
    change_memory(world.lake.records, DATASET, lambda _: with_pointer)
    world.broken = {coming}
    for number in range(3):
        world.lake.now += HOUR
        assert coming in audit(world, f"lost-{number}").seen
        assert read_memory(world.lake.records, DATASET).pointers.get(folder, ()) == ()
        assert read_state(world.lake.records, DATASET).causes == ("missing_row",)
    world.broken = set()
    audit(world, "healed")
    assert (coming.table, coming.start, coming.end) not in read_memory(world.lake.records, DATASET).open
    assert read_state(world.lake.records, DATASET).causes == ()


def test_the_shape_of_the_source_is_remembered_by_the_runs_that_look_at_it_alone() -> None:
    """The shares of a long audit do not, but for one of them."""
    world = World()
    shapes = Shapes(others=("a table of theirs",))
    change_memory(world.lake.records, DATASET, lambda before: replace(before, shapes=shapes))
    audit(world, "share", lambda now: Scope(now, world.months[0].start, world.months[0].end, beside=False))
    assert read_memory(world.lake.records, DATASET).shapes == shapes
