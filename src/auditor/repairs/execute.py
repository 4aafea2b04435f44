"""Execution of a plan as far as it is the auditor's to do: jobs written down, and objects queued for processing.

Everything else is done by the other executors, which take a job by its key: acquisition asks the source, processing
makes partitions again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

from auditor.evidence.results import AuditResult
from auditor.repairs.draft import Plan, PlanContext, jobs_of_attempt, plan_from_data
from auditor.repairs.history.joined_jobs import join_jobs
from auditor.repairs.history.unanswered import unanswered
from auditor.repairs.outcomes import JobReport, read_reports, refused_now, repairs_tried
from auditor.repairs.plan import plan_repairs
from auditor.repairs.turns.items import items_of_repairs
from auditor.repairs.turns.places import keep_places, kept_places, places_within, read_places
from auditor.repairs.turns.queues import Places
from auditor.run_files import read_run_file, run_file_if_any, write_run_file
from auditor.services import Services
from core.audit.efforts import measured
from core.audit.findings import MissingPoints
from core.audit.history import given_slots, with_given
from core.audit.repair_jobs import (
    Executor,
    FetchHistory,
    PutParameters,
    Redrive,
    RepairJob,
    RepairOutcome,
    Reprocess,
    executor_of,
    find_job,
    find_outcome,
    job_keys,
    write_job,
    write_outcome,
)
from core.contract.codec import from_data, to_data
from core.errors import PipelineBug, TransientFailure
from core.rendering.trigger import OBJECTS_A_MESSAGE
from core.sending import send_until_taken


class AuditOrder(Protocol):
    """What a plan needs to know of an order, a feed's or a database's."""

    @property
    def dataset(self) -> str: ...

    @property
    def run(self) -> str: ...

    @property
    def scheduled(self) -> bool: ...


def make_plan(services: Services, order: AuditOrder, *, attempt: int) -> Plan:
    """The plan for what the last scan found, within what earlier attempts left of the run's budget. Reads only.

    ``attempt`` counts from 1.
    """
    result = AuditResult.from_data(read_run_file(services.records, order.run, f"audit-{attempt - 1}"))
    # Somebody who asks for a range may just have mended what was refused: ask again.
    refused = refused_now(services, order.dataset) if order.scheduled or attempt > 1 else {}
    whole, attempts = services.limits.budget, services.limits.attempts
    earlier = [read_plan(services, order.run, number) for number in range(1, attempt)]
    tried = repairs_tried(read_reports(services, order.run, attempts=range(1, attempt)))
    left = replace(
        whole,
        calls=max(0, whole.calls - sum(plan.calls for plan in earlier)),
        rows=max(0, whole.rows - sum(plan.rows for plan in earlier)),
        points=max(0, whole.points - sum(plan.rows for plan in earlier)),  # of a feed, a plan's rows are points
    )
    now = int(services.now().timestamp())
    # Who asks for a range is answered by the source, however lately it was asked; but once in a run.
    doubts = tuple(
        doubt for doubt in result.doubts if doubt.of_this_run or (order.scheduled and doubt.asked_again > now)
    )
    context = PlanContext(
        services.contracts,
        attempt,
        left,
        refused,
        result.sample,
        doubts,
        result.rechecks,
        now,
        result.known,
        tried=items_of_repairs(tried),
        places=_places(services, order, attempt) if result.findings else {},
        jobs=jobs_of_attempt(attempt, of=attempts, used=_jobs_before(services, order.run, attempt)),
        unanswered=_unanswered(services, order, result),
    )
    return plan_repairs(result.findings, context)


def _unanswered(services: Services, order: AuditOrder, result: AuditResult) -> Mapping[str, int]:
    is_asked = any(isinstance(finding, MissingPoints) for finding in result.findings)
    return unanswered(services.records, order.dataset) if is_asked else {}


def _jobs_before(services: Services, run: str, attempt: int) -> int:
    """The jobs that earlier attempts of the run have written."""
    return sum(1 for number in range(1, attempt) for _ in job_keys(services.records, run, number))


def _places(services: Services, order: AuditOrder, attempt: int) -> Places:
    before = kept_places(services.records, order.run, attempt - 1) if attempt > 1 else None
    return places_within(read_places(services.records, order.dataset).places, before)


def write_jobs(services: Services, order: AuditOrder, *, attempt: int) -> tuple[Plan, list[tuple[str, Executor]]]:
    """Write the plan and its jobs; returns the jobs, a key and an executor each.

    Done again it goes on with the plan that is there: another one, of a later moment, has other jobs, and those of the
    first that nobody carries out would be taken for repairs that failed.
    """
    plan = _kept_plan(services, order, attempt)
    if plan is None:
        plan = make_plan(services, order, attempt=attempt)
        keep_places(services.records, order.run, attempt, plan.places)
        write_run_file(services.records, order.run, f"plan-{attempt}", to_data(plan))
    jobs = []
    for number, (repair, *others) in join_jobs(plan.repairs, services.contracts):
        job = RepairJob(order.dataset, order.run, repair, tuple(others))
        key = write_job(services.records, job, attempt=attempt, number=number)
        jobs.append((key, executor_of(repair)))
    return plan, jobs


def _kept_plan(services: Services, order: AuditOrder, attempt: int) -> Plan | None:
    """The plan that an earlier try of the step has written; None where it wrote none that this release knows."""
    plan = run_file_if_any(services.records, order.run, f"plan-{attempt}", plan_from_data)
    if plan is None:
        return None
    known = AuditResult.from_data(read_run_file(services.records, order.run, f"audit-{attempt - 1}")).known
    repairs = tuple(
        replace(repair, known=with_given(repair.known, given_slots(known.get(repair.entity, ()))))
        if isinstance(repair, FetchHistory)
        else repair
        for repair in plan.repairs
    )
    return replace(plan, repairs=repairs, places=kept_places(services.records, order.run, attempt) or {})


def read_plan(services: Services, run: str, attempt: int) -> Plan:
    """The plan of an attempt. Raises ``InvalidData`` where none was made."""
    return from_data(Plan, read_run_file(services.records, run, f"plan-{attempt}"))  # type: ignore[no-any-return]


def queue_objects(services: Services, key: str) -> int:
    """Carry out a job for the queue of processing: objects queued, dead letters redriven, parameters put right.

    Done twice it changes nothing. Returns how many there were.
    """
    job = find_job(services.records, key)
    repair = job.repair if job else None
    redriven: tuple[str, ...] | None = None
    started = services.now()
    if isinstance(repair, Reprocess):
        count = _queue(services, key, repair)
    elif isinstance(repair, PutParameters):
        count = _put(services, repair)
    elif isinstance(repair, Redrive) and services.dead_letters is not None:
        moved = services.dead_letters.redrive(repair.messages)
        redriven, count = _redriven(services, key, repair, moved), len(moved)
    else:
        raise TransientFailure("queue objects", key, "is no such job", "Start the audit again")
    now = services.now()
    effort = measured((now - started).total_seconds(), services.memory_mb)
    outcome = RepairOutcome("done", "", int(now.timestamp()), redriven=redriven, effort=effort)
    write_outcome(services.records, key, outcome)
    return count


def _redriven(services: Services, job: str, repair: Redrive, moved: Collection[str]) -> tuple[str, ...] | None:
    """The dead letters that this job has moved so far, where that is not all of them; in whatever number of tries."""
    earlier = find_outcome(services.records, job)
    before = () if earlier is None else repair.messages if earlier.redriven is None else earlier.redriven
    so_far = {*before, *moved}
    return None if so_far >= {*repair.messages} else tuple(sorted(so_far))


def _queue(services: Services, job: str, repair: Reprocess) -> int:
    objects, at_once = list(repair.objects), OBJECTS_A_MESSAGE
    messages = [{"objects": objects[first : first + at_once]} for first in range(0, len(objects), at_once)]
    refused = send_until_taken(services.needed_queue().send, messages, attempts=3).refused
    if refused:
        raise TransientFailure("queue objects", job, f"the queue refused {len(refused)} messages", "It is tried again")
    return len(repair.objects)


def _put(services: Services, repair: PutParameters) -> int:
    """Put those right that still say what was found; another value is somebody's who knew better."""
    store = services.parameters
    if store is None:
        raise PipelineBug("put parameters", repair.dataset, "parameters are not wired", "Set STARMEND_PROJECT and _ENV")
    now = store.get_many([name for name, _, _ in repair.parameters])
    changed = [(name, was, right) for name, was, right in repair.parameters if now.get(name, "") == was]
    for name, was, right in changed:
        store.put(name, right)
        services.log.warning("parameter put right", parameter=name, stored=was, right=right)
    return len(changed)


def reports_so_far(services: Services, order: AuditOrder, *, attempt: int) -> list[JobReport]:
    """The reports of all attempts up to this one."""
    return read_reports(services, order.run, attempts=range(1, attempt + 1))
