"""The auditor's Lambdas, one entry for each step of the state machine; each has its own function and role."""

from __future__ import annotations

from typing import Any

from auditor import steps
from auditor.runtime import build_runtime

Event = dict[str, Any]


def audit(event: Event, _context: object) -> Event:
    return build_runtime().run(steps.audit_step, event)


def plan(event: Event, _context: object) -> Event:
    return build_runtime().run(steps.plan_step, event)


def queue(event: Event, _context: object) -> Event:
    return build_runtime().run(steps.queue_step, event)


def verify(event: Event, _context: object) -> Event:
    return build_runtime().run(steps.verify_step, event)


def certify(event: Event, _context: object) -> Event:
    return build_runtime().run(steps.certify_step, event)


def conclude(event: Event, _context: object) -> Event:
    runtime = build_runtime()
    return runtime.run(steps.conclude_step, event, environment=runtime.environment)
