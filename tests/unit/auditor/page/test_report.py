"""Audits, freshness and receipts counted for the page."""

from __future__ import annotations

import datetime as dt
from typing import Any

from auditor.page.report import freshness, lately, shape_audit, shape_receipt

AT = dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)


def attempt(*, missing: int, absent: int = 0) -> dict[str, Any]:
    return {
        "dataset": "quotes",
        "audited_at": AT.isoformat(),
        "windows": [{"counts": {"missing": missing, "absent": absent}}],
        "findings": [{"kind": "missing_point"}, {"kind": "orphan_key"}, {"kind": "orphan_key"}],
    }


def test_what_an_audit_detected_is_healed_absent_or_left() -> None:
    view = shape_audit("run", [attempt(missing=10), attempt(missing=4, absent=1), attempt(missing=2, absent=3)])
    assert view is not None
    assert (view.detected, view.healed, view.absent, view.left, view.attempts) == (10, 5, 3, 2, 2)
    assert view.other == {"orphan_key": 2}
    assert shape_audit("run", []) is None


def test_a_table_is_old_where_its_newest_row_is_further_behind_than_its_limit() -> None:
    def state(newest: dt.datetime | None, owed: dt.datetime | None = AT) -> str:
        return freshness("quotes", "fact_quote", feed=True, newest=newest, owed=owed, limit=60).state

    assert state(AT - dt.timedelta(seconds=60)) == "fresh"
    assert state(AT - dt.timedelta(seconds=61)) == "old"
    assert state(AT - dt.timedelta(days=3), owed=None) == "fresh"
    assert state(None) == "unknown"


def test_receipts_are_summed_per_source_table_the_latest_first() -> None:
    receipt = {
        "dataset": "sales", "table": "staff", "object": "a", "processed_at": AT.isoformat(), "lines_in": 3,
        "rows_out": 2, "rejected": 1, "milliseconds": 10, "outcome": "committed", "reason": "", "partitions": ["p"],
    }  # fmt: skip
    later = {"processed_at": (AT + dt.timedelta(minutes=1)).isoformat()}
    receipts = [shape_receipt(receipt), shape_receipt(receipt | {"milliseconds": 30, "outcome": "halted"})]
    receipts.append(shape_receipt(receipt | later | {"table": "design"}))
    design, staff = lately(receipts)
    assert (design.table, design.objects) == ("design", 1)
    assert (staff.objects, staff.lines, staff.rows, staff.rejected, staff.halted) == (2, 6, 4, 2, 1)
    assert staff.median == 20
