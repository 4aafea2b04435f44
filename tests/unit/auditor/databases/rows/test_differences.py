"""Source and warehouse compared by key, against dictionaries: exactly what differs is found, and nothing on its way."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.holdings import holding_of_rows
from tests.support.lake import shipped_contracts

from auditor.databases.rows.differences import compare_pairs, unequal
from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.targets import Slice, targets_of
from core.audit.fingerprint import fingerprints, key_hashes, microseconds
from core.audit.source_check import pairs_schema

BUCKETS, UNTIL = 16, 50_000
STATE = st.dictionaries(st.integers(-20, 20), st.integers(0, 80).map(lambda n: n * 1000), max_size=30)
TARGETS = {target.table.name: target for target in targets_of(shipped_contracts().dataset("sales"))}


def holding(rows: dict[int, int], name: str) -> Holding:
    target = TARGETS[name]
    columns: dict[str, Any] = {
        target.keys[0]: pa.array(rows, pa.int32()),
        target.version: pa.array(rows.values(), pa.int64()).view(pa.timestamp("us")),
        target.checked: pa.nulls(len(rows), pa.timestamp("us")),
    }
    return holding_of_rows(target, Slice(name, 0, 1), pa.table(columns))


@settings(max_examples=60, deadline=None)
@given(source=STATE, warehouse=STATE, name=st.sampled_from(["fact_sales_order", "_current/design"]))
def test_exactly_the_rows_that_differ_are_found(source: dict[int, int], warehouse: dict[int, int], name: str) -> None:
    held = holding(warehouse, name)
    keys = pa.array(source, pa.int32())
    times = pa.array(source.values(), pa.int64())
    old = {key: at for key, at in source.items() if at < UNTIL}
    theirs = fingerprints(
        key_hashes([pa.array(old, pa.int32())]),
        microseconds(pa.array(old.values(), pa.int64()).view(pa.timestamp("us"))),
        BUCKETS,
    )
    wanted = unequal(held.sums(until=UNTIL, buckets=BUCKETS).fingerprints, theirs)
    pairs = pa.Table.from_arrays([keys, times.view(pa.timestamp("us"))], schema=pairs_schema(held.target.source))
    places = key_hashes([keys]) & (BUCKETS - 1)
    pairs = pairs.filter(pa.array([int(place) in wanted for place in places], pa.bool_()))
    found = compare_pairs(held, pairs, wanted=wanted, buckets=BUCKETS, until=UNTIL)
    settled = {key for key, at in warehouse.items() if at < UNTIL}
    assert {key for (key,) in found.missing} == {key for key in old if key not in warehouse}
    assert {key for (key,) in found.stale} >= {key for key in old if key in settled and old[key] != warehouse[key]}
    assert {key for (key,) in found.stale} <= {key for key in old if key in warehouse and old[key] != warehouse[key]}
    gone = {key for (key,) in found.deleted.keys}
    assert gone >= {key for key in settled if key not in source}
    assert gone <= {key for key in warehouse if key not in source}
    assert len(found.deleted.versions) == len(found.deleted.checked) == len(found.deleted.keys)
    assert found.moved.now == ()
