"""The slow sweep of a database's history: all of it within the time that was promised, never more than the budget."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import AuditedDatabase
from tests.support.lake import shipped_contracts

from auditor.databases.choose import choose_slices, open_slices, recent_slices, swept_slices
from auditor.databases.memory import Memory, change_memory
from auditor.databases.open_slices.looks import AMISS, UNFINISHED, WAITING, Look
from auditor.databases.open_slices.seen import slices_now
from auditor.databases.rows.targets import ALWAYS, Slice, all_slices, targets_of
from auditor.services import Limits
from auditor.windows import Scope
from core.contract.model import Database
from core.time import epoch

CONTRACT = shipped_contracts().dataset("sales")
TARGETS = targets_of(CONTRACT)
assert isinstance(CONTRACT.source, Database)
SOURCE: Database = CONTRACT.source
NOW, HOUR, DAY = epoch("2026-11-20T15:00:00Z"), 3_600, 86_400
LARGE = {target.table.name: 60_000 for target in TARGETS}  # none is so small that it is compared whole every time


def name_of(part: Slice) -> tuple[str, int, int]:
    return part.table, part.start, part.end


def history(now: int) -> set[Slice]:
    """What the sweep has to come to: all slices but those that every run compares."""
    return {all_slice for target in TARGETS for all_slice in all_slices(target, now)} - set(recent(now))


def recent(now: int) -> list[Slice]:
    return recent_slices(TARGETS, Memory(rows=LARGE), now=now)


def run(memory: Memory, now: int, limits: Limits) -> tuple[list[Slice], Memory]:
    swept = swept_slices(TARGETS, SOURCE, memory, recent(now), limits, now=now)
    return list(swept.slices), replace(memory, sweep=swept.following, swept_at=now)


@settings(max_examples=30, deadline=None)
@given(pauses=st.lists(st.integers(60, 2 * DAY), min_size=1, max_size=200))
def test_whenever_audits_run_all_history_comes_round_within_the_sweep(pauses: list[int]) -> None:
    memory, now = Memory(rows=LARGE, swept_at=NOW), NOW
    seen: set[Slice] = set()
    for pause in pauses:
        now += pause
        some, memory = run(memory, now, Limits(sweep_rows=10**9))
        assert not set(some) & set(recent(now))
        seen |= set(some)
    if now - NOW >= SOURCE.sweep:
        assert seen >= history(NOW) & history(now)


@settings(max_examples=30, deadline=None)
@given(budget=st.integers(0, 700_000), runs=st.integers(1, 60))
def test_no_run_reads_more_than_its_budget_and_the_next_goes_on_where_it_stopped(budget: int, runs: int) -> None:
    memory, now = Memory(rows=LARGE), NOW
    chosen: list[Slice] = []
    for number in range(runs):
        now = NOW + number * 30 * DAY // 1_000  # each would take a good share
        some, memory = run(replace(memory, swept_at=1), now, Limits(sweep_rows=budget))
        assert sum(LARGE[one.table] for one in some) <= budget or len(some) == 1
        chosen += some
    every = sorted(history(NOW))
    assert chosen[: len(every)] == (every * 2)[: len(chosen)][: len(every)]


def test_after_a_long_silence_the_share_is_all_history_and_the_budget_still_holds() -> None:
    memory = Memory(rows=LARGE, swept_at=NOW - 60 * DAY)
    some, _ = run(memory, NOW, Limits(sweep_rows=10**9))
    assert set(some) == history(NOW)
    some, _ = run(memory, NOW, Limits(sweep_rows=300_000))
    assert len(some) == 5


@settings(max_examples=12, deadline=None)
@given(budget=st.integers(0, 3_000_000), pause=st.integers(600, HOUR))
def test_a_sweep_is_slow_exactly_where_the_budget_keeps_it_from_coming_round_in_time(budget: int, pause: int) -> None:
    memory, limits = Memory(rows=LARGE, swept_at=NOW - pause), Limits(sweep_rows=budget)
    seconds = swept_slices(TARGETS, SOURCE, memory, recent(NOW), limits, now=NOW).seconds
    missing, now, runs = history(NOW), NOW, 0
    while missing and now - NOW < SOURCE.sweep:
        chosen, memory = run(memory, now, limits)
        missing -= set(chosen)
        now, runs = now + pause, runs + 1
    assert (seconds > 0) == bool(missing)
    assert seconds == 0 or seconds > SOURCE.sweep


def test_after_a_silence_the_budget_cuts_one_large_share_and_that_is_no_slow_sweep() -> None:
    memory = Memory(rows=LARGE, swept_at=NOW - 3 * DAY)
    swept = swept_slices(TARGETS, SOURCE, memory, recent(NOW), Limits(sweep_rows=300_000), now=NOW)
    assert (len(swept.slices), swept.seconds) == (5, 0)


def test_what_was_not_whole_is_compared_again_the_newest_first_within_the_budget() -> None:
    some = next(part for part in history(NOW) if not part.whole).table
    old = sorted(part for part in history(NOW) if part.table == some)[:3]
    gone = ("no_such_table", 0, DAY)
    memory = Memory(rows=LARGE, open={name: Look() for name in (gone, *map(name_of, old))})

    def chosen(rows: int) -> list[Slice]:
        return open_slices(TARGETS, memory, frozenset(), Limits(sweep_rows=rows), now=NOW)

    assert chosen(10**9) == old[::-1]
    assert chosen(120_000) == old[:0:-1]
    assert chosen(1) == [old[2]]
    assert open_slices(TARGETS, Memory(rows=LARGE), frozenset(), Limits(), now=NOW) == []


def test_what_every_audit_looks_at_anyway_takes_no_rows_from_what_was_found_broken() -> None:
    current = recent(NOW)
    old = max(history(NOW) - set(current), key=lambda part: part.start)
    looks = {name_of(part): Look(UNFINISHED, NOW, "run") for part in current} | {name_of(old): Look(AMISS, NOW, "run")}
    memory = Memory(rows=dict.fromkeys(LARGE, 2_500_000), open=looks)
    assert open_slices(TARGETS, memory, frozenset(current), Limits(), now=NOW) == [old]


def test_turns_are_taken_by_who_was_not_looked_at_for_longest() -> None:
    some = next(part for part in history(NOW) if not part.whole).table
    first, second, third = sorted(part for part in history(NOW) if part.table == some)[:3]
    looks = {name_of(part): Look(AMISS, at, "run") for part, at in ((first, 2), (second, 1), (third, 3))}
    for waiting in ({}, {name_of(max(history(NOW))): Look(WAITING, 0, "run")}):
        memory = Memory(rows=LARGE, open=looks | waiting)
        assert open_slices(TARGETS, memory, frozenset(), Limits(sweep_rows=120_000), now=NOW) == [second, first]


def test_slices_of_another_time_unit_or_none_are_looked_at_as_the_table_is_sliced_now() -> None:
    (fact,) = (target for target in TARGETS if target.table.name == "fact_sales_order")
    now = all_slices(fact, NOW)
    day = (fact.table.name, now[-1].start + DAY, now[-1].start + 2 * DAY)
    year = (fact.table.name, now[-3].start, now[-1].end)
    assert [*slices_now(TARGETS, {day: Look()}, now=NOW)] == [now[-1]]
    assert [*slices_now(TARGETS, {year: Look()}, now=NOW)] == now[-3:]
    assert [*slices_now(TARGETS, {(fact.table.name, *ALWAYS): Look()}, now=NOW)] == now
    assert slices_now(TARGETS, {("no_such_table", 0, DAY): Look()}, now=NOW) == {}


def test_every_scheduled_audit_looks_again_at_what_a_sweep_found_open() -> None:
    lake, now = AuditedDatabase(CONTRACT), NOW
    part = max(history(NOW), key=lambda part: part.start)
    found = Memory(rows=LARGE, swept_at=NOW, open={name_of(part): Look()})
    change_memory(lake.records, CONTRACT.dataset, lambda _: found)
    for _ in range(3):
        now += HOUR
        order = choose_slices(lake.services, CONTRACT.dataset, "run", Scope(now))
        assert part in order.slices
