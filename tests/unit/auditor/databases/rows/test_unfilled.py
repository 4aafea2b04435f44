"""Rows without a column that their table has by now: told row by row, and named the newest first."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import DATASET, ORDER_FACT, TABLE, database_contract
from tests.support.holdings import holding_of_rows

from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.targets import Slice, Target, targets_of
from auditor.databases.rows.unfilled import Fills, unfilled
from core.audit.source_check import ListInUse
from core.contract.model import HASH, HASH_LIST, Column, Field, Take
from core.contract.types import parse_type
from core.time import iso

COLUMNS = ("size", "weight", "unused")  # of the source; the fact takes the first two
SECONDS = st.integers(1, 9)
# By list: the columns that it lacks. A row: its list (None: never hashed) and its version.
LACKING = st.dictionaries(st.integers(1, 3), st.sets(st.sampled_from(COLUMNS)), max_size=3)
ROWS = st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), SECONDS), max_size=12)
SINCE = st.fixed_dictionaries({name: st.none() | SECONDS for name in COLUMNS})


def target_of(since: dict[str, int | None]) -> Target:
    """The orders' fact with two columns more, and their source with three."""
    kind = parse_type("int")
    added = [Field(name, kind, required=False, since=iso(at) if at else "") for name, at in since.items()]
    columns = (*ORDER_FACT.columns, *(Column(name, kind, Take(name)) for name in COLUMNS[:2]))
    contract = database_contract(replace(ORDER_FACT, columns=columns))
    source = replace(TABLE, fields=(*TABLE.fields, *added))
    assert contract.source is not None
    [target] = targets_of(replace(contract, source=replace(contract.source, tables=(source,))))  # type: ignore[arg-type]
    return target


def holding(target: Target, rows: list[tuple[int | None, int]], *, start: int = 0) -> Holding:
    live = pa.table(
        {
            target.keys[0]: pa.array(range(len(rows)), pa.int32()),
            HASH_LIST: pa.array([row[0] for row in rows], pa.int32()),
            HASH: pa.array([1] * len(rows), pa.int64()),
            target.version: pa.array([row[1] * 1_000_000 for row in rows], pa.int64()).view(pa.timestamp("us")),
        }
    )
    return holding_of_rows(target, Slice(target.table.name, start, start + 1), live)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, lacking=LACKING, since=SINCE, until=SECONDS)
def test_a_row_is_unfilled_by_what_its_own_list_lacks_of_what_the_table_takes(
    rows: list[tuple[int | None, int]], lacking: dict[int, set[str]], since: dict[str, int | None], until: int
) -> None:
    lists = [ListInUse(number, True, tuple(sorted(names))) for number, names in lacking.items()]
    lost = [
        {
            name
            for name in lacking.get(number or 0, set()) & {*COLUMNS[:2]}
            if version < until and version >= (since[name] or 0)
        }
        for number, version in rows
    ]
    rows_without = unfilled(holding(target_of(since), rows), lists, until=until * 1_000_000)
    assert rows_without.places.tolist() == [place for place, names in enumerate(lost) if names]
    assert rows_without.columns == tuple(sorted(set().union(*lost)))


@given(sizes=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=6), most=st.integers(0, 20))
def test_keys_are_named_of_the_newest_slices_and_rows_are_counted_of_all(
    sizes: list[tuple[int, int]], most: int
) -> None:
    target = target_of(dict.fromkeys(COLUMNS))
    fills = Fills(most)
    for start, rows in sizes:
        part = holding(target, [(1, 1)] * rows, start=start)
        fills.add(DATASET, part, unfilled(part, [ListInUse(1, True, ("size",))], until=2_000_000))
    expected, left = [], most
    for _, rows in sorted((entry for entry in sizes if entry[1]), key=lambda entry: -entry[0]):
        expected.append((rows, min(rows, left)))
        left -= expected[-1][1]
    assert [(finding.rows, len(finding.keys)) for finding in fills.findings] == expected
