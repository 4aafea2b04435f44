"""One example of everything that travels as JSON between functions: to JSON, and back to an equal value."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

from core.audit.efforts import Effort
from core.audit.findings import Finding, findings_from_data, findings_to_data
from core.audit.fingerprint import Fingerprint
from core.audit.history import BadPoint, Evidence, HistoryOutcome, HistoryRequest, KnownValue
from core.audit.repair_jobs import Inputs, Repair, RepairOutcome, executor_of, repair_from_data, repair_to_data
from core.audit.source_check import (
    CountBuckets,
    DescribeTables,
    FindWaiting,
    ListPairs,
    LocateRows,
    Question,
    Span,
    buckets_from_data,
    buckets_to_data,
    question_from_data,
    question_to_data,
)
from core.landing.reshaping import (
    ReshapedPart,
    ReshapeLines,
    parts_from_data,
    parts_to_data,
    reshaping_from_data,
    reshaping_to_data,
)

NINE, TEN = 1_795_165_200, 1_795_168_800  # 2026-11-20 09:00 and 10:00 UTC
EXAMPLES: dict[str, Any] = {
    "allow_fewer": True,
    "at": "2026-11-20T09:00:00Z",
    "bytes": 4096,
    "checked": ("2026-11-20T10:00:00.000000Z",),
    "column": "price",
    "columns": ("created_at",),
    "dataset": "prices",
    "changes": ("column colour (text) was added; the contract's line: colour: string?",),
    "day": "2026-11-20",
    "deleted": True,
    "end": "2026-11-20T10:00:00.000000Z",
    "every": 300,
    "entity": "AAA",
    "fact": "fact_price",
    "example": "symbol=AAA, price=-1",
    "folder": "fact_price--day",
    "inputs": Inputs(
        objects=("tables/books/book/000000000001.jsonl.gz",),
        after=(("tables/books/book/", "tables/books/book/000000000001.jsonl.gz"),),
        at="2026-11-20T09:00:00Z",
    ),
    "key": "tables/books/book/000000000001.jsonl.gz",
    "keys": ((1, "a", True), (2, "é", False)),
    "known": (KnownValue(NINE, "o", "101.500000"),),
    "messages": ("0123abcd",),
    "name": "/starmend/test/books/book/sequential_id",
    "number": 7,
    "objects": ("tables/books/book/000000000001.jsonl.gz", "repair/books/book/again.jsonl.gz"),
    "parameters": (("/starmend/test/books/book/sequential_id", "7", "1"),),
    "partition": "symbol=AAA/month=2026-11",
    "partitions": ("symbol=AAA/month=2026-11", "symbol=BBB/month=2026-11"),
    "points": 6,
    "problem": "its object is missing",
    "ranges": ((NINE, TEN), (TEN + 600, TEN + 1200)),
    "reason": "it has no receipt",
    "references": "dim_book.book_id",
    "right": "1",
    "rows": 3,
    "reasons": ("units_sold: 0 breaks > 0",),
    "rule": "price > 0",
    "since": "2026-11-20T09:00:00Z",
    "start": "2026-11-20T09:00:00.000000Z",
    "stored": "7",
    "table": "fact_price",
    "provider_value": "101.5",
    "value": "102",
    "version": "2026-11-20T09:00:00.000000Z",
    "versions": ("2026-11-20T09:00:00.000000Z",),
}
OTHERS: dict[tuple[str, str], Any] = {  # where a name means something else
    ("moved_row", "partitions"): (("month=2026-11", "month=2026-10"), ("month=2026-11", "")),
    ("fetch_history", "wanted"): ((NINE, NINE + 600), (NINE + 1200, TEN)),
    ("orphan_key", "keys"): ("99", "100"),
    ("unreferenced_object", "objects"): 5,
    ("lagging_mirror", "behind"): 3,
}


def example_lines() -> str:
    """Every kind, a line of JSON each. Raises ``AssertionError`` where one does not come back as it was."""
    lines = [_finding(_example(kind)) for kind in get_args(Finding)]
    lines += [_repair(_example(kind)) for kind in get_args(Repair)]
    lines += [_there_and_back("request", one, HistoryRequest.from_data, one.to_data()) for one in _requests()]
    lines += [_there_and_back("outcome", one, HistoryOutcome.from_data, one.to_data()) for one in _outcomes()]
    lines.append(_ended(RepairOutcome("done", "", NINE, counts={"rows": 3}, effort=Effort(1.5, 0.75, 2, 3, 4, 5))))
    lines += [_there_and_back("question", one, question_from_data, question_to_data(one)) for one in _questions()]
    lines.append(_there_and_back("question", RESHAPE_LINES, reshaping_from_data, reshaping_to_data(RESHAPE_LINES)))
    lines.append(_there_and_back("answer", RESHAPED, parts_from_data, parts_to_data(RESHAPED)))
    full = {0: Fingerprint(3, NINE * 1_000_000, 2**63), 5: Fingerprint(1, -1, 7)}
    buckets: tuple[dict[int, Fingerprint], ...] = (full, {})
    lines.append(_there_and_back("buckets", buckets, buckets_from_data, buckets_to_data(buckets)))
    return "".join(f"{line}\n" for line in lines)


def _example(kind: Any) -> Any:
    name = next(str(one.default) for one in fields(kind) if one.name == "kind")
    given = [one.name for one in fields(kind) if one.name != "kind"]
    return kind(**{one: OTHERS.get((name, one), EXAMPLES.get(one)) for one in given})


def _finding(finding: Any) -> str:
    (data,) = findings_to_data([finding])
    return _there_and_back("finding", finding, lambda one: findings_from_data([one])[0], data)


def _repair(repair: Any) -> str:
    return _there_and_back(
        f"repair through the door {executor_of(repair)}", repair, repair_from_data, repair_to_data(repair)
    )


def _ended(outcome: RepairOutcome) -> str:
    data = json.loads(outcome.to_json())
    return _there_and_back("end", outcome, lambda read: RepairOutcome.from_json(json.dumps(read).encode()), data)


def _there_and_back(what: str, value: Any, read: Callable[[Any], Any], data: Any) -> str:
    text = json.dumps(data)
    assert read(json.loads(text)) == value, f"{what} {text} comes back as another"
    return f"{what}: {text}"


def _requests() -> list[HistoryRequest]:
    return [
        HistoryRequest("prices", "AAA", NINE, TEN),
        HistoryRequest("prices", "AAA", NINE, TEN, values_only=True),
        HistoryRequest("prices", "AAA", NINE, TEN, wanted=((NINE, NINE + 600),)),
        HistoryRequest("prices", "AAA", NINE, TEN, known=(KnownValue(NINE, "o", "101.500000"),)),
    ]


def _outcomes() -> list[HistoryOutcome]:
    evidence = Evidence("GET https://prices.example/history/AAA", 200, '{"points": []}', "2026-11-20T10:15:00Z")
    ranges = ((NINE, NINE + 600), (NINE + 1200, TEN))
    return [
        HistoryOutcome("answered", ranges, ((NINE + 600, NINE + 1200),), ((TEN, TEN + 600),), evidence=(evidence,)),
        HistoryOutcome("answered", ranges, unwitnessed=ranges[:1], evidence=(evidence,)),
        HistoryOutcome("answered", values={NINE: {"o": "105.054"}}, evidence=(evidence,)),
        HistoryOutcome(
            "answered",
            absent=ranges,
            whole=ranges[:1],
            silent=ranges[1:],
            refused=((TEN, TEN + 600),),
            unproven=((TEN + 600, TEN + 1200),),
            bad=(BadPoint(TEN, "o = 'M' is no decimal(18,6)", '{"o": "M"}'),),
            reason="it has another page",
        ),
        HistoryOutcome("limited", reason="the provider limits us", retry_after=2.5),
        HistoryOutcome("not_entitled", reason="the token is refused"),
        HistoryOutcome("broken", reason="status 500"),
        HistoryOutcome("secret_missing", reason="it has no value"),
    ]


RESHAPE_LINES = ReshapeLines(
    "books", "book", ("tables/books/book/000000000001.jsonl.gz",), 500, 4, "run", "audit/runs/run/book"
)
RESHAPED = (ReshapedPart("fact_book", "month=2026-11", "audit/runs/run/book-0000.parquet", 12),)


def _questions() -> list[Question]:
    spans = (Span(), Span("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"))
    target = "audit/runs/first/pairs/book-0.parquet"
    return [
        CountBuckets("books", "book", spans, 16, "2026-11-20T09:00:00Z"),
        CountBuckets("books", "book_order", spans, 16, "2026-11-20T09:00:00Z", "created_at"),
        ListPairs("books", "book_order", spans[1], 16, (0, 5), target, "created_at"),
        LocateRows("books", "book_order", ((1,), (2,)), ("created_at",), target),
        DescribeTables("books", ("book", "book_order")),
        FindWaiting("books", {"book": "2026-11-20T08:00:00.000000Z"}, "2026-11-20T09:00:00.000000Z"),
    ]
