"""A message says what is wrong, with what evidence, and what to do, within what a topic takes."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.alarms.mail import NAMED, SUBJECT, compose
from auditor.repairs.causes import MEANINGS, Cause

LIMITED = Cause(
    "limited",
    "quotes",
    7,
    entities=("AAPL", "MSFT"),
    spans=(("2026-11-20T15:00:00Z", "2026-11-20T15:07:00Z"),),
    tried=("fetch history: 2 jobs",),
    attempts=3,
    answer="GET /candle -> 429 slow down",
)


def test_the_message_holds_what_an_admin_needs_to_know() -> None:
    subject, text = compose(LIMITED, environment="prod", runbook="https://x/runbook.md")
    assert subject == "[prod] quotes: the provider limits us, and the points are overdue"
    for line in (
        "Missing:   7 points of AAPL, MSFT",
        "           from 2026-11-20T15:00:00Z to 2026-11-20T15:07:00Z",
        "Tried:     fetch history: 2 jobs",
        "Attempts:  3",
        "Answer:    GET /candle -> 429 slow down",
        f"What to do: {MEANINGS['limited'][1]}.",
        "Runbook:    https://x/runbook.md#limited",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("name", [*MEANINGS, "something_new"])
@settings(max_examples=10)
@example(dataset="d" * 60)
@given(dataset=st.from_regex(r"[a-z_]{1,60}", fullmatch=True))
def test_every_subject_fits_and_every_text_links_its_section(name: str, dataset: str) -> None:
    subject, text = compose(Cause(name, dataset, 1), environment="a-long-environment", runbook="docs/runbook.md")
    assert len(subject) <= SUBJECT
    assert "\n" not in subject
    assert f"docs/runbook.md#{name.replace('_', '-')}" in text


def test_a_subject_that_is_too_long_ends_with_a_whole_word() -> None:
    for name in MEANINGS:
        whole = f"[prod] quotes: {MEANINGS[name][0]}"
        subject, _ = compose(Cause(name, "quotes", 1), environment="prod", runbook="r")
        words = whole.replace(",", "").split()
        assert subject == whole or subject.removesuffix("...").replace(",", "").split() == words[: len(subject.split())]


def test_an_audit_that_failed_says_what_it_had_tried() -> None:
    failed = Cause("audit_failed", "quotes", 1, details=("execution r",))
    assert "Tried:     no repair yet" in compose(failed, environment="dev", runbook="r")[1]


def test_of_many_entities_the_first_are_named() -> None:
    many = Cause("overdue", "quotes", 30, entities=tuple(f"E{number}" for number in range(NAMED + 1)))
    _, text = compose(many, environment="dev", runbook="r")
    assert f"E{NAMED - 1}, ..." in text
    assert f"E{NAMED}" not in text


def test_what_no_repair_could_help_says_so() -> None:
    assert (
        "nothing, for no repair can help" in compose(Cause("orphan_key", "sales", 2), environment="d", runbook="r")[1]
    )
