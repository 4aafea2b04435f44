"""No float touches money between a source's digits and the warehouse."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.lake import MemoryLake, line_of, order, shipped_contracts

SRC = Path(__file__).parents[3] / "src"
# Where a contract's own `double` columns need one.
DOUBLES = {
    "core/audit/fingerprint.py",
    "core/audit/key_values.py",
    "core/contract/literals.py",
    "core/warehouse/arrow_types.py",
    "core/warehouse/order.py",
    "core/warehouse/canonical_rows.py",
}


def floats(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        named = isinstance(node, ast.Attribute) and node.attr in ("float16", "float32", "float64", "to_pandas")
        if called or named:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    "path",
    sorted(path for room in ("processing", "core") for path in (SRC / room).rglob("*.py")),
    ids=lambda path: str(path.relative_to(SRC)),
)
def test_no_code_between_line_and_table_makes_a_float(path: Path) -> None:
    if str(path.relative_to(SRC)) not in DOUBLES:
        assert floats(path) == []


def test_amounts_that_a_float_would_spoil_arrive_to_the_cent() -> None:
    # 0.1 + 0.2 is not 0.3 as a float; the largest has as many digits as the column can hold
    amounts = [Decimal(number).scaleb(-2) for number in range(1, 3000, 7)] + [Decimal("99999999.99")] * 50
    lines = []
    for number, amount in enumerate(amounts, 1):
        lines.append(
            line_of(order(number, unit_price=0)).replace(b'"unit_price": 0', f'"unit_price": {amount}'.encode())
        )
    lake = MemoryLake(shipped_contracts())
    assert lake.process(lake.put_table("sales", "sales_order", 1, lines)) == {}
    found = [row["unit_price"] for row in lake.rows("fact_sales_order")]
    assert found == amounts
    assert sum(found) == sum(amounts)


def test_an_amount_that_would_have_to_be_rounded_is_rejected() -> None:
    lake = MemoryLake(shipped_contracts())
    key = lake.put_table("sales", "sales_order", 1, [order(1, unit_price=1.005), order(2, unit_price=1.5)])
    lake.process(key)
    assert [row["unit_price"] for row in lake.rows("fact_sales_order")] == [Decimal("1.50")]
    assert lake.quarantined(key)[0]["reason"] == "unit_price: 1.005 is no decimal(10,2)"
