"""Whatever is left of an audit either may still heal or has a cause that somebody is told of, with what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feeds import contracts_in

from auditor.repairs.causes import MEANINGS, Cause
from auditor.repairs.draft import Plan, Unrepairable
from auditor.repairs.outcomes import JobReport
from auditor.repairs.triage import Triage, describe, triage_findings
from auditor.repairs.turns.items import Turns
from auditor.repairs.turns.queues import Place
from core.audit.findings import BrokenPartition, Finding, HeldPartition, LostObject, MissingPoints
from core.audit.history import Evidence, HistoryOutcome
from core.audit.repair_jobs import FetchHistory

FEED = contracts_in().feed("quotes")
START = 1_795_185_000
POINTS = MissingPoints("quotes", "AAPL", ((START, START + 300),), 5)
SOON, LATE = START + FEED.complete_within - 1, START + FEED.complete_within + 1


def report(result: str = "answered", *, reason: str = "", job: str = "done", **settled: object) -> JobReport:
    outcome = HistoryOutcome(result, reason=reason, **settled)  # type: ignore[arg-type]
    repair = FetchHistory("quotes", "AAPL", POINTS.ranges, 5)
    return JobReport(1, repair, job, reason if job != "done" else "", START, (outcome,) if job == "done" else ())


def triaged(
    *findings: Finding,
    plan: Plan | None = None,
    reports: tuple[JobReport, ...] = (),
    now: int = SOON,
    turns: Turns | None = None,
) -> Triage:
    return triage_findings(findings, plan or Plan(), reports, dataset="quotes", feed=FEED, now=now, turns=turns)


def causes(triage: Triage) -> list[str]:
    return [cause.name for cause in triage.causes]


def test_every_kind_of_finding_that_may_be_left_has_a_meaning() -> None:
    kinds = {kind.__dataclass_fields__["kind"].default for kind in get_args(Finding)}
    assert kinds - {"missing_point", "held_partition", "unhashed_row"} <= MEANINGS.keys()


def test_a_cause_names_its_partitions_in_order() -> None:
    gone = [
        BrokenPartition("sales", table, path, "gone")
        for table, path in (("fact_payment", "month=1"), ("dim_staff", ""))
    ]
    (cause,) = triaged(*gone).causes
    assert cause.partitions == ("dim_staff", "fact_payment/month=1")


def test_points_that_nobody_asked_for_yet_may_still_heal_until_they_are_overdue() -> None:
    assert triaged(POINTS) == Triage((), 5, {})
    late = triaged(POINTS, now=LATE)
    assert (causes(late), late.healing, late.blamed) == (["overdue"], 0, {"AAPL": "overdue"})


def test_entities_without_a_job_are_told_apart_where_the_budget_did_not_reach_all() -> None:
    asked = replace(POINTS, entity="AMD")
    jobs = (replace(report(), repair=replace(report().repair, entity="AMD")),)  # type: ignore[type-var]
    assert triaged(POINTS, asked, reports=jobs).unasked == frozenset()
    short = Turns(waiting={"fetch_history": Place(("missing_point quotes/AMD",))})
    assert triaged(POINTS, asked, reports=jobs, turns=short).unasked == {"AAPL"}


@pytest.mark.parametrize("result", ["not_entitled", "secret_missing", "broken"])
def test_a_provider_that_does_not_answer_is_a_cause_at_once(result: str) -> None:
    assert causes(triaged(POINTS, reports=(report(result, reason="no"),))) == [result]


def test_a_limited_provider_is_a_cause_only_when_the_points_are_overdue() -> None:
    assert causes(triaged(POINTS, reports=(report("limited"),))) == []
    assert causes(triaged(POINTS, reports=(report("limited"),), now=LATE)) == ["limited"]


def test_the_worst_answer_of_an_entity_names_the_cause() -> None:
    both = replace(report(), outcomes=(HistoryOutcome("answered"), HistoryOutcome("not_entitled")))
    assert causes(triaged(POINTS, reports=(both,))) == ["not_entitled"]


def test_points_that_the_stream_took_and_that_are_missing_did_not_arrive() -> None:
    assert causes(triaged(POINTS, reports=(report(healed=POINTS.ranges),))) == ["not_arrived"]
    elsewhere = ((START + 300, START + 360),)
    assert causes(triaged(POINTS, reports=(report(healed=elsewhere),))) == []


def test_a_job_that_failed_is_a_cause_with_its_reason() -> None:
    (cause,) = triaged(POINTS, reports=(report(job="failed", reason="no route"),)).causes
    assert (cause.name, cause.answer, cause.tried, cause.attempts) == (
        "repair_failed",
        "no route",
        ("fetch history: 1 jobs",),
        1,
    )


def test_what_the_plan_calls_unrepairable_is_blamed_on_its_cause() -> None:
    plan = Plan(helpless=(Unrepairable(POINTS, "not_entitled", "the plan has no history"),))
    triage = triaged(POINTS, plan=plan)
    assert triage.blamed == {"AAPL": "not_entitled"}
    assert triage.causes[0].details == ("the plan has no history",)


def test_the_last_answer_of_the_provider_is_shown() -> None:
    evidence = (Evidence("GET /a", 0, "", ""), Evidence("GET /b", 403, "forbidden", ""))
    (cause,) = triaged(POINTS, reports=(report("not_entitled", evidence=evidence),)).causes
    assert cause.answer == "GET /b -> 403 forbidden"


def test_other_findings_are_causes_by_kind_unless_they_wait_or_are_held_on_purpose() -> None:
    lost = [LostObject("quotes", f"feeds/quotes/{number}") for number in range(7)]
    broken = BrokenPartition("quotes", "fact_quote", "symbol=A", "gone")
    held = HeldPartition("quotes", "fact_quote", "symbol=B", "rolled back")
    turns = Turns(waiting={"broken_object quotes/fact_quote": Place(since=START)})
    triage = triaged(*lost, broken, held, turns=turns)
    assert triage.waiting == {"broken_object"}
    (cause,) = triage.causes
    assert (cause.name, cause.count, len(cause.details), cause.details[-1]) == ("lost_object", 7, 6, "and 2 more")


def test_each_reason_is_told_with_the_entities_that_it_is_about_and_each_span_once() -> None:
    names = [f"E{number}" for number in range(6)]
    missing = [MissingPoints("quotes", name, POINTS.ranges, 5) for name in names]
    reasons = dict.fromkeys(names[:5], "the provider has another unit") | {"E5": "its answer is of another entity"}
    reports = tuple(
        JobReport(
            1,
            FetchHistory("quotes", name, POINTS.ranges, 5),
            "done",
            outcomes=(HistoryOutcome("broken", reason=reason),),
        )
        for name, reason in reasons.items()
    )
    (cause,) = triaged(*missing, reports=reports).causes
    assert cause.details == (
        "E0, E1, E2, E3, E4: the provider has another unit",
        "E5: its answer is of another entity",
    )
    assert len(cause.spans) == 1


@given(st.builds(Cause))
def test_a_cause_is_read_as_it_was_written(cause: Cause) -> None:
    assert Cause.from_data(json.loads(json.dumps(cause.to_data()))) == cause


def test_a_finding_is_described_in_one_line() -> None:
    assert describe(POINTS) == "AAPL: 5 points between 2026-11-20T14:30:00Z and 2026-11-20T14:35:00Z"
    assert describe(BrokenPartition("quotes", "fact_quote", "symbol=A", "gone")) == "fact_quote/symbol=A: problem gone"
    assert describe(LostObject("quotes", "feeds/quotes/a")) == "key feeds/quotes/a"
