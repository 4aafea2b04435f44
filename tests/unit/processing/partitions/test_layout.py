"""Layouts: the part that each stored column of a table plays in a merge."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.partitions import MemoryPartitions
from tests.support.committing import context, source
from tests.support.merge_model import a_row, model, same
from tests.support.tables import COUNTS, ORDERS, QUOTES, column, fact, rows_of

from core.contract.model import HASH, HASH_LIST, Latest, Surrogate, Table
from core.errors import OtherLayout
from core.warehouse.row_layout import RowLayout, text_ids
from processing.partitions.commit import AlreadyThere, Outcome, commit_rows, read_partition, restate
from processing.partitions.layout import Layout, VersionColumn
from processing.partitions.parquet import encode
from processing.partitions.rollback import rollback


def test_a_fact_with_history_has_latest_columns_that_no_row_brings() -> None:
    layout = Layout.of(ORDERS)
    assert layout.latest == ("is_latest",)
    assert "is_latest" not in layout.given
    assert layout.given_schema.names == list(layout.given)
    assert layout.content == ("amount", "note", "deleted_at", HASH_LIST, HASH)
    assert (layout.history_of, layout.deleted, layout.checked) == (("order_id",), "deleted_at", True)


def test_the_deciding_columns_are_those_that_tell_the_latest_version() -> None:
    deciding = Layout.of(ORDERS).deciding
    assert deciding.schema.names == ["order_id", "updated", "checked_at", "deleted_at", "is_latest"]


def test_columns_that_lie_in_the_path_play_no_part() -> None:
    layout = Layout.of(QUOTES)
    assert layout.key == ("minute",)
    assert "symbol" not in layout.schema.names
    ranked = VersionColumn("provenance", ("observed", "late", "repaired"))
    assert layout.version == (ranked, VersionColumn("fetched_at"))


def test_a_table_without_version_or_history_has_none() -> None:
    layout = Layout.of(COUNTS)
    assert (layout.version, layout.latest, layout.deleted, layout.checked) == ((), (), "", False)
    assert layout.content == ("total",)


# ---------------------------------------------------------------- rows of another layout

LINES = fact(
    "fact_line",
    ["order_id", "line"],
    [column("order_id", "int"), column("line", "int"), column("changed", "timestamp"), column("note", "string")],
    version=("changed",),
)
SWAPPED = replace(LINES, key=("line", "order_id"))
WIDER = replace(
    LINES,
    key=("order_id", "line", "part"),
    columns=(*LINES.columns, column("part", "int")),
)
BY_NOTE = replace(LINES, version=("note", "changed"))
HISTORIC = replace(
    LINES,
    columns=(*LINES.columns, column("is_latest", "boolean", rule=Latest())),
    history_of=("order_id",),
)
AT = datetime(2026, 11, 20, 14, 30)  # noqa: DTZ001


def line_rows(table: Table, keys: list[tuple[int, int]], *, minute: int = 0) -> pa.Table:
    at = AT.replace(minute=minute)
    return rows_of(table, [{"order_id": a, "line": b, "part": 1, "changed": at, "note": f"{a}.{b}"} for a, b in keys])


SIX = [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]


def put(store: MemoryPartitions, table: Table, rows: pa.Table, name: str) -> Outcome:
    return commit_rows(store, table, "", rows, sources=[source(name)], context=context(hash(name)))


def forget_layout(store: MemoryPartitions, table: Table) -> None:
    """As an earlier release would have left the current object."""
    snapshot = read_partition(store, table, "")
    assert snapshot is not None
    store.objects[snapshot.key] = encode(snapshot.table, replace(snapshot.footer, layout=None), key=table.stored_key)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("other", [SWAPPED, WIDER, BY_NOTE])
def test_nothing_is_merged_onto_rows_of_another_layout_and_a_restatement_lays_them_anew(
    other: Table, recorded: bool
) -> None:
    """Six known keys once became eight rows after the key's order had changed."""
    if other is BY_NOTE and not recorded:
        return  # rows do not tell by which rule they won
    store = MemoryPartitions()
    put(store, LINES, line_rows(LINES, SIX), "a")
    if not recorded:
        forget_layout(store, LINES)
    again = line_rows(other, SIX, minute=1)
    with pytest.raises(OtherLayout, match="starmend rebuild fact_line"):
        put(store, other, again, "b")
    restate(store, other, "", lambda: (again, ()), context=context(2))
    assert isinstance(put(store, other, again, "c"), AlreadyThere)
    snapshot = read_partition(store, other, "")
    assert snapshot is not None
    assert snapshot.table.num_rows == 6
    assert snapshot.footer.layout == RowLayout.of(other)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_fact_that_gains_a_history_has_its_latest_rows_decided_by_the_next_merge(recorded: bool) -> None:
    store = MemoryPartitions()
    put(store, LINES, line_rows(LINES, SIX), "a")
    if not recorded:
        forget_layout(store, LINES)
    put(store, HISTORIC, line_rows(HISTORIC, SIX[:1]), "a" if recorded else "the same rows again")
    snapshot = read_partition(store, HISTORIC, "")
    assert snapshot is not None
    assert snapshot.table["is_latest"].null_count == 0
    assert [row["line"] for row in snapshot.table.to_pylist() if row["is_latest"]] == [3, 3, 2]


