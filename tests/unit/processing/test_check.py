"""The contract's rules on shaped rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from tests.support.tables import column, fact

from core.contract.model import Check, Column, Partition
from core.warehouse.arrow_types import arrow_type
from processing.check import broken_rules

NOW = dt.datetime(2026, 11, 20, 14, 30, 15, tzinfo=dt.UTC)


def broken(columns: list[Column], rows: list[dict[str, Any]], **table: Any) -> dict[int, str]:
    schema = pa.schema([pa.field(one.name, arrow_type(one.type)) for one in columns])
    given = pa.Table.from_pylist(rows, schema=schema)
    return dict(broken_rules(fact("fact", table.pop("key", []), columns, **table), given, now=NOW))


@pytest.mark.parametrize(
    ("operator", "literal", "good", "bad"),
    [
        (">", "0", "0.01", "0.00"),
        (">=", "0.10", "0.10", "0.09"),
        ("<", "1", "0.99", "1.00"),
        ("<=", "1", "1.00", "1.01"),
        ("=", "1", "1.00", "1.01"),
        ("!=", "1", "1.01", "1.00"),
    ],
)
def test_a_check_compares_exactly_and_null_breaks_none(operator: Any, literal: str, good: str, bad: str) -> None:
    price = column("price", "decimal(10,2)", check=Check(operator, literal))
    found = broken([price], [{"price": Decimal(good)}, {"price": Decimal(bad)}, {"price": None}])
    assert found == {1: f"price: {bad} breaks check {operator} {literal}"}


@pytest.mark.parametrize(
    ("kind", "literal", "bad"),
    [
        ("int", "5", 5),
        ("date", "2026-01-01", dt.date(2026, 1, 1)),
        ("string", "m", "a"),
        ("timestamp", "2026-01-01T00:00:00", dt.datetime(2026, 1, 1)),  # noqa: DTZ001
        ("double", "0.5", 0.5),
    ],
)
def test_a_literal_is_read_as_the_columns_type(kind: str, literal: str, bad: Any) -> None:
    found = broken([column("value", kind, check=Check(">", literal))], [{"value": bad}])
    assert list(found) == [0]


def test_a_value_that_is_not_listed_breaks_one_of_and_null_does_not() -> None:
    found = broken([column("kind", "string", one_of=("a", "b"))], [{"kind": one} for one in ("a", "c", None)])
    assert found == {1: "kind: c breaks one_of a, b"}


def test_keys_and_required_columns_may_not_be_null() -> None:
    columns = [column("id", "int"), column("name", "string", required=True), column("note", "string")]
    rows = [{"id": None, "name": "x"}, {"id": 1, "name": None}, {"id": 2, "name": "x"}]
    assert broken(columns, rows, key=["id"]) == {0: "id: null breaks required", 1: "name: null breaks required"}


@pytest.mark.parametrize(
    ("unit", "last_good", "first_bad"),
    [
        ("hour", "2026-11-20T15:59:59.999999", "2026-11-20T16:00:00"),
        ("day", "2026-11-21T23:59:59.999999", "2026-11-22T00:00:00"),
        ("month", "2026-12-31T23:59:59.999999", "2027-01-01T00:00:00"),
        ("year", "2027-12-31T23:59:59.999999", "2028-01-01T00:00:00"),
    ],
)
def test_a_row_lies_at_most_one_partition_ahead_of_now_and_none_before_since(
    unit: Any, last_good: str, first_bad: str
) -> None:
    rows = [
        {"at": dt.datetime.fromisoformat(one)} for one in (last_good, first_bad, "2024-12-31T23:59:59", "2025-01-01")
    ]
    found = broken([column("at", "timestamp")], rows, partition_by=(Partition(unit, "at", unit),), since="2025-01-01")
    assert sorted(found) == [1, 2]
    assert "future" in found[1]
    assert "since 2025-01-01" in found[2]


def test_values_that_no_path_can_hold_are_refused() -> None:
    parts = (Partition("symbol", "symbol", "value", values=("A", "a/b")),)
    rows = [{"symbol": one} for one in ("A", "B", "a/b", None)]
    assert sorted(broken([column("symbol", "string")], rows, partition_by=parts)) == [1, 2, 3]


def test_a_reason_tells_no_more_of_a_value_and_of_a_rule_than_is_needed_to_recognise_them() -> None:
    entities = tuple(f"SYMBOL{number}" for number in range(10_000))
    (reason,) = broken([column("symbol", "string", one_of=entities)], [{"symbol": "x" * 3_000_000}]).values()
    assert reason.startswith("symbol: xxx")
    assert "(3000000 characters) breaks one_of SYMBOL0, SYMBOL1, " in reason
    assert len(reason) < 300
