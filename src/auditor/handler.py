"""The auditor's Lambdas, one entry for each step of the state machine; each has its own function and role."""

from __future__ import annotations

from auditor import steps
from auditor.at_scale.looks import look_at_share
from auditor.events import Json
from auditor.runtime import build_runtime


def audit(event: Json, _context: object) -> Json:
    """Choose what to audit and scan it; or look at a share of a long range."""
    return build_runtime().run(look_at_share if "job" in event else steps.audit_step, event)


def plan(event: Json, _context: object) -> Json:
    """Plan the next attempt and write its jobs."""
    return build_runtime().run(steps.plan_step, event)


def queue(event: Json, _context: object) -> Json:
    """Carry out one job of the queue of processing."""
    return build_runtime().run(steps.queue_step, event)


def verify(event: Json, _context: object) -> Json:
    """Scan again after an attempt."""
    return build_runtime().run(steps.verify_step, event)


def certify(event: Json, _context: object) -> Json:
    """Certify what is whole and triage the rest."""
    return build_runtime().run(steps.certify_step, event)


def conclude(event: Json, _context: object) -> Json:
    """Tell the admins and finish; or tell them that an alarm is over, for which CloudWatch invokes it."""
    runtime = build_runtime()
    return runtime.run(steps.last_step, event, environment=runtime.environment)