def test_a_rollback_brings_the_layout_back_with_the_rows() -> None:
    store = MemoryPartitions()
    put(store, LINES, line_rows(LINES, SIX), "a")
    again = line_rows(SWAPPED, SIX, minute=1)
    restate(store, SWAPPED, "", lambda: (again, ()), context=context(2))
    rollback(store, SWAPPED, "", to=1, hold=None, context=context(3))
    with pytest.raises(OtherLayout):
        put(store, SWAPPED, again, "b")


TABLES = [LINES, SWAPPED, WIDER, BY_NOTE, HISTORIC]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rows_that_one_layout_wrote_are_merged_by_another_as_a_dictionary_would_or_not_at_all(
    data: st.DataObject,
) -> None:
    first, second = data.draw(st.sampled_from(TABLES)), data.draw(st.sampled_from(TABLES))
    rows = st.lists(a_row(WIDER), min_size=1, max_size=9)
    arrivals = [data.draw(rows), data.draw(rows)]
    store = MemoryPartitions()
    put(store, first, rows_of(first, arrivals[0]), "a")
    if data.draw(st.booleans()) and first.version == second.version:
        forget_layout(store, first)
    try:
        put(store, second, rows_of(second, arrivals[1]), "b")
    except OtherLayout:
        assert (first.key, first.version) != (second.key, second.version)
        return
    snapshot = read_partition(store, second, "")
    assert snapshot is not None
    names = [name for name in snapshot.table.column_names if name != "is_latest"]
    had = {stored_column.name for stored_column in first.columns}
    known = [{name: row[name] if name in had else None for name in names} for row in arrivals[0]]
    expected = model(second, [*known, *({name: row[name] for name in names} for row in arrivals[1])])
    assert same(snapshot.table.to_pylist(), expected)


# ---------------------------------------------------------------- ids of earlier releases

NAMED = fact(
    "fact_named",
    ["name"],
    [
        column("record_id", "bigint", rule=Surrogate(("name",))),
        column("name", "string"),
        column("changed", "timestamp"),
    ],
    version=("changed",),
)
BY_ID = replace(NAMED, key=("record_id",))
NUMBERED = fact("fact_n", ["n"], [column("n", "int"), column("n_id", "bigint", rule=Surrogate(("n",)))])


def named(identity: int) -> pa.Table:
    return rows_of(NAMED, [{"record_id": identity, "name": "a", "changed": AT}])


def test_an_id_settles_no_versions() -> None:
    assert Layout.of(NAMED).content == ()
    assert Layout.of(NUMBERED).content == ()
    assert (text_ids(NAMED), text_ids(NUMBERED)) == (("record_id",), ())


def test_a_row_that_has_an_id_of_before_comes_again_without_a_version_and_gets_its_own_by_a_restatement() -> None:
    store = MemoryPartitions()
    put(store, NAMED, named(111), "a")
    forget_layout(store, NAMED)
    assert isinstance(put(store, NAMED, named(222), "b"), AlreadyThere)
    put(store, NAMED, rows_of(NAMED, [{"record_id": 333, "name": "b", "changed": AT}]), "c")
    snapshot = read_partition(store, NAMED, "")
    assert snapshot is not None
    assert (snapshot.table["record_id"].to_pylist(), snapshot.footer.layout) == ([111, 333], None)
    restate(store, NAMED, "", lambda: (snapshot.table, ()), context=context(3))
    again = read_partition(store, NAMED, "")
    assert again is not None
    assert again.footer.layout == RowLayout.of(NAMED)


def test_nothing_is_merged_by_an_id_onto_ids_of_before() -> None:
    store = MemoryPartitions()
    put(store, BY_ID, named(111), "a")
    forget_layout(store, BY_ID)
    with pytest.raises(OtherLayout, match="ids that an earlier release"):
        put(store, BY_ID, named(222), "b")
