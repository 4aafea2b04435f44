"""The merge as a dictionary would do it: tables of all kinds, rows for them, and the winner of each key."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from tests.support.tables import ORDERS, QUOTES, column, fact, rows_of

from core.contract.model import HASH, HASH_LIST, Latest, Table
from processing.partitions.layout import Layout
from processing.partitions.merge import merge

Row = dict[str, Any]
EPOCH = datetime(2026, 11, 20, 14, 30, tzinfo=UTC).replace(tzinfo=None)
HUGE = 2**62

WIDE = fact(
    "fact_wide",
    ["first", "second"],
    [
        column("first", "bigint"),
        column("second", "bigint"),
        column("changed", "timestamp"),
        column("share", "double"),
        column("flag", "boolean"),
    ],
    version=("changed",),
)
TEXTS = fact(
    "fact_text",
    ["code", "day"],
    [column("code", "string"), column("day", "date"), column("body", "json"), column("seen", "timestamp")],
    version=("seen",),
)
MONEY = fact("fact_money", ["amount"], [column("amount", "decimal(30,4)"), column("note", "string")], version=())
SINGLE = fact("fact_single", [], [column("seen", "timestamp"), column("note", "string")], version=("seen",))
CROSSED = fact(
    "fact_crossed",
    ["sequence", "thing"],
    [
        column("sequence", "bigint"),
        column("thing", "string"),
        column("changed", "timestamp"),
        column("deleted_at", "timestamp"),
        column("newest", "boolean", rule=Latest()),
    ],
    version=("changed",),
    history_of=("thing",),
)

DOMAINS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-2, 2),
    "bigint": st.sampled_from([-(2**63), -HUGE, -1, 0, 1, HUGE, 2**63 - 1]),
    "string": st.sampled_from(["", "A", "A\0", "AB", "B", "é", "\U0001f600", "observed", "late", "repaired"]),
    "json": st.sampled_from(["{}", "[1]", '{"a":1}']),
    "timestamp": st.integers(-3, 3).map(lambda n: EPOCH + timedelta(milliseconds=n)),
    "date": st.integers(0, 2).map(lambda n: EPOCH.date() + timedelta(days=n)),
    "decimal": st.integers(-2, 2).map(lambda n: Decimal(n) / 4),
    "double": st.sampled_from([0.0, -0.0, 1.5, -1.5, float("inf"), float("nan")]),
    "boolean": st.booleans(),
}
HASHES = {
    HASH_LIST: st.none() | st.integers(1, 2),
    HASH: st.none() | st.sampled_from([-(2**63), -1, 0, 2**63 - 1]),
}


def a_row(table: Table) -> st.SearchStrategy[Row]:
    values = {}
    for stored_column in table.stored_columns:
        if isinstance(stored_column.rule, Latest):
            continue
        domain = st.sampled_from(stored_column.rank) if stored_column.rank else DOMAINS[stored_column.type.name]
        values[stored_column.name] = domain if stored_column.name in table.stored_key else st.none() | domain
    values |= HASHES if table.keeps_content else {}
    return st.fixed_dictionaries(values)


def order_of(value: Any, rank: tuple[str, ...] = ()) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    if rank:
        return (1, rank.index(value))
    if isinstance(value, float):
        bits = struct.unpack("<q", struct.pack("<d", value))[0]
        return (1, bits if bits >= 0 else -(2**63) - bits - 1)
    return (1, value.encode() if isinstance(value, str) else value)


def versions(table: Table, row: Row) -> list[tuple[Any, ...]]:
    """What a row with ``checked_at`` says was so at that time: it counts as written then."""
    stored = {stored_column.name: stored_column for stored_column in table.stored_columns}
    version = [order_of(row[name], stored[name].rank) for name in table.version]
    return [max(version), *version] if "checked_at" in table.version else version


def strength(table: Table, row: Row) -> tuple[Any, ...]:
    version = versions(table, row)
    others = list(Layout.of(table).content)
    return (version, [order_of(row[name]) for name in others])


def key_of(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(order_of(row[name]) for name in table.stored_key)


def model(table: Table, rows: list[Row]) -> list[Row]:
    best: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = key_of(table, row)
        if key not in best or strength(table, row) > strength(table, best[key]):
            best[key] = row
    result = [dict(best[key]) for key in sorted(best)]
    flags = [stored_column.name for stored_column in table.stored_columns if isinstance(stored_column.rule, Latest)]
    for flag in flags:
        newest: dict[tuple[Any, ...], Row] = {}
        for row in result:
            row[flag] = False
            group = tuple(row[name] for name in table.history_of)
            if group not in newest or _age(table, row) > _age(table, newest[group]):
                newest[group] = row
        for row in newest.values():
            row[flag] = row.get("deleted_at") is None
    return result


def _age(table: Table, row: Row) -> tuple[Any, ...]:
    return (versions(table, row), key_of(table, row))


def same(left: list[Row], right: list[Row]) -> bool:
    """Equality where NaN equals NaN and -0.0 is not 0.0."""
    return [[order_of(value) for value in row.values()] for row in left] == [
        [order_of(value) for value in row.values()] for row in right
    ]


TABLES = [ORDERS, QUOTES, WIDE, TEXTS, MONEY, SINGLE, CROSSED]


def merges_as_a_dictionary(table: Table, data: st.DataObject) -> None:
    """Merge drawn rows in drawn batches, some of them again; each step, and the end, is what a dictionary gives."""
    layout = Layout.of(table)
    rows = data.draw(st.lists(a_row(table), max_size=14))
    arrivals = rows + data.draw(st.lists(st.sampled_from(rows), max_size=6)) if rows else []
    data.draw(st.randoms(use_true_random=False)).shuffle(arrivals)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arrivals)), max_size=4)))
    current = None
    for first, last in zip([0, *cuts], [*cuts, len(arrivals)], strict=True):
        before = current
        merged = merge(current, rows_of(table, arrivals[first:last]), layout)
        current = merged.table
        old, new = before.to_pylist() if before is not None else [], current.to_pylist()
        assert merged.changed == (not same(old, new))
        assert merged.inserted == current.num_rows - (before.num_rows if before is not None else 0)
        again = merge(current, rows_of(table, arrivals[:last]), layout)
        assert not again.changed
        assert again.table is current
    assert current is not None
    assert current.schema.equals(layout.schema)
    expected = model(table, arrivals)
    assert same(current.to_pylist(), [{name: row[name] for name in layout.schema.names} for row in expected])
