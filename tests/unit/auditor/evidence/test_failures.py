"""A failed step's own words, out of whatever Step Functions, Lambda and earlier releases wrap them in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.failures import MOST, Failure, failure_of
from auditor.evidence.journal import Entry
from core.errors import OutOfReach

REMEDY = "Look at the secret's host and port, the security group and the server"
DOWN = OutOfReach("connect", "127.0.0.1:5432/totesys", "[Errno 111] Connection refused", REMEDY)
ASKED = f"ask the source: starmend-dev-check: OutOfReach: {DOWN}. Look at its log: /aws/lambda/starmend-dev-check"
PARTS = ("OutOfReach", "connect", "127.0.0.1:5432/totesys", "[Errno 111] Connection refused", REMEDY)
FRAMES = ['  File "/var/task/auditor/handler.py", line 13, in audit\n    return build_runtime()\n'] * 30


def of_lambda(message: str, error: str = "TransientFailure") -> str:
    return json.dumps({"errorMessage": message, "errorType": error, "requestId": "0f1e", "stackTrace": FRAMES})


def parts(failure: Failure) -> tuple[str, ...]:
    return (failure.error, failure.operation, failure.place, failure.problem, failure.remedy)


@pytest.mark.parametrize(
    "said",
    [
        f"TransientFailure: {of_lambda(ASKED)}",
        f"TransientFailure: {of_lambda(ASKED)[:500]}",  # as the journal of earlier releases has it
        of_lambda(ASKED),
        f"TransientFailure: {ASKED}",
    ],
)
def test_a_source_that_is_down_is_named_with_its_place_and_remedy(said: str) -> None:
    failure = failure_of(said)
    assert failure.text == f"TransientFailure: {ASKED}"
    assert parts(failure) == PARTS
    assert failure_of(failure.text) == failure


def test_an_error_of_the_step_itself_has_its_own_parts() -> None:
    failure = failure_of(f"OutOfReach: {of_lambda(str(DOWN), 'OutOfReach')}")
    assert (failure.text, parts(failure)) == (f"OutOfReach: {DOWN}", PARTS)


@pytest.mark.parametrize(
    ("said", "text", "expected"),
    [
        ("States.Timeout: no answer", "States.Timeout: no answer", ("States.Timeout", "no answer")),
        ("States.Timeout: ", "States.Timeout:", ("", "States.Timeout:")),
        (of_lambda("'key'", "KeyError"), "KeyError: 'key'", ("KeyError", "'key'")),
        (
            "Sandbox.Timedout: " + json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}),
            "Sandbox.Timedout: Task timed out",
            ("Sandbox.Timedout", "Task timed out"),
        ),
        (
            'Lambda.Unknown: It did not return an error type. Returned payload: {"errorMessage":"timed out"}',
            "Lambda.Unknown: It did not return an error type. Returned payload: timed out",
            ("Lambda.Unknown", "It did not return an error type. Returned payload: timed out"),
        ),
        ('{"stackTrace": ["  File', "left no message", ("", "left no message")),
        ("", "", ("", "")),
    ],
)
def test_what_has_no_parts_is_a_problem(said: str, text: str, expected: tuple[str, str]) -> None:
    failure = failure_of(said)
    assert (failure.text, failure.error, failure.problem) == (text, *expected)
    assert (failure.operation, failure.place, failure.remedy) == ("", "", "")


def test_a_long_problem_is_cut_in_its_middle_so_that_the_remedy_stays() -> None:
    failure = failure_of(of_lambda(str(OutOfReach("connect", "db", "x" * 40_000, REMEDY)), "OutOfReach"))
    assert len(failure.text) == MOST
    assert (failure.operation, failure.place, failure.remedy) == ("connect", "db", REMEDY)


@given(st.text(max_size=300), st.integers(min_value=0, max_value=800))
def test_whatever_is_said_and_wherever_it_is_cut_there_is_one_line_without_stack_trace(message: str, end: int) -> None:
    for said in (message, of_lambda(message), f"TransientFailure: {of_lambda(message)}"[:end]):
        text = failure_of(said).text
        assert len(text.splitlines()) <= 1
        assert "handler.py" not in text
        text.encode()


def test_an_entry_of_an_earlier_release_is_read_without_its_stack_trace() -> None:
    old = Entry("sales", "r", "2026-11-21T08:40:00Z", error=f"TransientFailure: {of_lambda(ASKED)}"[:500])
    assert Entry.from_json(old.to_json()).error == f"TransientFailure: {ASKED}"
