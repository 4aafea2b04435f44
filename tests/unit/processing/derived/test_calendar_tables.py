"""Calendars: every day of the contract, with its parts."""

from __future__ import annotations

from datetime import date

from tests.support.lake import numbered, shipped_contracts

from processing.derived.calendar_tables import calendar_rows


def test_the_calendar_has_every_day_with_its_parts_monday_first() -> None:
    days = calendar_rows(shipped_contracts().table("dim_date"))
    rows = numbered(days.to_pylist(), "date_id")
    assert (min(rows), max(rows)) == (date(2015, 1, 1), date(2035, 12, 31))
    assert len(rows) == (date(2035, 12, 31) - date(2015, 1, 1)).days + 1
    for day, row in rows.items():
        assert (row["year"], row["month"], row["day"]) == (day.year, day.month, day.day)
        assert row["day_of_week"] == day.isoweekday()
        assert row["quarter"] == (day.month + 2) // 3
    assert rows[date(2026, 11, 20)] == {
        "date_id": date(2026, 11, 20),
        "year": 2026,
        "month": 11,
        "day": 20,
        "day_of_week": 5,
        "day_name": "Friday",
        "month_name": "November",
        "quarter": 4,
    }
