"""What a step reads and answers survives JSON, and has the fields that the state machine names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import events
from auditor.events import (
    AttemptInput,
    AuditInput,
    AuditRequest,
    CertifyAnswer,
    ConcludeInput,
    Counts,
    JobInput,
    Notices,
    PlanAnswer,
    PlannedJob,
    QueueAnswer,
    ScanAnswer,
    from_event,
    json_step,
    to_event,
)
from core.errors import InvalidData

KINDS = [AuditInput, AttemptInput, JobInput, ConcludeInput, ScanAnswer, PlanAnswer, QueueAnswer, CertifyAnswer, Notices]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_an_event_is_read_as_it_was_written(kind: type, data: st.DataObject) -> None:
    event = data.draw(st.builds(kind))
    assert from_event(kind, json.loads(json.dumps(to_event(event)))) == event


def test_a_step_takes_of_the_machines_state_what_it_knows() -> None:
    state = {"dataset": "quotes", "run": "r", "attempt": 2, "healthy": False, "idle": False, "plan": {"jobs": []}}
    assert from_event(AttemptInput, state) == AttemptInput("quotes", "r", 2)


def test_what_is_not_given_or_null_has_its_default() -> None:
    order = {"dataset": "quotes", "start": None, "asked_by": "somebody"}
    assert from_event(AuditInput, {"order": order, "run": "r"}) == AuditInput(AuditRequest("quotes"), "r")
    assert from_event(ConcludeInput, {"dataset": "quotes", "run": "r", "counts": {"missing": 3}}).counts == Counts(
        missing=3
    )


@pytest.mark.parametrize(
    "data", [{"dataset": "quotes", "run": "r"}, {"dataset": "quotes", "run": "r", "attempt": None}]
)
def test_an_event_without_a_field_that_is_needed_is_refused_by_name(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidData, match="AttemptInput: has no attempt"):
        from_event(AttemptInput, data)


def test_a_scan_before_any_repair_does_not_say_whether_attempts_are_left() -> None:
    counts = dict.fromkeys(("windows", "whole", "expected", "present", "absent", "missing", "findings"), 0)
    answer = ScanAnswer("quotes", "r", 0, **counts, kinds={}, healthy=True, idle=True)
    assert "exhausted" not in to_event(answer)


@dataclass(frozen=True)
class _Doubled:
    job: str


@json_step
def _double(event: JobInput, _services: Any, *, times: int) -> _Doubled:
    return _Doubled(event.job * times)


def test_a_step_is_called_with_json_data_and_answers_with_it() -> None:
    assert _double({"job": "ab", "token": "t"}, None, times=2) == {"job": "abab"}  # type: ignore[arg-type]


def test_the_state_machine_names_fields_of_the_events_alone() -> None:
    scanned = {f"{name}" for name in ScanAnswer.__dataclass_fields__}
    planned = {f"plan.{name}" for name in PlanAnswer.__dataclass_fields__}
    certified = {f"certified.{name}" for name in CertifyAnswer.__dataclass_fields__}
    known = {*scanned, *planned, *certified, *PlannedJob.__dataclass_fields__, "failure.Error", "failure.Cause"}
    known |= {"failure", "plan", "certified", "told", "told.failure"}  # where the machine keeps an answer
    machine = (Path(__file__).parents[3] / "terraform" / "modules" / "auditor" / "definition.tf").read_text()
    named = set(re.findall(r"\"\$\.([a-z_]+(?:\.\w+)*)\"", machine))
    assert {"idle", "exhausted", "plan.jobs", "plan.planned", "certified.rollups"} <= named <= known


def test_every_event_is_tried_here() -> None:
    parts = {AuditRequest, Counts, PlannedJob}
    known = {
        value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__
    }
    assert known == {*KINDS, *parts}
