"""Questions about a database and their answers come back as they were."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from tests.support.lake import shipped_contracts

from core.audit.fingerprint import Fingerprint
from core.audit.source_check import (
    CountBuckets,
    ListInUse,
    ListPairs,
    LocateRows,
    Question,
    Span,
    buckets_from_data,
    buckets_to_data,
    lists_from_data,
    lists_to_data,
    pairs_schema,
    question_from_data,
    question_to_data,
)


@pytest.mark.parametrize(
    "question",
    [
        CountBuckets("sales", "staff", (Span("2026-01-01T00:00:00Z", ""), Span()), 16, "2026-11-20T00:00:00Z", "at"),
        ListPairs("sales", "staff", Span(), 16, (3, 7), "audit/runs/r/pairs.parquet"),
        LocateRows("sales", "staff", ((1,), (2,)), ("created_at",), "audit/runs/r/rows.parquet"),
    ],
)
def test_a_question_comes_back_as_it_was(question: Question) -> None:
    assert question_from_data(json.loads(json.dumps(question_to_data(question)))) == question


def test_lists_come_back_as_they_were_and_those_of_an_earlier_release_lack_nothing() -> None:
    lists = (ListInUse(2, True), ListInUse(1, False, ("discount", "note")))
    assert lists_from_data(json.loads(json.dumps(lists_to_data(lists)))) == lists
    assert lists_from_data({"lists": [[1, True]]}) == (ListInUse(1, True),)


def test_what_is_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="no question"):
        question_from_data({"kind": "sum"})


def test_buckets_come_back_as_they_were() -> None:
    spans = ({3: Fingerprint(2, 17, 2**64 - 1), 1: Fingerprint(1, 5, 0)}, {})
    assert buckets_from_data(json.loads(json.dumps(buckets_to_data(spans)))) == spans


def test_pairs_are_the_keys_columns_and_a_version() -> None:
    staff = shipped_contracts().dataset("sales").source_table("staff")
    assert pairs_schema(staff) == pa.schema([("staff_id", pa.int32()), ("version", pa.timestamp("us"))])
