"""Rows of the table ``completeness``."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.objects import MemoryObjects

from auditor.evidence.certificates import Basis, issue_certificates
from auditor.evidence.completeness import completeness_key, completeness_keys, completeness_row, write_completeness
from auditor.evidence.results import AuditResult, WindowResult
from core.landing.records import COMPLETENESS_COLUMNS

COUNTS = {"expected": 2, "present": 2, "observed": 2, "late": 0, "repaired": 0, "absent": 0, "missing": 0}
BASIS = Basis("run", "contract")


def row_of(*, missing: int = 0, alarmed: bool = False) -> dict[str, Any]:
    window = WindowResult(0, 3_600, True, {**COUNTS, "missing": missing}, {"fact": [2, "digest"]})
    result = AuditResult("test", "quotes", (window,), (), {}, "", "2026-11-20T15:00:00Z")
    _, entries = issue_certificates(MemoryObjects(), result, BASIS)
    return completeness_row(result, window, BASIS, entries, alarmed=alarmed)


def test_a_row_has_the_columns_of_the_table_but_for_those_of_halted_objects() -> None:
    of_halts = {"object", "reason"}
    assert set(row_of()) == {column[0] for column in COMPLETENESS_COLUMNS} - of_halts


def test_a_window_is_certified_alarmed_or_open() -> None:
    assert (row_of()["status"], row_of()["certificate"]) == ("certified", 1)
    assert (row_of(missing=1, alarmed=True)["status"], row_of(missing=1)["status"]) == ("alarmed", "open")
    assert row_of(missing=1)["certificate"] is None


def test_the_key_names_dataset_day_subject_and_start() -> None:
    assert completeness_key("quotes", 3_600) == "completeness/dataset=quotes/day=1970-01-01/19700101T010000Z.json"
    key = completeness_key("sales", 0, subject="_current/design", day="2026-11-20")
    assert key == "completeness/dataset=sales/day=2026-11-20/current.design-19700101T000000Z.json"


def test_a_row_takes_the_place_of_the_earlier_one() -> None:
    store = MemoryObjects()
    for status in ("open", "certified"):
        write_completeness(store, {"completeness/a": {"status": status}, "completeness/b": {}}, workers=2)
    assert [info.key for info in store.list("completeness/")] == ["completeness/a", "completeness/b"]
    stored = store.read("completeness/a")
    assert stored is not None
    assert json.loads(stored.body) == {"status": "certified"}


def test_no_name_is_hidden_from_athena_and_those_of_earlier_releases_are_found() -> None:
    keys = completeness_keys("sales", 0, subject="_current/design")
    assert [key.rpartition("/")[2] for key in keys] == [
        "current.design-19700101T000000Z.json",
        "_current.design-19700101T000000Z.json",
    ]
    assert len(completeness_keys("sales", 0, subject="fact_sales_order")) == 1
