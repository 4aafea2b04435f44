"""Plans: cheapest remedy first, exactly what is missing, never over the budget, and nothing forgotten."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.feeds import ROOT, contracts_in

from auditor.evidence.doubts import Doubt
from auditor.repairs.draft import Plan, PlanContext
from auditor.repairs.history.joined_jobs import join_jobs
from auditor.repairs.plan import plan_repairs
from auditor.repairs.turns.items import items_of_repairs
from auditor.services import Budget
from core.audit.findings import (
    REPORTED,
    BrokenPartition,
    BrokenRule,
    ChangedRows,
    ChangedSource,
    DeadLetters,
    DeletedRows,
    DisputedValue,
    Finding,
    HaltedObject,
    HeldPartition,
    LaggingMirror,
    LostObject,
    MissingObject,
    MissingPoints,
    MissingRows,
    MovedRows,
    OrphanKeys,
    OutdatedPartition,
    RefusedRows,
    SlowSweep,
    StaleDerived,
    StaleRows,
    UnfilledRows,
    UnhashedRows,
    UnplacedRows,
    UnprocessedObject,
    UnreadableTable,
    UnreferencedObjects,
    WrongParameter,
)
from core.audit.repair_jobs import (
    ExtractAgain,
    FetchHistory,
    FetchRows,
    PutParameters,
    Reprocess,
    Restate,
    Revive,
    executor_of,
    repair_from_data,
    repair_to_data,
)
from core.contract.model import Contracts
from core.feeds.calendar import ranges as ranges_of
from core.feeds.grid import expected_slots
from core.feeds.providers import history_span

CONTRACTS = contracts_in()
FEED, CALENDAR = CONTRACTS.feed("quotes"), CONTRACTS.calendar("XNYS")


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def missing(entity: str, *ranges: tuple[str, str]) -> MissingPoints:
    pairs = tuple((at(start), at(end)) for start, end in ranges)
    slots = [len(expected_slots(CALENDAR, every=60, start=start, end=end)) for start, end in pairs]
    return MissingPoints("quotes", entity, pairs, sum(slots))


def planned(  # type: ignore[no-untyped-def]
    *findings,
    attempt: int = 1,
    budget: Budget | None = None,
    refused: dict[str, str] | None = None,
    after: tuple[Plan, ...] = (),
):
    tried = items_of_repairs(repair for plan in after for repair in plan.repairs)
    return plan_repairs(findings, PlanContext(CONTRACTS, attempt, budget or Budget(), refused or {}, tried=tried))


def test_what_lies_in_s3_goes_first_and_the_provider_is_not_asked_yet() -> None:
    made = planned(
        missing("AAPL", ("2026-11-20T15:00", "2026-11-20T15:05")),
        UnprocessedObject("quotes", "feeds/quotes/a", "it has no receipt"),
        LostObject("quotes", "feeds/quotes/b"),
    )
    assert made.repairs == (Revive("quotes", ("feeds/quotes/b",)), Reprocess("quotes", ("feeds/quotes/a",)))
    assert [(one.entity, one.count) for one in made.waiting] == [("AAPL", 5)]
    assert "processed first" in made.waiting[0].why
    again = planned(
        missing("AAPL", ("2026-11-20T15:00", "2026-11-20T15:05")),
        UnprocessedObject("quotes", "feeds/quotes/a", "it has no receipt"),
        attempt=2,
    )
    assert [repair.kind for repair in again.repairs] == ["reprocess", "fetch_history"]


def test_neighbouring_gaps_are_one_call_even_over_a_night_and_a_weekend() -> None:
    friday, monday = ("2026-11-20T20:58", "2026-11-20T21:00"), ("2026-11-23T14:30", "2026-11-23T14:33")
    (job,) = planned(missing("AAPL", friday, monday)).repairs
    assert job.ranges == ((at(friday[0]), at(monday[1])),)
    assert job.points == 5


def test_near_gaps_of_an_entity_share_a_call_that_takes_nothing_else() -> None:
    made = planned(missing("AAPL", ("2026-11-20T15:00", "2026-11-20T15:02"), ("2026-11-20T15:03", "2026-11-20T15:04")))
    (job,) = made.repairs
    assert isinstance(job, FetchHistory)
    assert job.ranges == ((at("2026-11-20T15:00"), at("2026-11-20T15:04")),)
    assert job.wanted == (
        (at("2026-11-20T15:00"), at("2026-11-20T15:02")),
        (at("2026-11-20T15:03"), at("2026-11-20T15:04")),
    )
    assert (made.calls, job.points, made.rows) == (1, 3, 3)


def test_a_day_of_isolated_gaps_needs_one_call_for_each_entity() -> None:
    """440 points in 380 gaps, as a bad day has them, are eleven calls."""
    draw = random.Random(1)
    gaps = 0
    findings = []
    for entity in FEED.entities:
        minutes = sorted(draw.sample(range(390), 40))
        ranges = ranges_of([at("2026-11-20T14:30") + minute * 60 for minute in minutes], every=60)
        gaps += len(ranges)
        findings.append(MissingPoints("quotes", entity.name, tuple(ranges), 40))
    made = planned(*findings)
    assert gaps > 380
    assert (made.calls, made.rows, made.waiting) == (11, 440, ())


def test_what_the_source_was_just_asked_for_waits() -> None:
    first, second = ("2026-11-20T15:00", "2026-11-20T15:02"), ("2026-11-20T15:03", "2026-11-20T15:05")
    doubt = Doubt("AAPL", ((at("2026-11-20T15:01"), at("2026-11-20T15:04")),), "once", 0, at("2026-11-20T17:00"))
    made = plan_repairs([missing("AAPL", first, second)], PlanContext(CONTRACTS, doubts=(doubt,)))
    (job,) = made.repairs
    assert isinstance(job, FetchHistory)
    assert job.wanted == (
        (at("2026-11-20T15:00"), at("2026-11-20T15:01")),
        (at("2026-11-20T15:04"), at("2026-11-20T15:05")),
    )
    assert [(deferred.entity, deferred.count) for deferred in made.waiting] == [("AAPL", 2)]


def test_a_window_is_asked_for_once_its_history_is_published() -> None:
    contracts = contracts_in(ROOT / "contracts/examples")
    start, delay = at("2026-11-20T00:00"), 2 * 86_400
    lost = MissingPoints("eia", "CAL", ((start, start + 4 * 3600),), 4)
    for hours, asked in ((0, 0), (1, 1), (3, 3), (4, 4), (50, 4)):
        plan = plan_repairs([lost], PlanContext(contracts, now=start + delay + hours * 3600))
        calls = [repair for repair in plan.repairs if isinstance(repair, FetchHistory)]
        assert sum(repair.points for repair in calls) == asked
        assert sum(waiting.count for waiting in plan.waiting) == 4 - asked


def test_proven_absences_are_asked_for_again_with_the_calls_that_are_left() -> None:
    again = FetchHistory("quotes", "ZM", ((at("2026-11-20T15:00"), at("2026-11-20T15:02")),), 2)
    lost = missing("AAPL", ("2026-11-20T15:00", "2026-11-20T15:02"))
    made = plan_repairs([lost], PlanContext(CONTRACTS, rechecks=(again,)))
    assert [(repair.entity, repair.points) for repair in made.repairs] == [("AAPL", 2), ("ZM", 2)]  # type: ignore[union-attr]
    assert plan_repairs([lost], PlanContext(CONTRACTS, budget=Budget(calls=1), rechecks=(again,))).calls == 1
    assert plan_repairs([lost], PlanContext(CONTRACTS, attempt=2, rechecks=(again,))).calls == 1


def test_absences_of_an_earlier_cadence_and_of_an_entity_that_ends_are_asked_for_again_too() -> None:
    """They were due in each audit, and no audit asked."""
    contracts = contracts_of_before(cadence_until=at("2026-11-20T15:00"), ends={"ZM": "2027-01-01T00:00:00Z"})
    ranges = ((at("2026-11-20T14:45"), at("2026-11-20T15:02")),)
    again = tuple(FetchHistory("quotes", entity, ranges, 5) for entity in ("AMD", "ZM"))
    made = plan_repairs([], PlanContext(contracts, rechecks=again))
    jobs = [(job.entity, job.every, job.points) for job in made.repairs if isinstance(job, FetchHistory)]
    assert jobs == [("AMD", 300, 3), ("AMD", 0, 2), ("ZM", 300, 3), ("ZM", 60, 2)]


def contracts_of_before(*, cadence_until: int, ends: Mapping[str, str]) -> Contracts:
    """The contracts with a feed whose points were five minutes apart before, and of which entities end."""
    calendar = replace(CALENDAR, name="before", cadences=((cadence_until, 300),))
    entities = tuple(replace(each, valid_until=ends.get(each.name, "")) for each in FEED.entities)
    feed = replace(FEED, calendar=calendar.name, entities=entities)
    changed = (replace(each, source=feed) if each.dataset == "quotes" else each for each in CONTRACTS)
    return replace(CONTRACTS, contracts=tuple(changed), calendars=(*CONTRACTS.calendars, calendar))


def test_an_entity_with_many_old_gaps_leaves_calls_to_the_others() -> None:
    days = [f"2026-{month:02}-02" for month in range(1, 11)]
    old = missing("AAPL", *((f"{day}T15:00", f"{day}T15:01") for day in days))
    new = [missing(name, ("2026-11-20T15:00", "2026-11-20T15:01")) for name in ("AMD", "ZM")]
    first = planned(old, *new, budget=Budget(calls=2))
    assert [(job.entity, len(job.ranges)) for job in first.repairs] == [("AAPL", 1), ("AMD", 1)]
    context = PlanContext(CONTRACTS, budget=Budget(calls=2), places=first.places)
    second = plan_repairs([old, *new], context)  # of what was asked for nothing came
    assert [job.entity for job in second.repairs] == ["AAPL", "ZM"]  # type: ignore[union-attr]
    assert second.repairs[0].ranges != first.repairs[0].ranges  # type: ignore[union-attr]


def test_a_gap_longer_than_the_providers_span_is_several_calls() -> None:
    made = planned(missing("AAPL", ("2026-06-01T14:30", "2026-09-30T20:00")))
    span = int(history_span(FEED.history).total_seconds())
    ranges = [pair for repair in made.repairs for pair in repair.ranges]  # type: ignore[union-attr]
    assert len(ranges) == made.calls == 7  # of 122 days, 5,000 minutes at most in each
    assert all(end - start <= span for start, end in ranges)


def test_points_of_a_partition_that_is_made_again_wait_for_it() -> None:
    gap = ("2026-11-20T15:00", "2026-11-20T15:05")
    broken = BrokenPartition("quotes", "fact_quote", "symbol=AAPL/month=2026-11", "is missing")
    made = planned(missing("AAPL", gap), missing("AMD", gap), broken)
    assert [repair.kind for repair in made.repairs] == ["restate", "fetch_history"]
    assert made.repairs[1].entity == "AMD"  # type: ignore[union-attr]
    assert [(one.entity, one.count) for one in made.waiting] == [("AAPL", 5)]
    assert planned(missing("AAPL", gap), broken, attempt=2).waiting == ()


def test_facts_are_made_again_before_what_is_derived_from_them() -> None:
    made = planned(
        StaleDerived("quotes", "fact_quote_hourly", "symbol=AAPL/month=2026-11", "old"),
        BrokenPartition("quotes", "fact_quote", "symbol=ZM/month=2026-11", "is missing"),
    )
    assert [repair.table for repair in made.repairs] == ["fact_quote", "fact_quote_hourly"]  # type: ignore[union-attr]


def test_what_the_provider_refuses_is_not_asked_again() -> None:
    gap = ("2026-11-20T15:00", "2026-11-20T15:05")
    made = planned(missing("AAPL", gap), missing("AMD", gap), refused={"AMD": "the plan does not include this"})
    assert [repair.entity for repair in made.repairs] == ["AAPL"]  # type: ignore[union-attr]
    assert [(one.finding.entity, one.cause) for one in made.helpless] == [("AMD", "not_entitled")]  # type: ignore[union-attr]
    assert planned(missing("AAPL", gap), refused={"*": "the token is refused"}).repairs == ()


def test_a_rule_that_is_broken_after_a_restatement_cannot_be_healed() -> None:
    broken = BrokenRule("quotes", "fact_quote", "symbol=AAPL/month=2026-11", "price: check > 0", 1, "minute x")
    first = planned(broken)
    assert first.repairs == (Restate("quotes", "fact_quote", ("symbol=AAPL/month=2026-11",)),)
    assert planned(broken, attempt=2).repairs == first.repairs  # it had no turn in the first attempt
    again = planned(broken, attempt=2, after=(first,))
    assert (again.repairs, [one.cause for one in again.helpless]) == ((), ["broken_rule"])


def test_a_held_partition_is_left_alone() -> None:
    assert planned(HeldPartition("quotes", "fact_quote", "symbol=AAPL/month=2026-11", "review")) == planned()


def test_databases_are_planned_by_the_same_plan() -> None:
    findings = (
        MissingObject("sales", "sales_order", 7, "2026-11-20T14:00:00Z", "2026-11-20T14:05:00Z"),
        MissingRows("sales", "sales_order", ((1,), (2,))),
        OrphanKeys("sales", "fact_sales_order", "sales_staff_id", "dim_staff.staff_id", ("9",), 3),
    )
    fetched = FetchRows("sales", "sales_order", ((1,), (2,)))
    first = planned(*findings)
    assert first.repairs == (
        Revive("sales", ("tables/sales/sales_order/000000000007.jsonl.gz",)),
        fetched,
        FetchRows("sales", "staff", (("9",),)),
    )
    again = planned(*findings, attempt=2, after=(first,))
    assert again.repairs == (
        ExtractAgain("sales", "sales_order", "2026-11-20T14:00:00Z", "2026-11-20T14:05:00Z", 7),
        fetched,
    )
    assert {executor_of(repair) for repair in again.repairs} == {"extract"}
    assert [one.cause for one in again.helpless] == ["orphan_key"]


def test_a_partition_of_a_database_waits_for_the_ingest_objects_that_it_is_made_of() -> None:
    findings = (
        LostObject("sales", "tables/sales/sales_order/000000000007.jsonl.gz"),
        BrokenPartition("sales", "fact_sales_order", "month=2026-11", "is missing"),
        MissingRows("sales", "sales_order", ((1,),)),
    )
    first = planned(*findings)
    assert [repair.kind for repair in first.repairs] == ["revive"]
    assert [one.kind for one in first.waiting] == ["broken_object", "missing_row"]
    second = planned(*findings[1:], attempt=2)
    assert [repair.kind for repair in second.repairs] == ["restate", "fetch_rows"]


def test_what_was_deleted_is_fetched_with_the_version_in_which_it_was_last_seen() -> None:
    gone = DeletedRows("sales", "sales_order", ((1,), (2,)), ("2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"), ("", ""))
    (made,) = planned(gone).repairs
    assert made == FetchRows("sales", "sales_order", gone.keys, True, gone.versions, gone.checked)


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_a_healthy_object_of_another_table_has_its_turn_beside_two_thousand_that_stay_unprocessed(attempt: int) -> None:
    poison = [
        UnprocessedObject("sales", f"tables/sales/department/{number:012}.jsonl.gz", "it has no receipt")
        for number in range(2_000)
    ]
    good = UnprocessedObject("sales", "tables/sales/staff/000000000009.jsonl.gz", "it has no receipt")
    made = planned(*poison, good, attempt=attempt)
    assert any(good.key in repair.objects for repair in made.repairs)
    assert [(each.kind, each.entity, each.count) for each in made.waiting] == [
        ("unprocessed_object", "tables/department", 1)
    ]


def test_partitions_of_each_kind_and_table_have_turns_and_wait_by_their_own_kind() -> None:
    months = [f"symbol=ZM/month=20{year}-{month:02}" for year in range(10, 27) for month in range(1, 13)]
    findings = [
        *(BrokenPartition("quotes", "fact_quote", month, "gone") for month in months),
        *(OutdatedPartition("quotes", "fact_quote", month.replace("ZM", "AMD"), "old") for month in months),
        *(StaleDerived("quotes", "fact_quote_hourly", month, "old") for month in months[:3]),
    ]
    made = planned(*findings, budget=Budget(partitions=100))
    assert [(job.table, len(job.partitions)) for job in made.repairs] == [
        ("fact_quote", 50),
        ("fact_quote", 47),
        ("fact_quote_hourly", 3),
    ]
    assert [(each.kind, each.count) for each in made.waiting] == [
        ("broken_object", len(months) - 49),
        ("outdated_partition", len(months) - 48),
    ]


def test_what_waits_for_its_partition_in_the_first_attempt_finds_some_of_the_budget_left() -> None:
    """Rows of another table took all of it in the first attempt of every run."""
    rows = [MissingRows("sales", table, tuple((number,) for number in range(9))) for table in ("department", "payment")]
    broken = BrokenPartition("sales", "dim_staff", "", "gone")
    first = planned(broken, *rows, budget=Budget(rows=4))
    fetched = [job for job in first.repairs if isinstance(job, FetchRows)]
    assert [(job.table, len(job.keys)) for job in fetched] == [("payment", 2)]
    assert [(each.kind, each.entity, each.count) for each in first.waiting] == [
        ("missing_row", "department", 9),
        ("missing_row", "payment", 7),
    ]
    second = planned(broken, *rows, budget=Budget(rows=2), attempt=2, after=(first,))
    assert {job.table for job in second.repairs if isinstance(job, FetchRows)} == {"department", "payment"}


def test_holes_are_extracted_within_the_budget_after_they_were_looked_for() -> None:
    holes = [
        MissingObject("sales", "staff", number, "2026-11-20T14:00:00Z", "2026-11-20T14:05:00Z") for number in range(9)
    ]
    budget = Budget(objects=3)
    first = planned(*holes, budget=budget)
    second = planned(*holes, attempt=2, budget=budget, after=(first,))
    third = planned(*holes, attempt=3, budget=budget, after=(first, second))
    kinds = [[(job.kind, len(getattr(job, "objects", "1"))) for job in plan.repairs] for plan in (first, second, third)]
    extracted = [("extract_again", 1)] * 3
    assert kinds == [[("revive", 3)], [("revive", 3), *extracted], [("revive", 3), *extracted]]
    place = third.places["missing_object sales/staff"]
    assert (place.after, place.until) == ((5,), (8,))


def test_each_version_that_is_held_of_a_row_goes_with_its_key() -> None:
    """Two facts may be made of a source table."""
    keys, partitions = ((1,), (2,)), (("month=2026-09", "month=2026-10"),) * 2
    moved = [
        MovedRows("sales", "payment", keys, fact, ("created_at",), partitions, versions, ("", "c"))
        for fact, versions in (("fact_payment", ("v", "w")), ("fact_other", ("x", "w")))
    ]
    (job,) = planned(*moved).repairs
    assert job == FetchRows("sales", "payment", ((1,), (1,), (2,)), True, ("v", "x", "w"), ("", "", "c"))


def test_an_id_ahead_of_the_objects_is_put_right_once_no_object_came_back() -> None:
    name = "/starmend/test/sales/sales_order/sequential_id"
    wrong = WrongParameter("sales", name, "9", "7")
    (first,) = planned(wrong).repairs
    keys = [f"tables/sales/sales_order/00000000000{number}.jsonl.gz" for number in (8, 9)]
    assert first == Revive("sales", tuple(keys))
    assert planned(wrong, attempt=2).repairs == (PutParameters("sales", ((name, "9", "7"),)),)
    absurd = WrongParameter("sales", name, "1000", "7")
    assert planned(absurd).repairs == (PutParameters("sales", ((name, "1000", "7"),)),)


@settings(max_examples=80, deadline=None)
@given(
    gaps=st.lists(
        st.tuples(st.sampled_from(["AAPL", "AMD", "ZM"]), st.integers(0, 388), st.integers(1, 30)), max_size=40
    ),
    calls=st.integers(0, 30),
    points=st.integers(0, 400),
    jobs=st.integers(1, 5),
)
def test_a_plan_keeps_its_budget_and_forgets_nothing(
    gaps: list[tuple[str, int, int]], calls: int, points: int, jobs: int
) -> None:
    opening = at("2026-11-20T14:30")
    lost: dict[str, set[int]] = {}
    for entity, first, length in gaps:
        lost.setdefault(entity, set()).update(range(first, min(first + length, 390)))
    findings = []
    for entity, minutes in lost.items():
        ranges: list[list[int]] = []
        for minute in sorted(minutes):
            slot = opening + minute * 60
            if ranges and ranges[-1][1] == slot:
                ranges[-1][1] = slot + 60
            else:
                ranges.append([slot, slot + 60])
        findings.append(MissingPoints("quotes", entity, tuple((a, b) for a, b in ranges), len(minutes)))
    made = planned(*findings, budget=Budget(calls=calls, points=points, jobs=jobs))
    asked: dict[str, set[int]] = {}
    for repair in made.repairs:
        assert isinstance(repair, FetchHistory)
        for start, end in repair.wanted or repair.ranges:
            assert asked.setdefault(repair.entity, set()).isdisjoint(range(start, end, 60))
            asked[repair.entity].update(range(start, end, 60))
    count = sum(len(some) for some in asked.values())
    assert made.calls == sum(len(repair.ranges) for repair in made.repairs) <= calls  # type: ignore[union-attr]
    assert made.rows == count <= points
    assert all({(slot - opening) // 60 for slot in some} <= lost[entity] for entity, some in asked.items())
    assert count + sum(one.count for one in made.waiting) == sum(len(some) for some in lost.values())
    assert len(list(join_jobs(made.repairs, CONTRACTS))) <= jobs


MONTH = "symbol=ZM/month=2026-11"
EVERY_KIND: tuple[Finding, ...] = (
    UnprocessedObject("quotes", "feeds/quotes/a", "it has no receipt"),
    HaltedObject("quotes", "feeds/quotes/a", "quarantine: 99% of the lines are bad", "2026-11-20T15:00:00Z", 7),
    LostObject("quotes", "feeds/quotes/a"),
    missing("AAPL", ("2026-11-20T15:00", "2026-11-20T15:05")),
    MissingObject("sales", "staff", 3, "2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z"),
    MissingRows("sales", "staff", ((1,),)),
    StaleRows("sales", "staff", ((1,),)),
    ChangedRows("sales", "staff", ((1,),)),
    UnhashedRows("sales", "staff", ((1,),), 3),
    UnfilledRows("sales", "staff", ((1,),), 3, ("email_address",)),
    RefusedRows("sales", "staff", ((1,),)),
    UnplacedRows("sales", "staff", ((1,),), 1),
    DeletedRows("sales", "staff", ((1,),), ("2026-11-20T15:00:00Z",), ("",)),
    MovedRows("sales", "payment", ((1,),), "fact_payment", ("created_date",), (("month=2026-10", "month=2026-11"),)),
    BrokenRule("quotes", "fact_quote", MONTH, "price > 0", 2, "-1"),
    DisputedValue("quotes", "fact_quote", MONTH, "price", "ZM", "2026-11-20T15:00:00Z", "1", "2"),
    OrphanKeys("sales", "fact_sales_order", "design_id", "dim_design.design_id", ("1",), 1),
    StaleDerived("quotes", "fact_quote_hourly", MONTH, "another digest"),
    BrokenPartition("quotes", "fact_quote", MONTH, "is missing"),
    OutdatedPartition("quotes", "fact_quote", MONTH, "its rows have no asked_at"),
    HeldPartition("quotes", "fact_quote", MONTH, "rolled back"),
    WrongParameter("sales", "/starmend/dev/sales/staff/sequential_id", "3", "2"),
    DeadLetters("quotes", ("0" * 64,)),
    UnreferencedObjects("quotes", "fact_quote", MONTH, 1, 10),
    SlowSweep("sales", 90 * 86_400, 30 * 86_400),
    UnreadableTable("sales", "staff", "it has no department_id"),
    ChangedSource("sales", "staff", ("column colour (text) was added",), "2026-11-20T12:00:00Z"),
    LaggingMirror("sales", "fact_sales_order", 3, "2026-11-20T12:00:00Z"),
)


@pytest.mark.parametrize("attempt", [1, 2, 3])
@pytest.mark.parametrize("finding", EVERY_KIND, ids=lambda finding: finding.kind)
def test_of_every_kind_of_finding_something_is_done_or_said(finding: Finding, attempt: int) -> None:
    plan = planned(finding, attempt=attempt)
    assert bool(plan.repairs or plan.waiting or plan.helpless) == (finding.kind not in REPORTED)
    assert all(unrepairable.finding == finding and unrepairable.reason for unrepairable in plan.helpless)


def test_each_kind_of_finding_is_among_them() -> None:
    assert [type(finding) for finding in EVERY_KIND] == list(get_args(Finding))


def test_a_halted_object_is_not_processed_again_as_it_is_and_its_reason_is_told() -> None:
    halted = next(finding for finding in EVERY_KIND if isinstance(finding, HaltedObject))
    for attempt in (1, 2):
        plan = planned(halted, attempt=attempt)
        assert (plan.repairs, plan.waiting) == ((), ())
        assert [(each.cause, each.reason) for each in plan.helpless] == [("halted_object", halted.reason)]


@pytest.mark.parametrize("attempt", [1, 2])
def test_every_repair_travels_as_json(attempt: int) -> None:
    made = planned(
        missing("AAPL", ("2026-11-20T15:00", "2026-11-20T15:05")),
        LostObject("quotes", "k"),
        BrokenPartition("quotes", "fact_quote", "symbol=ZM/month=2026-11", "is missing"),
        attempt=attempt,
    )
    assert tuple(repair_from_data(repair_to_data(repair)) for repair in made.repairs) == made.repairs


def test_cleaning_comes_last_table_by_table_and_within_what_restating_left_of_the_budget() -> None:
    left = [
        UnreferencedObjects("quotes", "fact_quote", f"symbol={name}/month=2026-11", 3, 30) for name in ("AMD", "ZM")
    ]
    other = UnreferencedObjects("sales", "_current/staff", "", 1, 10)
    broken = BrokenPartition("quotes", "fact_quote", "symbol=AAPL/month=2026-11", "is missing")
    made = planned(other, *left, broken, budget=Budget(partitions=3))
    assert [(repair.kind, repair.table, repair.partitions) for repair in made.repairs] == [
        ("restate", "fact_quote", ("symbol=AAPL/month=2026-11",)),
        ("vacuum", "fact_quote", ("symbol=AMD/month=2026-11",)),
        ("vacuum", "_current/staff", ("",)),
    ]
    assert [(one.kind, one.count) for one in made.waiting] == [("unreferenced_object", 1)]
    assert {executor_of(repair) for repair in made.repairs} == {"restate"}
