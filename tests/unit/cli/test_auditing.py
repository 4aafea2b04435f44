"""Ranges of time, datasets, and findings and plans as rows."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.unit.cli.conftest import Account

from auditor.repairs.plan import Plan
from cli.auditing import datasets_of, finding_rows, plan_rows, range_of, run_name
from core.audit.findings import UnprocessedObject
from core.errors import Misuse


def test_a_range_has_both_ends_or_neither_and_is_utc_where_it_names_no_offset() -> None:
    assert range_of("", "") == (None, None)
    assert range_of("1970-01-01T00:01", "1970-01-01T02:00+01:00") == (60, 3600)
    with pytest.raises(Misuse, match="is half a range"):
        range_of("2026-11-20T14:30", "")
    with pytest.raises(Misuse, match="is no ISO 8601 time"):
        range_of("yesterday", "today")


def test_the_datasets_are_those_with_a_source(account: Account) -> None:
    known = datasets_of(account.deployment, "")
    assert {"quotes", "sales"} <= set(known)
    assert datasets_of(account.deployment, "sales") == ["sales"]
    with pytest.raises(Misuse, match="is no dataset with a source"):
        datasets_of(account.deployment, "calendar-of-nobody")


def test_an_audit_by_hand_is_named_after_its_instant() -> None:
    assert run_name(dt.datetime(2026, 11, 20, 14, 30, 5, 7, tzinfo=dt.UTC)) == "command-20261120T143005000007"


def test_findings_are_counted_and_described_and_an_empty_plan_has_no_rows() -> None:
    key = "tables/sales/staff/000000000001.jsonl.gz"
    (row,) = finding_rows("sales", [UnprocessedObject("sales", "staff", key)])
    assert (row["dataset"], row["finding"], row["count"]) == ("sales", "unprocessed object", 1)
    assert key in row["what"]
    assert plan_rows(Plan((), (), ())) == []
