"""No plan is more than Step Functions carries, whatever the settings say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.feeds import contracts_in

from auditor.events import PlanAnswer, PlannedJob, to_event
from auditor.repairs.draft import JOBS_OF_A_RUN, LEAST_JOBS, Plan, PlanContext, jobs_of_attempt
from auditor.repairs.history.joined_jobs import join_jobs
from auditor.repairs.plan import plan_repairs
from auditor.repairs.turns.items import items_of_repairs
from auditor.services import Budget
from core.audit.findings import (
    BrokenPartition,
    Finding,
    LostObject,
    MissingObject,
    MissingPoints,
    MissingRows,
    UnprocessedObject,
    UnreferencedObjects,
)
from core.audit.repair_jobs import ExtractAgain, Repair, executor_of, job_key
from core.contract.model import Contracts
from core.json import canonical_json
from core.landing.ingest_objects import TableObject

CONTRACTS = contracts_in()
MACHINE = (Path(__file__).parents[4] / "terraform/modules/auditor/definition.tf").read_text(encoding="utf-8")
STATE_BYTES, EVENTS = 262_144, 25_000  # Step Functions Developer Guide, "Quotas for state machine executions"
HUGE = Budget(calls=10**6, rows=10**8, objects=10**6, partitions=10**6, jobs=10**6)
START = 1_795_185_000
TABLES = ("department", "staff", "payment")


def everything() -> list[Finding]:
    """More of each kind than a plan may have jobs, in some tables."""
    objects = [(table, number) for table in TABLES for number in range(1, 700)]
    keys = [TableObject("sales", table, number).key for table, number in objects]
    return [
        *(UnprocessedObject("sales", key, "it has no receipt") for key in keys),
        *(LostObject("sales", key) for key in keys),
        *(MissingObject("sales", *hole, "2026-11-20T14:00:00Z", "2026-11-20T14:05:00Z") for hole in objects),
        *(BrokenPartition("sales", "fact_payment", f"month={number}", "gone") for number in range(6_000)),
        *(UnreferencedObjects("sales", "fact_payment", f"month={number}", 1, 1) for number in range(6_000)),
        *(MissingRows("sales", table, tuple((number,) for number in range(40_000))) for table in TABLES),
        *(MissingPoints("quotes", each.name, ((START, START + 60),), 1) for each in CONTRACTS.feed("quotes").entities),
    ]


def test_the_jobs_of_a_run_fit_into_the_state_and_the_history_of_step_functions() -> None:
    findings = everything()
    repairs: list[Repair] = []
    used = 0
    run, attempts = "r" * 80, 3  # an execution's name has at most 80 characters
    for attempt in range(1, attempts + 1):
        jobs = jobs_of_attempt(attempt, of=attempts, used=used)
        plan = plan_repairs(findings, PlanContext(CONTRACTS, attempt, HUGE, tried=items_of_repairs(repairs), jobs=jobs))
        planned = joined(plan, CONTRACTS)
        assert (jobs - 40 if attempt > 1 else 1) <= len(planned) <= jobs
        kinds = {repair.kind for repair in plan.repairs}
        assert {"reprocess", "revive", "fetch_rows", "vacuum"} <= kinds
        assert ({"extract_again", "restate"} <= kinds) == (attempt > 1)
        assert bytes_of(run, attempt, plan, planned) < STATE_BYTES / 4  # what the jobs answer is gathered, too
        repairs += plan.repairs
        used += len(planned)
    assert any(isinstance(repair, ExtractAgain) for repair in repairs)
    assert used <= JOBS_OF_A_RUN


def joined(plan: Plan, contracts: Contracts) -> list[tuple[int, tuple[Repair, ...]]]:
    return list(join_jobs(plan.repairs, contracts))


def bytes_of(run: str, attempt: int, plan: Plan, jobs: Sequence[tuple[int, tuple[Repair, ...]]]) -> int:
    """The answer of the plan step, which travels in the state."""
    planned = tuple(PlannedJob(job_key(run, attempt, number), executor_of(repairs[0])) for number, repairs in jobs)
    return len(canonical_json(to_event(PlanAnswer(attempt, planned, len(plan.repairs), plan.calls, plan.rows, 0, 0))))


def of_many(count: int, *, per_minute: int) -> tuple[Contracts, list[Finding]]:
    """A feed of so many entities of which two hours are missing, at a provider that allows so many calls."""
    feed = CONTRACTS.feed("quotes")
    entities = tuple(replace(feed.entities[0], name=f"E{number:06d}") for number in range(count))
    rest = {**feed.provider.settings, "calls_per_minute": per_minute}
    history = replace(feed.history, settings={**rest, "url": "https://history.example"})  # of an account of its own
    changed = replace(feed, entities=entities, history=history, calls_per_minute=per_minute)
    contracts = tuple(replace(each, source=changed) if each.dataset == "quotes" else each for each in CONTRACTS)
    lost: list[Finding] = [MissingPoints("quotes", entity.name, ((START, START + 7_200),), 120) for entity in entities]
    return replace(CONTRACTS, contracts=contracts), lost


@pytest.mark.parametrize(("per_minute", "calls", "jobs"), [(2_000, 10_000, 167), (500, 5_000, 84), (50, 500, 13)])
def test_two_hours_of_ten_thousand_entities_are_one_run_where_the_plan_of_the_provider_allows_it(
    per_minute: int, calls: int, jobs: int
) -> None:
    """By default settings, and within what Step Functions carries; what the plan does not allow waits."""
    contracts, lost = of_many(10_000, per_minute=per_minute)
    allowed = jobs_of_attempt(1, of=3, used=0)
    plan = plan_repairs(lost, PlanContext(contracts, jobs=allowed))
    planned = joined(plan, contracts)
    assert (plan.calls, len(planned)) == (calls, jobs)
    assert len(planned) <= allowed
    assert bytes_of("r" * 80, 1, plan, planned) < STATE_BYTES / 4
    assert sum(each.count for each in plan.waiting) == (10_000 - calls) * 120
    assert max(sum(len(repair.ranges) for repair in of_job) for _, of_job in planned) <= 60  # type: ignore[union-attr]


def test_every_retry_of_every_job_of_a_run_fits_into_the_history() -> None:
    """An iteration begins, chooses, enters, tries, fails, leaves it to the verdict and ends."""
    job = MACHINE[MACHINE.index("retry = {") : MACHINE.index("# What becomes of a failure")]
    (of_function,) = map(int, re.findall(r"MaxAttempts\s*=\s*(\d+)", job))
    callback = MACHINE[MACHINE.index('"Ask the source" = {') : MACHINE.index('"Leave it to the verdict" = {')]
    of_callback = sum(map(int, re.findall(r"MaxAttempts\s*=\s*(\d+)", callback)))
    tries = max(3 * (1 + of_function), 4 * (1 + of_callback))  # scheduled, started, (submitted,) failed
    events_of_a_job = 1 + 2 + 1 + tries + 1 + 2 + 1
    assert events_of_a_job == 28
    assert JOBS_OF_A_RUN * events_of_a_job < EVENTS - 2_000  # which the steps have, and the rollups


@pytest.mark.parametrize("attempts", [1, 3, 20, 1_000])
def test_attempts_share_the_jobs_of_a_run_and_a_plan_has_enough_for_each_step(attempts: int) -> None:
    used = 0
    for attempt in range(1, attempts + 2):  # the last is planned to see what would still be done
        jobs = jobs_of_attempt(attempt, of=attempts, used=used)
        assert jobs == 0 if used == JOBS_OF_A_RUN else jobs >= min(LEAST_JOBS, JOBS_OF_A_RUN - used)
        used += jobs
    assert used <= JOBS_OF_A_RUN
