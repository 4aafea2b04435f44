"""One number from both sides: PostgreSQL's own hash and ours, of every kind of key and version."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.support.extraction import contract_of, extraction_sandbox, scratch_database, source_table

from core.audit.fingerprint import buckets_for, fingerprints, key_hashes, microseconds
from core.audit.key_values import key_values
from core.audit.source_check import (
    CountBuckets,
    ListPairs,
    LocateRows,
    Span,
    buckets_from_data,
    question_to_data,
)
from core.time import format_instant
from core.warehouse.order import as_array
from ingestion.check.ask import answer

pytestmark = pytest.mark.database
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEYS: dict[str, tuple[str, Any]] = {
    "int": ("int", lambda n: n - 250),
    "bigint": ("bigint", lambda n: (n - 250) * 2**54 + n),
    "string": ("text", lambda n: "é\U0001f600 'quoted', \n" * (n % 5) + str(n)),
    "date": ("date", lambda n: date(1990, 1, 1) + timedelta(days=n * 37)),
    "timestamp": ("timestamp", lambda n: datetime(1985, 1, 1) + timedelta(microseconds=n * 7_919_000_003)),  # noqa: DTZ001
    "double": ("float8", lambda n: dict(enumerate(("NaN", "-NaN", "Infinity", "-Infinity", "-0"))).get(n % 9, n / 7)),
    "decimal(10,2)": ("numeric(10,2)", lambda n: f"{n}.{n % 10}"),
}


def of_type(kind: str, values: list[Any]) -> pa.Array:
    kinds = {"int": pa.int32(), "bigint": pa.int64(), "date": pa.date32(), "timestamp": pa.timestamp("us")}
    if kind.startswith("decimal"):
        return pa.array([f"{float(value):.2f}" for value in values]).cast(pa.decimal128(10, 2))
    if kind == "double":
        return pa.array([float("NaN" if value == "-NaN" else value) + 0.0 for value in values])  # a key's -0 is 0
    return pa.array(values, kinds.get(kind, pa.string()))


@pytest.mark.parametrize("kind", KEYS)
def test_both_sides_have_the_same_fingerprint_and_the_same_pairs(kind: str) -> None:
    spelling, value = KEYS[kind]
    table = source_table("thing", key=["k", "n"], k=kind, n="int", created_at="timestamp", last_updated="timestamp")
    ddl = f"CREATE TABLE thing (k {spelling}, n int, created_at timestamp, last_updated timestamp, PRIMARY KEY (k, n))"
    draw = random.Random(kind)
    versions = [NOON - timedelta(microseconds=draw.randrange(10**14)) for _ in range(500)]
    keys = [value(n) for n in range(500)]
    with scratch_database(ddl) as database:
        connection = database.connect(autocommit=False)
        cursor = connection.cursor()
        cursor.executemany(
            "insert into thing values (%s, %s, %s, %s)",
            [
                (key, n, at.replace(tzinfo=None), at.replace(tzinfo=None))
                for n, (key, at) in enumerate(zip(keys, versions, strict=True))
            ],
        )
        connection.commit()
        connection.close()
        sandbox = extraction_sandbox(contract_of(table), secret=database.secret())
        buckets = buckets_for(500)
        ours_keys = [of_type(kind, keys), pa.array(range(500), pa.int32())]
        hashes = key_hashes(ours_keys)
        ours = microseconds(pa.array([at.replace(tzinfo=None) for at in versions], pa.timestamp("us")))
        try:
            until = NOON - timedelta(days=300)
            question = CountBuckets("shop", "thing", (Span(),), buckets, format_instant(until))
            told = answer(sandbox.extraction, question_to_data(question), sandbox.objects)
            old = ours < int(until.timestamp()) * 1_000_000
            assert 0 < old.sum() < 500
            assert buckets_from_data(told["spans"])[0] == fingerprints(hashes[old], ours[old], buckets)
            spans = (
                Span("2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z"),
                Span("2025-01-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            )
            question = CountBuckets("shop", "thing", spans, buckets, format_instant(NOON), "created_at")
            told = answer(sandbox.extraction, question_to_data(question), sandbox.objects)
            for span, theirs in zip(spans, buckets_from_data(told["spans"]), strict=True):
                low, high = (int(datetime.fromisoformat(one).timestamp()) * 1_000_000 for one in (span.start, span.end))
                inside = (ours >= low) & (ours < high)
                assert inside.any()
                assert theirs == fingerprints(hashes[inside], ours[inside], buckets)
            wanted = (1, 3, 4)
            pairs = ListPairs("shop", "thing", Span(), buckets, wanted, "pairs.parquet")
            assert answer(sandbox.extraction, question_to_data(pairs), sandbox.objects)["rows"] > 0
            rows = read(sandbox.objects.read("pairs.parquet").body)  # type: ignore[union-attr]
            chosen = np.isin(hashes & np.uint64(buckets - 1), wanted)
            expected = pa.table([*ours_keys, pa.array(ours).view(pa.timestamp("us"))], names=["k", "n", "version"])
            assert repr(rows.sort_by("n").to_pylist()) == repr(expected.filter(pa.array(chosen)).to_pylist())  # NaN too
            held = [as_array(rows.column(name)) for name in ("k", "n")]
            named = tuple(zip(key_values(held[0]), key_values(held[1]), strict=True))
            nowhere = tuple((key, 999) for key, _ in named[:1])
            places = LocateRows("shop", "thing", named + nowhere, ("created_at",), "places.parquet")
            assert answer(sandbox.extraction, question_to_data(places), sandbox.objects)["rows"] == len(named)
            placed = read(sandbox.objects.read("places.parquet").body)  # type: ignore[union-attr]
            assert repr(placed.rename_columns(rows.column_names).sort_by("n")) == repr(rows.sort_by("n"))
        finally:
            sandbox.extraction.close()


def read(body: bytes) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(body))


def test_a_changed_version_a_lost_row_and_a_swapped_pair_change_a_fingerprint() -> None:
    keys, versions = key_hashes([pa.array(range(10_000))]), np.arange(10_000, dtype=np.int64) * 1000
    before = fingerprints(keys, versions, 16)

    def differs(others: Any, times: Any) -> int:
        after = fingerprints(others, times, 16)
        return sum(before.get(place) != after.get(place) for place in range(16))

    changed = versions.copy()
    changed[77] += 1000
    assert differs(keys, changed) == 1
    assert differs(np.delete(keys, 5), np.delete(versions, 5)) == 1
    swapped = versions.copy()
    swapped[[1, 2]] = swapped[[2, 1]]
    assert differs(keys, swapped) in (1, 2)
    assert differs(keys[::-1], versions[::-1]) == 0
