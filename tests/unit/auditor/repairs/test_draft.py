"""No plan is more than Step Functions carries, whatever the settings say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.feeds import contracts_in

from auditor.events import PlanAnswer, PlannedJob, to_event
from auditor.repairs.draft import JOBS_OF_A_RUN, LEAST_JOBS, PlanContext, jobs_of_attempt
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
    run, attempts = "r" * 80, 3  # an execution's name has at most 80 characters
    for attempt in range(1, attempts + 1):
        jobs = jobs_of_attempt(attempt, of=attempts, used=len(repairs))
        plan = plan_repairs(findings, PlanContext(CONTRACTS, attempt, HUGE, tried=items_of_repairs(repairs), jobs=jobs))
        assert (jobs - 40 if attempt > 1 else 1) <= len(plan.repairs) <= jobs
        kinds = {repair.kind for repair in plan.repairs}
        assert {"reprocess", "revive", "fetch_rows", "vacuum"} <= kinds
        assert ({"extract_again", "restate"} <= kinds) == (attempt > 1)
        planned = tuple(
            PlannedJob(job_key(run, attempt, number), executor_of(repair)) for number, repair in enumerate(plan.repairs)
        )
        answer = to_event(PlanAnswer(attempt, planned, len(planned), plan.calls, plan.rows, 0, 0))
        assert len(canonical_json(answer)) < STATE_BYTES / 4  # what the jobs answer is gathered, too
        repairs += plan.repairs
    assert any(isinstance(repair, ExtractAgain) for repair in repairs)
    assert len(repairs) <= JOBS_OF_A_RUN


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
