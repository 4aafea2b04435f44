"""Events of an audit as JSON texts, by the schema ``docs/notifications/event.schema.json``. Pure.

Every event has an ``id`` that follows from what it says of which run, so that one that comes twice can be told. Of each
kind of event a run sends at most :data:`SINGLY`; where there are more, one summary stands for all of the same kind and
state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.repairs.causes import Cause, meaning_of, remedy_of
from auditor.repairs.outcomes import JobReport
from core.audit.certificate import Certificate
from core.audit.findings import Finding, size_of
from core.audit.repair_jobs import executor_of, repair_to_data
from core.contract.codec import to_data
from core.json import canonical_text
from core.ports import BusEvent

FORMAT = 1
FINDING, REPAIR, CERTIFICATE, ALARM = (f"Starmend {name}" for name in ("Finding", "Repair", "Certificate", "Alarm"))
SINGLY = 100
BYTES = 200_000  # of a detail; an entry of EventBridge has at most 256 KB with everything around it
TEXT = 500
LISTED = (20, 5, 1, 0)  # how many of a list are shown: the first number with which a detail is small enough
_CLAIMS = (
    "number", "subject", "start", "end", "expected", "present", "observed", "repaired", "late", "absent", "missing",
    "replaces", "verified_at",
)  # fmt: skip
# Where a finding is: what stays the same of it from one scan to the next, while it heals bit by bit.
_PLACE = ("kind", "table", "partition", "column", "references", "entity", "at", "key", "name", "number", "rule")


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that events are about; ``at`` is when they are sent (ISO 8601)."""

    project: str
    environment: str
    dataset: str
    run: str
    at: str


@dataclass(frozen=True, slots=True)
class _Fact:
    """What one event says; ``size`` counts points, rows, objects or messages."""

    kind: str
    state: str
    body: Mapping[str, Any]
    size: int = 1


# ---------------------------------------------------------------- findings, repairs, certificates


def finding_events(origin: Origin, first: Sequence[Finding], last: Sequence[Finding]) -> list[BusEvent]:
    """Events of what the first scan of a run found, and of what only the last one did.

    A finding is ``open`` where the last scan still has one of its kind at its place, else ``healed``.
    """
    left, known = {_place(finding) for finding in last}, {_place(finding) for finding in first}
    findings = [*first, *(finding for finding in last if _place(finding) not in known)]
    facts = [
        _Fact(
            finding.kind,
            "open" if _place(finding) in left else "healed",
            {"finding": to_data(finding)},
            size_of(finding),
        )
        for finding in findings
    ]
    return _events(FINDING, origin, facts)


def repair_events(origin: Origin, reports: Iterable[JobReport]) -> list[BusEvent]:
    """Events of the repairs of a run, whatever became of them."""
    facts = [
        _Fact(
            report.repair.kind,
            report.result,
            {
                "attempt": report.attempt,
                "executor": executor_of(report.repair),
                "reason": report.reason,
                "repair": repair_to_data(report.repair),
            },
        )
        for report in reports
    ]
    return _events(REPAIR, origin, facts)


def certificate_events(origin: Origin, certificates: Iterable[Certificate]) -> list[BusEvent]:
    """Events of the certificates that a run issued: ``first`` of their windows, or ``successor`` of an earlier one."""
    facts = [
        _Fact(
            "successor" if certificate.replaces else "first",
            "issued",
            {"certificate": {name: getattr(certificate, name) for name in _CLAIMS} | {"hash": certificate.hash}},
        )
        for certificate in certificates
    ]
    return _events(CERTIFICATE, origin, facts)


# ---------------------------------------------------------------- alarms


def alarm_event(origin: Origin, cause: Cause, state: str, *, runbook: str, report: str) -> BusEvent:
    """The event of a cause that the admins are told of (``open``) or that is ``over``.

    ``incident`` is the same for both, so that what opens a ticket can close it.
    """
    body = {
        "incident": f"{origin.project}/{origin.environment}/{origin.dataset}/{cause.name}",
        "meaning": meaning_of(cause.name),
        "remedy": remedy_of(cause.to_data()),
        "runbook": section_url(runbook, cause.name),
        "cause": cause.to_data(),
    } | ({"report": report} if report else {})
    return _event(ALARM, origin, _Fact(cause.name, state, {"alarm": body}, cause.count), count=1, summary=False)


def section_url(runbook: str, cause: str) -> str:
    """Where the runbook's section of a cause can be read."""
    return f"{runbook}#{cause.replace('_', '-')}"


# ---------------------------------------------------------------- what they share


def _events(event_type: str, origin: Origin, facts: Sequence[_Fact]) -> list[BusEvent]:
    """One event each, or one for each kind and state, with the first as an example."""
    if len(facts) <= SINGLY:
        return [_event(event_type, origin, fact, count=1, summary=False) for fact in facts]
    alike: dict[tuple[str, str], list[_Fact]] = {}
    for fact in facts:
        alike.setdefault((fact.kind, fact.state), []).append(fact)
    return [
        _event(
            event_type,
            origin,
            _Fact(*name, group[0].body, sum(fact.size for fact in group)),
            count=len(group),
            summary=True,
        )
        for name, group in sorted(alike.items())
    ]


def _event(event_type: str, origin: Origin, fact: _Fact, *, count: int, summary: bool) -> BusEvent:
    says = {"kind": fact.kind, "state": fact.state, "count": count, "size": fact.size, "summary": summary}
    named = [event_type, origin.project, origin.environment, origin.dataset, origin.run, says, fact.body]
    head = {
        "format": FORMAT,
        "id": hashlib.sha256(canonical_text(named).encode()).hexdigest(),
        "project": origin.project,
        "environment": origin.environment,
        "dataset": origin.dataset,
        "run": origin.run,
        "at": origin.at,
    } | says
    texts = (canonical_text(head | _cut(fact.body, listed)) for listed in LISTED)
    return BusEvent(event_type, next(filter(_is_small, texts), canonical_text(head | _cut(fact.body, 0))))


def _is_small(text: str) -> bool:
    return len(text) <= BYTES  # ASCII only


def _cut(value: Any, listed: int) -> Any:
    """The value with at most so many elements of each list and of each text only its begin."""
    if isinstance(value, str):
        return value if len(value) <= TEXT else value[: TEXT - 3] + "..."
    if isinstance(value, Mapping):
        return {name: _cut(part, listed) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(part, listed) for part in value[:listed]]
    return value


def _place(finding: Finding) -> tuple[object, ...]:
    return tuple(getattr(finding, name, None) for name in _PLACE)
