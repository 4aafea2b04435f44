"""Standing of tables: until when they are complete and certified, and what a verdict covers."""

from __future__ import annotations

from typing import Any

from auditor.standing.standing import DatasetStanding, Standing, standings, verdict
from core.time import epoch, iso

HOUR = 3600
BEGIN = epoch("2026-11-20T14:00Z")


def row(hour: int, status: str = "certified", *, missing: int = 0, subject: str = "quote") -> dict[str, Any]:
    start = BEGIN + hour * HOUR
    return {
        "subject": subject,
        "window_start": iso(start),
        "window_end": iso(start + HOUR),
        "status": status,
        "missing": missing,
        "audited_at": iso(start + 2 * HOUR),
    }


def test_a_table_is_complete_until_the_first_window_that_lacks_anything_and_certified_until_the_first_that_is_not() -> (
    None
):
    rows = [row(2, "open"), row(0), row(3, "alarmed", missing=7), row(1), row(4)]
    (standing,) = standings("quotes", ["quote"], rows)
    assert (standing.windows, standing.certified, standing.open, standing.missing) == (5, 3, 2, 7)
    assert standing.since == BEGIN
    assert standing.certified_until == BEGIN + 2 * HOUR
    assert standing.complete_until == BEGIN + 3 * HOUR
    assert standing.audited_at == BEGIN + 6 * HOUR


def test_where_the_first_window_is_not_whole_nothing_is_and_what_no_audit_saw_is_unknown() -> None:
    first, second = standings("sales", ["staff", "currency"], [row(0, "open", missing=1, subject="staff")])
    assert (first.complete_until, first.certified_until, first.missing) == (None, None, 1)
    assert second == Standing("sales", "currency")


def test_a_verdict_says_what_it_covers() -> None:
    whole = DatasetStanding("quotes", standings("quotes", ["quote"], [row(0), row(1)]))
    assert verdict([whole]).text == "complete: 2 of 2 audited windows of 1 tables are certified"
    uncertified = DatasetStanding("quotes", standings("quotes", ["quote"], [row(0), row(1, "open")]))
    said = verdict([uncertified])
    assert (said.complete, "not all is certified yet: 1 of 2 audited windows" in said.text) == (True, True)


def test_whatever_somebody_should_look_at_makes_it_incomplete() -> None:
    missing = DatasetStanding("quotes", standings("quotes", ["quote"], [row(0, "open", missing=1200)]))
    alarmed = DatasetStanding("quotes", standings("quotes", ["quote"], [row(0)]), alarms=("limited",))
    unseen = DatasetStanding("sales", standings("sales", ["staff", "currency"], [row(0, subject="staff")]))
    never = DatasetStanding("sales", standings("sales", ["staff", "currency"], []))
    old = DatasetStanding("quotes", standings("quotes", ["quote"], [row(0)]), stale=("fact_quote",))
    said = {
        name: verdict([each]).text.partition(". ")[0]
        for name, each in {
            "missing": missing, "alarmed": alarmed, "unseen": unseen, "never": never, "old": old,
        }.items()
    }  # fmt: skip
    assert said == {
        "missing": "incomplete: 1,200 missing in quotes",
        "alarmed": "incomplete: 1 alarm of quotes (limited)",
        "unseen": "incomplete: currency never audited",
        "never": "incomplete: sales never audited",
        "old": "incomplete: fact_quote older than promised",
    }
    assert not any(verdict([each]).complete for each in (missing, alarmed, unseen, never, old))
