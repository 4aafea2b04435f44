"""The plan carried out as far as it is the auditor's to do: jobs written down, and objects queued for processing.

Everything else goes through the pipeline's own doors, which take a job by its key: acquisition asks the source,
processing makes partitions again.
"""

from __future__ import annotations

import json
from dataclasses import replace

from auditor.learn import JobReport, read_reports, refused_now
from auditor.plan import Circumstances, Plan, plan
from auditor.runs import AuditResult, Order, job_key, outcome_key, read_paper, write_paper
from auditor.world import World
from core.calendar import iso
from core.certificate import canonical_json
from core.contract.codec import from_data, to_data
from core.errors import TransientFailure
from core.findings import Reprocess, door_of, repair_from_data, repair_to_data


def make_plan(world: World, order: Order, *, attempt: int) -> Plan:
    """The plan for what the last look found, within what earlier attempts left of the run's budget. Reads only.

    ``attempt`` counts from 1.
    """
    result = AuditResult.from_data(read_paper(world.records, order.run, f"audit-{attempt - 1}"))
    # Somebody who asks for a range may just have mended what was refused: ask again.
    refused = refused_now(world, order.dataset) if order.scheduled or attempt > 1 else {}
    whole = world.limits.budget
    spent = [read_plan(world, order.run, one) for one in range(1, attempt)]
    left = replace(
        whole,
        calls=max(0, whole.calls - sum(one.calls for one in spent)),
        rows=max(0, whole.rows - sum(one.rows for one in spent)),
    )
    return plan(result.findings, Circumstances(world.contracts, attempt, left, refused))


def write_jobs(world: World, order: Order, *, attempt: int) -> tuple[Plan, list[dict[str, str]]]:
    """Write the plan and its jobs; returns the jobs as the state machine carries them: a key and a door each."""
    made = make_plan(world, order, attempt=attempt)
    write_paper(world.records, order.run, f"plan-{attempt}", to_data(made))
    jobs = []
    for number, repair in enumerate(made.repairs):
        key = job_key(order.run, attempt, number)
        body = canonical_json({"dataset": order.dataset, "run": order.run, "repair": repair_to_data(repair)})
        world.records.write(key, body, content_type="application/json")
        jobs.append({"job": key, "door": door_of(repair)})
    return made, jobs


def read_plan(world: World, run: str, attempt: int) -> Plan:
    """The plan of an attempt; an empty one where none was made."""
    return from_data(Plan, read_paper(world.records, run, f"plan-{attempt}"))  # type: ignore[no-any-return]


def queue_objects(world: World, job: str) -> int:
    """Carry out a job for the processing queue. Queued twice is processed twice, which changes nothing."""
    stored = world.records.read(job)
    repair = repair_from_data(json.loads(stored.body)["repair"]) if stored else None
    if not isinstance(repair, Reprocess):
        raise TransientFailure("queue objects", job, "is no such job", "Start the audit again")
    messages = [{"objects": list(repair.objects[first : first + 10])} for first in range(0, len(repair.objects), 10)]
    waiting = list(messages)
    for _ in range(3):
        refused = world.needed_queue().send(waiting)
        waiting = [waiting[number] for number in refused]
        if not waiting:
            break
    else:
        raise TransientFailure("queue objects", job, f"the queue refused {len(waiting)} messages", "It is tried again")
    outcome = {"result": "done", "reason": "", "finished_at": iso(int(world.now().timestamp()))}
    world.records.write(outcome_key(job), canonical_json(outcome), content_type="application/json")
    return len(repair.objects)


def attempts_made(world: World, order: Order, *, attempt: int) -> list[JobReport]:
    """The reports of all attempts up to this one."""
    return read_reports(world, order.run, attempts=range(1, attempt + 1))
