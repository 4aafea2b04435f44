"""Datasets, and findings and plans as rows."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.unit.cli.conftest import Account

from auditor.repairs.draft import Plan
from cli.auditing import datasets_of, finding_rows, in_words, kept_datasets, plan_rows, run_name
from core.audit.findings import Finding, MissingPoints, MissingRows, UnprocessedObject
from core.errors import Misuse
from core.time import epoch


def test_the_datasets_are_those_with_a_source(account: Account) -> None:
    known = datasets_of(account.deployment, "", operation="audit")
    assert {"quotes", "sales"} <= set(known)
    assert datasets_of(account.deployment, "sales", operation="audit") == ["sales"]
    with pytest.raises(Misuse, match=r"^verify: calendar-of-nobody: is no dataset with a source"):
        datasets_of(account.deployment, "calendar-of-nobody", operation="verify")


def test_a_range_from_before_the_facts_begin_is_refused_or_passed_over(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts, both = account.deployment.contracts, ["quotes", "sales"]  # since 2026-01-01 and 2024-01-01

    def kept(names: list[str], end: str, *, table: str = "") -> list[str]:
        return kept_datasets(contracts, names, table, epoch(end) if end else None, operation="heal")

    assert kept(both, "") == kept(both, "2026-01-02") == both
    assert kept(both, "2026-01-01") == ["sales"]
    assert "quotes keeps rows from 2026-01-01 on" in capsys.readouterr().err
    with pytest.raises(Misuse, match="sales: keeps rows from 2024-01-01 on, and the range ends before"):
        kept(["sales"], "2024-01-01", table="payment")
    assert kept(["sales"], "2024-01-01", table="staff") == ["sales"], "no time bounds what its dimension has"


def test_an_audit_by_hand_is_named_after_its_instant() -> None:
    assert run_name(dt.datetime(2026, 11, 20, 14, 30, 5, 7, tzinfo=dt.UTC)) == "command-20261120T143005000007"


def test_findings_are_counted_and_described_and_an_empty_plan_has_no_rows() -> None:
    key = "tables/sales/staff/000000000001.jsonl.gz"
    (row,) = finding_rows("sales", [UnprocessedObject("sales", "staff", key)])
    assert (row["dataset"], row["finding"], row["rows"]) == ("sales", "unprocessed object", 1)
    assert key in row["what"]
    assert plan_rows(Plan((), (), ())) == []


def test_findings_are_counted_in_rows_the_largest_first_and_name_ten_keys_at_most() -> None:
    findings: list[Finding] = [
        UnprocessedObject("sales", "staff", "tables/sales/staff/000000000001.jsonl.gz"),
        MissingRows("sales", "staff", tuple((number,) for number in range(1, 13))),
        MissingPoints("quotes", "AAPL", ((0, 3600),), 60),
    ]
    rows = finding_rows("sales", findings)
    assert [(row["finding"], row["rows"]) for row in rows] == [
        ("missing point", 60),
        ("missing row", 12),
        ("unprocessed object", 1),
    ]
    assert rows[1]["what"] == "staff: keys 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
    assert in_words(rows) == "73 rows in 3 findings"
    assert in_words(rows[2:]) == "1 row in 1 finding"
