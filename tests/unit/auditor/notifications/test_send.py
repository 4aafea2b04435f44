"""Events at an audit's end: all of what it saw and did, whatever the bus says, and never at the audit's cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.event_bus import MemoryEventBus
from tests.unit.auditor.notifications.test_compose import CERTIFICATE, detail, lost

from auditor.alarms.conclude import conclude, conclude_failure
from auditor.evidence.chain import Chain
from auditor.evidence.results import AuditResult
from auditor.notifications.compose import ALARM, FINDING, REPAIR
from auditor.notifications.compose import CERTIFICATE as CERTIFIED
from auditor.notifications.send import ATTEMPTS
from auditor.repairs.causes import Cause
from auditor.run_files import run_file_key, write_run_file
from auditor.services import Services
from core.audit.findings import Finding
from core.audit.repair_jobs import RepairJob, RepairOutcome, Revive, write_job, write_outcome

COUNTS: Mapping[str, Any] = {"expected": 60, "present": 60}
AT = "2026-11-20T20:00:00Z"
RUNS = ("before", "a", "b", "c", "d", "r")  # each certifies an hour of its own


@pytest.fixture
def bus() -> MemoryEventBus:
    return MemoryEventBus()


@pytest.fixture
def heard(services: Services, bus: MemoryEventBus) -> Services:
    return replace(services, bus=bus, report="https://x/report.html")


def ran(services: Services, *, run: str = "r", found: int = 2, left: int = 1, causes: tuple[str, ...] = ()) -> None:
    """Leave what a run leaves: two scans, a repair with its outcome, a certificate, causes."""
    for attempt, count in enumerate((found, left)):
        findings: list[Finding] = lost(count)
        result = AuditResult("quotes", "quotes", (), tuple(findings), {}, "", AT)
        write_run_file(services.records, run, f"audit-{attempt}", result.to_data())
    job = write_job(services.records, RepairJob("quotes", run, Revive("quotes", ("a",))), attempt=1, number=0)
    write_outcome(services.records, job, RepairOutcome("done", "", 1, revived=("a",)))
    start = f"2026-11-20T{10 + RUNS.index(run)}:00:00Z"
    Chain(services.records, "quotes").issue([replace(CERTIFICATE, run=run, start=start)])
    data = {"causes": [Cause(name, "quotes", 7).to_data() for name in causes], "healing": 0, "alarmed": 7}
    write_run_file(services.records, run, "judgement", data)


def ended(services: Services, run: str = "r") -> None:
    conclude(services, "quotes", run, environment="test", counts=COUNTS)


def said(bus: MemoryEventBus) -> list[tuple[str, str, str]]:
    return [(event.kind, (each := detail(event))["kind"], each["state"]) for event in bus.events]


def unsent(services: Services) -> list[float]:
    metrics: Any = services.metrics("quotes")
    return list(metrics.values.get("EventsUnsent", []))


def test_a_run_says_what_it_alarmed_found_did_and_certified(heard: Services, bus: MemoryEventBus) -> None:
    ran(heard, run="before")
    ran(heard, causes=("limited",))
    ended(heard)
    assert said(bus) == [
        (ALARM, "limited", "open"),
        (FINDING, "lost_object", "open"),
        (FINDING, "lost_object", "healed"),
        (REPAIR, "revive", "done"),
        (CERTIFIED, "first", "issued"),
    ]
    assert {each["run"] for each in bus.details()} == {"r"}
    assert bus.details(ALARM)[0]["alarm"]["report"] == "https://x/report.html"


def test_an_alarm_is_said_once_and_then_that_it_is_over(heard: Services, bus: MemoryEventBus) -> None:
    for run, causes in (("a", ("limited",)), ("b", ("limited",)), ("c", ()), ("d", ())):
        ran(heard, run=run, causes=causes)
        ended(heard, run)
    assert [(each["run"], each["state"]) for each in bus.details(ALARM)] == [("a", "open"), ("c", "over")]


def test_a_failed_audit_is_said_as_an_alarm(heard: Services, bus: MemoryEventBus) -> None:
    conclude_failure(heard, "quotes", "r", environment="test", error="TransientFailure: gone")
    assert said(bus) == [(ALARM, "audit_failed", "open")]


def test_a_step_that_is_tried_again_says_the_same_under_the_same_ids(heard: Services, bus: MemoryEventBus) -> None:
    ran(heard)
    ended(heard)
    first = [each["id"] for each in bus.details()]
    ended(heard)
    assert [each["id"] for each in bus.details()] == first * 2
    assert len(set(first)) == len(first)


def test_what_the_bus_refuses_is_offered_again_and_nothing_else(heard: Services) -> None:
    bus = MemoryEventBus(lambda call, count: range(0, count, 2) if call < 2 else ())
    ran(heard, found=9, left=0)
    ended(replace(heard, bus=bus))
    assert bus.calls[:3] == [9, 5, 3]
    assert len({each["id"] for each in bus.details(FINDING)}) == len(bus.details(FINDING)) == 9
    assert unsent(heard) == []


def test_a_bus_that_takes_nothing_is_counted_and_the_audit_ends_as_ever(heard: Services) -> None:
    bus = MemoryEventBus(lambda _call, count: range(count))
    ran(heard)
    ended(replace(heard, bus=bus))
    assert bus.calls == [2] * ATTEMPTS + [1] * ATTEMPTS + [1] * ATTEMPTS
    assert unsent(heard) == [2, 1, 1]
    metrics: Any = heard.metrics("quotes")
    assert metrics.values["AuditFinished"] == [1]


def test_a_bus_that_breaks_costs_its_events_and_neither_the_mail_nor_the_audit(
    heard: Services, bus: MemoryEventBus
) -> None:
    bus.broken = 2
    ran(heard, causes=("limited",))
    ended(heard)
    assert {kind for kind, _, _ in said(bus)} == {REPAIR, CERTIFIED}
    assert unsent(heard) == [1, 2]
    mail: Any = heard.mail
    assert len(mail.sent) == 1


def test_a_file_that_cannot_be_read_costs_its_events_and_no_others(heard: Services, bus: MemoryEventBus) -> None:
    ran(heard)
    heard.records.write(run_file_key("r", "audit-1"), b"{", content_type="application/json")
    ended(heard)
    assert {kind for kind, _, _ in said(bus)} == {REPAIR, CERTIFIED}
    assert unsent(heard) == [1]


def test_ten_thousand_findings_are_a_handful_of_events(heard: Services, bus: MemoryEventBus) -> None:
    ran(heard, found=10_000, left=10)
    ended(heard)
    assert [(each["state"], each["count"]) for each in bus.details(FINDING)] == [("healed", 9_990), ("open", 10)]
    assert len(bus.events) == 4


def test_where_nobody_listens_nothing_is_said_and_nothing_is_missed(services: Services) -> None:
    ran(services)
    ended(services)
    assert unsent(services) == []
