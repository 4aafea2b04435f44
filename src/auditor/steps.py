"""The steps of the state machine: each takes what the machine carries (names and counts), works, and adds to it.

``{"order": {"dataset": "quotes", "start"?: ISO, "end"?: ISO, "now"?: ISO}, "run": "<execution>"}`` begins. Every step
may be run again with the same input, by a retry or after a crash, and ends the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.alarms.conclude import conclude, conclude_failure
from auditor.audits import DatasetAudit, begin_audit, end_audit, open_audit, settle_audit, summarise
from auditor.repairs.execute import queue_objects, write_jobs
from auditor.services import Services
from core.time import epoch

Event = Mapping[str, Any]
Answer = dict[str, Any]


def audit_step(event: Event, services: Services) -> Answer:
    """Choose what to audit, and scan it."""
    wanted = event["order"]
    now = epoch(wanted["now"]) if wanted.get("now") else int(services.now().timestamp())
    start, end = wanted.get("start"), wanted.get("end")
    audit = begin_audit(
        services,
        str(wanted["dataset"]),
        str(event["run"]),
        start=epoch(start) if start else None,
        end=epoch(end) if end else None,
        now=now,
    )
    return summarise(audit.order, audit.scan(attempt=0), attempt=0)


def plan_step(event: Event, services: Services) -> Answer:
    """Plan the next attempt and write its jobs down."""
    attempt = int(event["attempt"]) + 1
    plan, jobs = write_jobs(services, _audit_of(event, services).order, attempt=attempt)
    return {
        "attempt": attempt,
        "jobs": jobs,
        "planned": len(jobs),
        "calls": plan.calls,
        "rows": plan.rows,
        "waiting": sum(one.count for one in plan.waiting),
        "helpless": len(plan.helpless),
    }


def queue_step(event: Event, services: Services) -> Answer:
    """Carry out one job for the processing queue."""
    return {"queued": queue_objects(services, str(event["job"]))}


def verify_step(event: Event, services: Services) -> Answer:
    """Learn what the jobs brought, and look at the same windows again."""
    attempt = int(event["attempt"])
    audit = _audit_of(event, services)
    settle_audit(services, audit, attempt=attempt)
    answer = summarise(audit.order, audit.scan(attempt=attempt), attempt=attempt)
    return {**answer, "exhausted": attempt >= services.limits.attempts}


def certify_step(event: Event, services: Services) -> Answer:
    """Certify what is whole, judge what is not."""
    return end_audit(services, _audit_of(event, services), attempt=int(event["attempt"]))


def conclude_step(event: Event, services: Services, *, environment: str) -> Answer:
    """Tell whoever must hear, and finish. With ``error`` it is the end of an audit that failed."""
    dataset, run = str(event["dataset"]), str(event["run"])
    if event.get("error"):
        told = conclude_failure(services, dataset, run, environment=environment, error=str(event["error"]))
    else:
        names = ("expected", "present", "absent", "missing", "certificates", "repaired")
        counts = {name: event["counts"].get(name, 0) for name in names}
        told = conclude(services, dataset, run, environment=environment, counts=counts)
    return {"sent": list(told.sent), "known": list(told.known), "recovered": list(told.recovered)}


def _audit_of(event: Event, services: Services) -> DatasetAudit:
    return open_audit(services, str(event["run"]))
