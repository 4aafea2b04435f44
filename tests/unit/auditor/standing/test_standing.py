"""Standing of tables: until when they are complete and certified, and what a verdict covers."""

from __future__ import annotations

from typing import Any

from auditor.standing.standing import DatasetStanding, Standing, standings, verdict
from core.time import epoch, iso

HOUR = 3600
STAFF = {"staff": ["_current/staff"], "currency": ["_current/currency"]}
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
    (standing,) = standings("quotes", {"quote": ["quote"]}, rows)
    assert (standing.windows, standing.certified, standing.open, standing.missing) == (5, 3, 2, 7)
    assert standing.since == BEGIN
    assert standing.certified_until == BEGIN + 2 * HOUR
    assert standing.complete_until == BEGIN + 3 * HOUR
    assert standing.audited_at == BEGIN + 6 * HOUR


def test_where_the_first_window_is_not_whole_nothing_is_and_what_no_audit_saw_is_unknown() -> None:
    first, second = standings("sales", STAFF, [row(0, "open", missing=1, subject="_current/staff")])
    assert (first.complete_until, first.certified_until, first.missing) == (None, None, 1)
    assert second == Standing("sales", "currency")


def test_rows_of_all_tables_that_keep_a_source_s_rows_count_and_of_each_window_the_last_one() -> None:
    always = {"window_start": "1970-01-01T00:00:00Z", "window_end": "9999-12-31T23:59:59Z", "missing": 0}
    current = [
        row(0, "open", subject="_current/order") | always | {"missing": 3},
        row(1, subject="_current/order") | always,  # of the day after
    ]
    year = row(0, "open", subject="fact_order") | {"window_end": "2027-01-01T00:00:00Z"}
    (standing,) = standings("sales", {"order": ["fact_order", "_current/order"]}, [*reversed(current), year])
    assert (standing.windows, standing.certified, standing.missing) == (2, 1, 0)
    assert standing.complete_until == BEGIN + 3 * HOUR, "no later than when it was audited"
    assert standing.certified_until == BEGIN


def test_no_table_is_complete_until_later_than_its_audit_owed() -> None:
    """What was committed since may not be extracted yet: it was there in no sum, and complete until now."""
    rows = [
        row(0, subject="_current/staff"),
        row(0, subject="_current/currency") | {"window_end": iso(BEGIN + 9 * HOUR)},
    ]
    staff, currency = standings("sales", STAFF, rows, {"staff": 1800, "currency": 1800})
    assert (staff.complete_until, staff.certified_until) == (BEGIN + HOUR, BEGIN + HOUR), "its window was over"
    assert (currency.complete_until, currency.certified_until) == (BEGIN + 2 * HOUR - 1800,) * 2
    assert currency.audited_at == BEGIN + 2 * HOUR


def test_a_verdict_says_what_it_covers() -> None:
    whole = DatasetStanding("quotes", standings("quotes", {"quote": ["quote"]}, [row(0), row(1)]))
    assert verdict([whole]).text == "complete: 2 of 2 audited windows of 1 tables are certified"
    uncertified = DatasetStanding("quotes", standings("quotes", {"quote": ["quote"]}, [row(0), row(1, "open")]))
    said = verdict([uncertified])
    assert (said.complete, "not all is certified yet: 1 of 2 audited windows" in said.text) == (True, True)


def test_whatever_somebody_should_look_at_makes_it_incomplete() -> None:
    missing = DatasetStanding("quotes", standings("quotes", {"quote": ["quote"]}, [row(0, "open", missing=1200)]))
    alarmed = DatasetStanding("quotes", standings("quotes", {"quote": ["quote"]}, [row(0)]), alarms=("limited",))
    unseen = DatasetStanding("sales", standings("sales", STAFF, [row(0, subject="_current/staff")]))
    never = DatasetStanding("sales", standings("sales", STAFF, []))
    old = DatasetStanding("quotes", standings("quotes", {"quote": ["quote"]}, [row(0)]), stale=("fact_quote",))
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
