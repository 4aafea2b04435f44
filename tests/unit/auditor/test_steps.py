"""The steps of an audit over a weekend, over an empty lake, and over one with an object that nobody processed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.auditor.conftest import NOW

from auditor import handler
from auditor.run_files import find_run_file
from auditor.services import Services
from auditor.steps import audit_step, certify_step, conclude_step, plan_step, queue_step, verify_step
from auditor.windows import HOUR
from core.errors import InvalidData
from core.evolution.deployments import record_deployment

RUN = {"dataset": "quotes", "run": "r", "attempt": 0}
BEGIN = {"order": {"dataset": "quotes"}, "run": "r"}


def metric(services: Services, name: str) -> list[float]:
    metrics: Any = services.metrics("quotes")
    return metrics.values.get(name, [])  # type: ignore[no-any-return]


def test_a_weekend_is_healthy_and_the_audit_finishes(services: Services) -> None:
    weekend = {"dataset": "quotes", "start": "2026-11-14T00:00:00Z", "end": "2026-11-16T00:00:00Z"}
    answer = audit_step({"order": weekend, "run": "r"}, services)
    assert (answer["dataset"], answer["run"], answer["attempt"], answer["healthy"]) == ("quotes", "r", 0, True)
    assert "exhausted" not in answer
    certified = certify_step(answer, services)
    assert certified == {"certificates": 0, "repaired": 0, "open": 0, "causes": 0, "healing": 0, "rollups": []}
    state = {**RUN, "counts": {**answer, **certified}}
    assert conclude_step(state, services, environment="test") == {"sent": [], "known": [], "recovered": []}
    assert (metric(services, "AuditFinished"), metric(services, "AuditMissing")) == ([1], [0])


def test_a_lake_in_which_nothing_arrived_lacks_all_of_its_newest_window(services: Services) -> None:
    deployed = int(NOW.timestamp()) - 2 * HOUR
    record_deployment(services.records, services.contracts, "quotes", now=deployed, collecting=True)
    answer = audit_step(BEGIN, services)
    assert (answer["windows"], answer["expected"], answer["missing"]) == (1, 660, 660)


def test_a_lake_of_this_hour_owes_nothing_yet(services: Services) -> None:
    answer = audit_step(BEGIN, services)
    assert (answer["windows"], answer["expected"], answer["healthy"]) == (0, 0, True)


def test_an_object_without_a_receipt_is_planned_queued_and_found_again_until_attempts_are_exhausted(
    services: Services,
) -> None:
    key = f"feeds/quotes/{NOW:%Y/%m/%d}/15/object-1"
    services.ingest.write(key, b"")  # type: ignore[attr-defined]
    begun = audit_step({**BEGIN, "order": {"dataset": "quotes", "now": "2026-11-20T20:00:00Z"}}, services)
    assert (begun["healthy"], begun["kinds"]["unprocessed_object"]) == (False, 1)
    for attempt in range(1, services.limits.attempts + 1):
        plan = plan_step({**RUN, "attempt": attempt - 1}, services)
        assert (plan["attempt"], plan["planned"]) == (attempt, len(plan["jobs"]))
        job = next(job for job in plan["jobs"] if job["door"] == "process")
        assert queue_step(job, services) == {"queued": 1}
        verified = verify_step({**RUN, "attempt": attempt}, services)
        assert verified["exhausted"] == (attempt == services.limits.attempts)
    queue: Any = services.processing
    assert queue.messages == [f'{{"objects": ["{key}"]}}'] * services.limits.attempts
    certify_step({**RUN, "attempt": services.limits.attempts}, services)
    causes = {cause["name"] for cause in find_run_file(services.records, "r", "judgement")["causes"]}
    assert "unprocessed_object" in causes


def test_a_step_that_is_run_again_ends_the_same(services: Services) -> None:
    assert audit_step(BEGIN, services) == audit_step(BEGIN, services)
    state = {**RUN, "counts": {}}
    assert certify_step(RUN, services) == certify_step(RUN, services)
    assert conclude_step(state, services, environment="test") == conclude_step(state, services, environment="test")


def test_a_failed_execution_is_told_of_and_has_ended(services: Services) -> None:
    event = {"dataset": "quotes", "run": "r", "error": "States.Timeout: no answer"}
    assert conclude_step(event, services, environment="test")["sent"] == ["audit_failed"]
    assert metric(services, "AuditFinished") == [1]


@pytest.mark.parametrize("step", [plan_step, verify_step, certify_step])
def test_a_step_of_a_run_that_never_began_is_refused(step: Any, services: Services) -> None:
    with pytest.raises(InvalidData):
        step({**RUN, "run": "another"}, services)


def test_every_step_has_an_entry() -> None:
    entries = {name for name in vars(handler) if getattr(vars(handler)[name], "__module__", "") == handler.__name__}
    assert entries == {"audit", "plan", "queue", "verify", "certify", "conclude"}
