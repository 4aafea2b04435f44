"""Every event that can be composed is what the schema says, fits into an entry, and is the same when it comes again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.notifications.compose import (
    ALARM,
    BYTES,
    SINGLY,
    Origin,
    alarm_event,
    certificate_events,
    finding_events,
    repair_events,
)
from auditor.repairs.causes import MEANINGS, Cause
from auditor.repairs.outcomes import JobReport
from aws.event_bus import SOURCE
from core.audit.certificate import Certificate
from core.audit.findings import BrokenRule, DeletedRows, Finding, LostObject, MissingPoints
from core.audit.repair_jobs import Repair, Restate
from core.ports import BusEvent

SCHEMA = json.loads((Path(__file__).parents[4] / "docs/notifications/event.schema.json").read_text(encoding="utf-8"))
VALID = Draft202012Validator(SCHEMA)
ORIGIN = Origin("starmend", "prod", "quotes", "run-1", "2026-11-20T20:00:00Z")
CERTIFICATE = Certificate(
    dataset="quotes", subject="quotes", number=7, previous="", start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z",
    contract="c", calendar="", expected=60, present=60, observed=58, repaired=2, late=0, absent=0, missing=0,
    partitions={}, digest="d", verified_at="2026-11-20T20:00:00Z", run="run-1",
)  # fmt: skip


def detail(event: BusEvent) -> dict[str, Any]:
    """What the event says, which is held to the schema and to the size of an entry on the way."""
    said: dict[str, Any] = json.loads(event.detail)
    VALID.validate({"source": SOURCE, "detail-type": event.kind, "detail": said})
    assert len(event.detail.encode()) <= BYTES
    return said


def lost(count: int) -> list[Finding]:
    return [LostObject("quotes", f"feeds/quotes/{number}") for number in range(count)]


def counts_of(finding: Finding) -> list[int]:
    return [size for name in ("points", "rows", "objects") if (size := getattr(finding, name, None)) is not None]


FINDINGS = st.one_of(*map(st.from_type, get_args(Finding))).filter(
    lambda finding: min(counts_of(finding), default=0) >= 0
)


@settings(max_examples=40)
@given(st.lists(FINDINGS, max_size=4), st.data())
def test_every_finding_is_said_by_the_schema(findings: list[Finding], data: st.DataObject) -> None:
    last = data.draw(st.lists(st.sampled_from(findings), max_size=3)) if findings else []
    said = [detail(event) for event in finding_events(ORIGIN, findings, last)]
    assert [each["kind"] for each in said] == [finding.kind for finding in findings]


@settings(max_examples=30)
@given(st.lists(st.one_of(*map(st.from_type, get_args(Repair))), max_size=3), st.text(), st.integers(1, 9))
def test_every_repair_is_said_by_the_schema(repairs: Sequence[Any], reason: str, attempt: int) -> None:
    reports = [
        JobReport(attempt, repair, result, reason)
        for repair, result in zip(repairs, ("unreached", "done", "failed", "unknown"), strict=False)
    ]
    said = [detail(event) for event in repair_events(ORIGIN, reports)]
    assert [each["state"] for each in said] == [report.result for report in reports]


@pytest.mark.parametrize("name", [*MEANINGS, "something_new"])
def test_every_alarm_is_said_by_the_schema_and_what_opens_a_ticket_can_close_it(name: str) -> None:
    cause = Cause(name, "quotes", 7, entities=("A",) * 500, spans=(("2026-11-20T15:00:00Z", "2026-11-20T15:07:00Z"),))
    events = [
        alarm_event(ORIGIN, cause, state, runbook="https://x/runbook.md", report=report)
        for state, report in (("open", ""), ("over", "https://x/report.html"))
    ]
    opened, over = map(detail, events)
    assert opened["alarm"]["incident"] == over["alarm"]["incident"] == f"starmend/prod/quotes/{name}"
    assert opened["alarm"]["runbook"] == f"https://x/runbook.md#{name.replace('_', '-')}"
    assert ("report" in opened["alarm"], over["alarm"]["report"]) == (False, "https://x/report.html")
    assert opened["id"] != over["id"]
    assert {event.kind for event in events} == {ALARM}


def test_a_certificate_says_its_claims_and_whether_it_replaces_another() -> None:
    [first, second] = map(detail, certificate_events(ORIGIN, [CERTIFICATE, replace(CERTIFICATE, number=8, replaces=7)]))
    assert (first["kind"], second["kind"], second["certificate"]["replaces"]) == ("first", "successor", 7)
    assert first["certificate"]["hash"] == CERTIFICATE.hash


def test_a_finding_is_healed_where_the_last_scan_has_none_of_its_kind_at_its_place() -> None:
    found = MissingPoints("quotes", "AAPL", ((0, 600),), 10)
    less, other = MissingPoints("quotes", "AAPL", ((60, 120),), 1), MissingPoints("quotes", "MSFT", ((0, 60),), 1)

    def states(last: Sequence[Finding]) -> list[tuple[str, str, int]]:
        said = map(detail, finding_events(ORIGIN, [found], last))
        return [(each["finding"]["entity"], each["state"], each["size"]) for each in said]

    assert states([]) == [("AAPL", "healed", 10)]
    assert states([less]) == [("AAPL", "open", 10)]
    assert states([other]) == [("AAPL", "healed", 10), ("MSFT", "open", 1)]


def test_up_to_a_hundred_of_a_kind_of_event_are_said_one_by_one_and_more_are_summed_up() -> None:
    assert len(finding_events(ORIGIN, lost(SINGLY), [])) == SINGLY
    rule = BrokenRule("quotes", "fact_quote", "symbol=A", "price > 0", 3, "-1")
    many = [*lost(10_000), rule, MissingPoints("quotes", "A", ((0, 600),), 10)]
    said = [detail(event) for event in finding_events(ORIGIN, many, lost(4_000))]
    summed = [(each["kind"], each["state"], each["count"], each["size"], each["summary"]) for each in said]
    assert summed == [
        ("broken_rule", "healed", 1, 3, True),
        ("lost_object", "healed", 6_000, 6_000, True),
        ("lost_object", "open", 4_000, 4_000, True),
        ("missing_point", "healed", 1, 10, True),
    ]
    reports = [JobReport(1, Restate("quotes", "t", ("p",)), "done")] * (SINGLY + 1)
    assert [detail(event)["count"] for event in repair_events(ORIGIN, reports)] == [SINGLY + 1]
    assert [detail(event)["count"] for event in certificate_events(ORIGIN, [CERTIFICATE] * 300)] == [300]


def test_the_same_event_has_the_same_id_whenever_it_is_sent_and_no_two_share_one() -> None:
    def ids(origin: Origin) -> list[str]:
        events = [
            *finding_events(origin, lost(5), lost(2)),
            *repair_events(origin, [JobReport(1, Restate("quotes", "t", ("p",)), "done")]),
            *certificate_events(origin, [CERTIFICATE]),
            alarm_event(origin, Cause("limited", "quotes", 1), "open", runbook="r", report=""),
        ]
        return [detail(event)["id"] for event in events]

    assert ids(ORIGIN) == ids(replace(ORIGIN, at="2026-11-20T21:00:00Z"))
    assert len(set(ids(ORIGIN)) | set(ids(replace(ORIGIN, run="run-2")))) == 2 * len(ids(ORIGIN))


@pytest.mark.parametrize("text", ["x", "ü", "\U0001f600", "\\"])
def test_however_much_a_finding_holds_it_is_cut_to_what_an_entry_takes(text: str) -> None:
    keys = tuple((text * 600, number) * 15 for number in range(30))
    [event] = finding_events(ORIGIN, [DeletedRows("sales", "staff", keys, (text * 600,) * 30)], [])
    said = detail(event)
    assert (said["size"], said["finding"]["table"]) == (30, "staff")
    assert len(said["finding"]["keys"]) < 30
