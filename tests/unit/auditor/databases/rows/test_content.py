"""Rows compared by content: each under its own list, by sums where they can tell, by rows where they cannot."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.databases.rows.content import compare_content, doubtful
from auditor.databases.rows.sums import BucketSums, hashes_of, lists_of, sums_of_rows
from core.audit.fingerprint import MODULUS, Fingerprint
from core.audit.source_check import ListInUse, content_column
from core.contract.model import HASH, HASH_LIST

WORD = st.integers(-(2**63), 2**63 - 1)
# A row: its list (None: never hashed), its hash under each of two lists, whether the source has changed it silently.
ROWS = st.lists(st.tuples(st.sampled_from([None, 1, 2]), WORD, WORD, st.booleans()), max_size=12)


def live(rows: list[tuple[int | None, int, int, bool]]) -> pa.Table:
    lists = pa.array([row[0] for row in rows], pa.int32())
    hashes = pa.array([None if row[0] is None else row[row[0]] for row in rows], pa.int64())
    return pa.table({HASH_LIST: lists, HASH: hashes})


def now(rows: list[tuple[int | None, int, int, bool]], number: int) -> list[int]:
    return [row[number] ^ 1 if row[3] else row[number] for row in rows]


def sums_of(rows: list[tuple[int | None, int, int, bool]]) -> BucketSums:
    nothing = np.zeros(len(rows), np.int64)
    table = live(rows)
    return sums_of_rows(nothing.view(np.uint64), nothing, (lists_of(table), hashes_of(table)), 1)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, known=st.sampled_from([(1,), (2,), (1, 2)]))
def test_every_row_that_a_list_can_tell_of_is_told_right(
    rows: list[tuple[int | None, int, int, bool]], known: tuple[int, ...]
) -> None:
    lists = [ListInUse(number, ours=number == known[-1]) for number in known]
    content = tuple(sum(now(rows, number)) % MODULUS for number in known)
    theirs = {0: Fingerprint(len(rows), 0, 0, content)} if rows else {}
    buckets = doubtful(sums_of(rows), theirs, lists)
    places = np.arange(len(rows))
    pairs = pa.table({content_column(number): pa.array(now(rows, number), pa.int64()) for number in known})
    difference = compare_content(live(rows), pairs, places, np.ones(len(rows), bool), lists)
    changed = {place for place, row in enumerate(rows) if row[3] and row[0] == known[-1]}
    foreign = {place for place, row in enumerate(rows) if row[3] and row[0] in known[:-1]}
    assert (set(difference.changed.tolist()), set(difference.foreign.tolist())) == (changed, foreign)
    provable = all(row[0] in known for row in rows)
    numbers = {row[0] or 0 for row in rows}
    alike = all(
        sum(now(rows, number)) % MODULUS == sum(row[number] for row in rows) % MODULUS for number in {*numbers} - {0}
    )
    assert bool(buckets) == bool(rows and provable and (len(numbers) > 1 or not alike))
    assert alike or changed or foreign or not provable, "a sum that differs has a row that does"


def test_a_source_that_hashes_nothing_accuses_nobody() -> None:
    rows: list[tuple[int | None, int, int, bool]] = [(1, 5, 6, True), (None, 1, 1, False)]
    assert doubtful(sums_of(rows), {0: Fingerprint(2, 0, 0)}, []) == ()
    nothing = compare_content(live(rows), pa.table({"id": [1, 2]}), np.arange(2), np.ones(2, bool), [])
    assert len(nothing.changed) == len(nothing.foreign) == 0


def test_a_row_of_another_version_is_not_judged_by_its_content() -> None:
    rows: list[tuple[int | None, int, int, bool]] = [(1, 5, 6, True), (1, 7, 8, True)]
    pairs = pa.table({content_column(1): pa.array(now(rows, 1), pa.int64())})
    difference = compare_content(live(rows), pairs, np.arange(2), np.array([True, False]), [ListInUse(1, ours=True)])
    assert difference.changed.tolist() == [0]
