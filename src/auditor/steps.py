"""The steps of the state machine: each reads its event (``auditor.events``), works, and answers with names and counts.

``{"order": {"dataset": "quotes", "start"?: ISO, "end"?: ISO, "now"?: ISO}, "run": "<execution>"}`` begins. Every step
may be run again with the same input, by a retry or after a crash, and ends the same.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from auditor.alarms.conclude import conclude, conclude_failure
from auditor.alarms.over import alarm_over_step
from auditor.audits import begin_audit, end_audit, open_audit, settle_audit, summarise
from auditor.events import (
    AttemptInput,
    AuditInput,
    CertifyAnswer,
    ConcludeInput,
    JobInput,
    Json,
    Notices,
    PlanAnswer,
    PlannedJob,
    QueueAnswer,
    ScanAnswer,
    json_step,
)
from auditor.processing_log.compaction import compact_log
from auditor.promises import record_contract, with_promises
from auditor.repairs.execute import queue_objects, write_jobs
from auditor.services import Services
from auditor.windows import Scope
from core.time import epoch


@json_step
def audit_step(event: AuditInput, services: Services) -> ScanAnswer:
    """Choose what to audit, and scan it."""
    request = event.order
    record_contract(services, request.dataset)
    services = with_promises(services, request.dataset)
    audit = begin_audit(
        services,
        request.dataset,
        event.run,
        Scope(
            now=epoch(request.now) if request.now else int(services.now().timestamp()),
            start=epoch(request.start) if request.start else None,
            end=epoch(request.end) if request.end else None,
            tables=request.tables,
        ),
    )
    return summarise(audit.order, audit.scan(attempt=0), attempt=0)


@json_step
def plan_step(event: AttemptInput, services: Services) -> PlanAnswer:
    """Plan the next attempt and write its jobs down."""
    attempt = event.attempt + 1
    services = with_promises(services, event.dataset)
    plan, jobs = write_jobs(services, open_audit(services, event.run).order, attempt=attempt)
    return PlanAnswer(
        attempt=attempt,
        jobs=tuple(PlannedJob(key, executor) for key, executor in jobs),
        planned=len(jobs),
        calls=plan.calls,
        rows=plan.rows,
        waiting=sum(deferred.count for deferred in plan.waiting),
        helpless=len(plan.helpless),
    )


@json_step
def queue_step(event: JobInput, services: Services) -> QueueAnswer:
    """Carry out one job for the processing queue."""
    return QueueAnswer(queue_objects(services, event.job))


@json_step
def verify_step(event: AttemptInput, services: Services) -> ScanAnswer:
    """Settle what the jobs brought, and scan the same again."""
    audit = open_audit(with_promises(services, event.dataset), event.run)
    settle_audit(services, audit, attempt=event.attempt)
    answer = summarise(audit.order, audit.scan(attempt=event.attempt), attempt=event.attempt)
    return replace(answer, exhausted=event.attempt >= services.limits.attempts)


@json_step
def certify_step(event: AttemptInput, services: Services) -> CertifyAnswer:
    """Certify what is whole, triage what is not."""
    services = with_promises(services, event.dataset)
    return end_audit(services, open_audit(services, event.run), attempt=event.attempt)


@json_step
def conclude_step(event: ConcludeInput, services: Services, *, environment: str) -> Notices:
    """Tell whoever must hear, and finish; then copy what was processed since into the processing log.

    With ``error`` it is the end of an audit that failed.
    """
    if event.error:
        notices = conclude_failure(services, event.dataset, event.run, environment=environment, error=event.error)
    else:
        counts = asdict(event.counts)
        notices = conclude(services, event.dataset, event.run, environment=environment, counts=counts)
    compact_log(services, event.dataset, event.run)
    return notices


def last_step(event: Json, services: Services, *, environment: str) -> Json:
    """The end of an audit; or an alarm's action of OK, for which CloudWatch invokes the same function."""
    step = alarm_over_step if "alarmData" in event else conclude_step
    return step(event, services, environment=environment)
