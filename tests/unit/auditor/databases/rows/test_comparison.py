"""Slices compared with a source that answers from a dictionary."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import CLOCK, ORDER_FACT, AuditedDatabase

from auditor.databases.rows.comparison import Compared, ComparisonTerms, compare_slices
from auditor.databases.rows.targets import ALWAYS, Slice
from core.audit.source_check import ListPairs
from core.landing.ingest_objects import EPOCH

STATE = st.dictionaries(st.integers(1, 30), st.integers(1, 50), max_size=20)
SLICES = [Slice(ORDER_FACT.name, *ALWAYS)]


def compare(lake: AuditedDatabase, *, watermark: datetime = CLOCK) -> Compared:
    terms = ComparisonTerms(lake.contract, "run", 0, {"orders": watermark}, {}, frozenset())
    return compare_slices(lake.services, terms, SLICES)


def keys(compared: Compared) -> dict[str, set[int]]:
    findings: list[Any] = compared.findings
    return {finding.kind: {key for (key,) in finding.keys} for finding in findings}


@settings(max_examples=25, deadline=None)
@given(source=STATE, warehouse=st.dictionaries(st.integers(1, 30), st.integers(1, 50), min_size=1, max_size=20))
def test_missing_stale_and_deleted_rows_are_found_and_counted(
    source: dict[int, int], warehouse: dict[int, int]
) -> None:
    lake = AuditedDatabase()
    lake.source = source
    lake.put(warehouse)
    compared = compare(lake)
    missing = source.keys() - warehouse.keys()
    stale = {key for key in source.keys() & warehouse.keys() if source[key] != warehouse[key]}
    deleted = warehouse.keys() - source.keys()
    expected = {"missing_row": missing, "stale_row": stale, "deleted_row": deleted}
    assert keys(compared) == {kind: rows for kind, rows in expected.items() if rows}
    [window] = compared.windows
    assert (window.counts["expected"], window.counts["missing"]) == (len(source), len(missing) + len(stale))
    assert window.whole == (source == warehouse)


def test_equal_rows_are_not_listed() -> None:
    lake = AuditedDatabase()
    lake.source = {1: 10, 2: 20}
    lake.put(lake.source)
    compared = compare(lake)
    assert compared.findings == []
    assert compared.rows == {ORDER_FACT.name: 2}
    assert not any(isinstance(question, ListPairs) for question in lake.asked)


def test_a_partition_whose_pointer_is_gone_is_broken_where_the_source_has_rows() -> None:
    lake = AuditedDatabase()
    lake.source = {1: 10}
    kinds = [finding.kind for finding in compare(lake).findings]
    assert kinds == ["missing_row", "broken_object"]


def test_without_a_watermark_nothing_is_compared() -> None:
    lake = AuditedDatabase()
    lake.source = {1: 10}
    assert compare(lake, watermark=EPOCH) == Compared()
    assert lake.asked == []


def test_what_the_source_marked_as_deleted_is_absent() -> None:
    lake = AuditedDatabase()
    lake.source = {1: 10}
    lake.put({1: 10}, deleted={2: 20})
    [window] = compare(lake).windows
    assert window.subject == ORDER_FACT.name
    assert (window.counts["expected"], window.counts["absent"], window.whole) == (2, 1, True)
