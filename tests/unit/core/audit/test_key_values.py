"""Keys have one form, whoever shows them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.support.extraction import source_table

from core.audit.key_values import canonical_keys, key_values

# type of the contract, values as lines, findings and people have them, the column of the warehouse, the one form
FORMS = [
    ("bigint", ["7", 7], pa.array([7]), 7),
    ("boolean", ["true", True], pa.array([True]), True),
    ("decimal(18,8)", ["0.00000001", "1e-8"], pa.array([Decimal("1E-8")], pa.decimal128(18, 8)), "0.00000001"),
    ("decimal(18,8)", ["0", 0, "-0.0"], pa.array([Decimal(0)], pa.decimal128(18, 8)), "0.00000000"),
    (
        "decimal(38,8)",
        ["1" * 30 + ".5"],
        pa.array([Decimal("1" * 30 + ".5")], pa.decimal128(38, 8)),
        "1" * 30 + ".50000000",
    ),
    ("decimal(10,2)", ["1.5", "1.50"], pa.array([Decimal("1.50")], pa.decimal128(10, 2)), "1.50"),
    ("double", ["1e+20", "100000000000000000000"], pa.array([1e20]), "1e+20"),
    ("double", ["-0", 0, "0.0"], pa.array([-0.0]), "0.0"),
    ("double", ["Infinity", float("inf"), "inf"], pa.array([float("inf")]), "Infinity"),
    ("double", ["NaN", "-NaN"], pa.array([-float("nan")]), "NaN"),
    ("date", ["2026-11-20", "2026-11-20T00:00:00"], pa.array([date(2026, 11, 20)]), "2026-11-20"),
    (
        "timestamp",
        ["2026-11-20T12:00:00", "2026-11-20 12:00:00.000000", "2026-11-20T13:00:00+01:00"],
        pa.array([datetime(2026, 11, 20, 12)], pa.timestamp("us")),  # noqa: DTZ001
        "2026-11-20 12:00:00.000000",
    ),
    ("string", ["ab  "], pa.array(["ab  "]), "ab  "),
]


@pytest.mark.parametrize(("kind", "shown", "column", "form"), FORMS)
def test_lines_findings_and_the_warehouse_name_a_row_alike(
    kind: str, shown: list[object], column: pa.Array, form: object
) -> None:
    table = source_table("thing", key=["k"], k=kind)
    assert key_values(column) == [form]
    assert canonical_keys(table, [[value] for value in shown]) == [(form,)] * len(shown)
    assert canonical_keys(table, [[form]]) == [(form,)]


def test_a_line_shows_the_sources_own_clock() -> None:
    table = source_table("thing", key=["k", "n"], k="timestamp", n="int")
    lines = [["2026-07-01T12:00:00", 1], ["2026-01-01T12:00:00", 2], ["2026-01-01T12:00:00+00:00", 3]]
    assert canonical_keys(table, lines, timezone="Europe/Berlin") == [
        ("2026-07-01 10:00:00.000000", 1), ("2026-01-01 11:00:00.000000", 2), ("2026-01-01 12:00:00.000000", 3)
    ]  # fmt: skip


def test_what_is_no_value_stays_as_it_is() -> None:
    table = source_table("thing", key=["a", "b"], a="int", b="decimal(10,2)")
    assert canonical_keys(table, [[None, "much"], ["x", None]]) == [(None, "much"), ("x", None)]
    assert canonical_keys(table, []) == []
