"""Columns that no value could keep to are refused before a value comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.contracts import changed, problems_of

from core.authoring.column_rules import broken_rule, is_longer
from core.contract.model import Check, Column, Take
from core.contract.types import parse_type

PRICE = "warehouse/fact_sale/columns/price"
NOTE = "warehouse/fact_sale/columns/note"


def messages_of(folder: Path, path: str, value: Any) -> list[str]:
    return [str(problem).removeprefix("shop.yaml: ") for problem in problems_of(folder, changed(path, value))]


@pytest.mark.parametrize(
    ("kind", "check", "message"),
    [
        ("decimal(10,2)", "> 0.001", "0.001 has 3 decimal places, a decimal(10,2) 2"),
        ("decimal(10,2)", "> abc", "'abc' is no decimal(10,2)"),
        ("decimal(10,2)", "< 999999999", "999999999 is beyond every decimal(10,2)"),
        ("int", "> 0.5", "'0.5' is no int"),
        ("int", "> abc", "'abc' is no int"),
        ("int", "< 3000000000", "3000000000 is beyond every int"),
        ("bigint", "> 1e3", "'1e3' is no bigint"),
        ("boolean", "= yes", "'yes' is no boolean"),
        ("boolean", "> true", "booleans have no >"),
        ("date", "> 2026-02-30", "'2026-02-30' is no date"),
        ("timestamp", "> 2026-01-01T00:00:00Z", "Write it like 2026-11-20T14:30:00 (UTC"),
        ("double", "> inf", "'inf' is no number"),
    ],
)
def test_a_check_has_a_literal_of_its_columns_type(tmp_path: Path, kind: str, check: str, message: str) -> None:
    contract = changed("source/tables/sale/columns/extra", kind)
    contract = changed("warehouse/fact_sale/columns/extra", {"type": kind, "check": check}, contract=contract)
    (problem,) = problems_of(tmp_path, contract)
    assert problem.path == "warehouse.fact_sale.columns.extra.check"
    assert message in str(problem)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("decimal(10,2)", "> 0.01"), ("int", ">= -5"), ("bigint", "< 3000000000"), ("boolean", "= true"),
        ("date", "> 2026-01-01"), ("timestamp", ">= 2026-01-01"), ("timestamp", "< 2026-01-01T10:00:00.5"),
        ("double", "!= 1e3"), ("string", "> a"), ("json", '= "a"'),
    ],
)  # fmt: skip
def test_a_literal_of_the_type_is_accepted(tmp_path: Path, kind: str, check: str) -> None:
    contract = changed("source/tables/sale/columns/extra", kind)
    contract = changed("warehouse/fact_sale/columns/extra", {"type": kind, "check": check}, contract=contract)
    assert problems_of(tmp_path, contract) == []


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"type": "decimal(10,2)", "one_of": ["1.5"]}, "one_of: '1.5' is printed as '1.50'. Write \"1.50\""),
        ({"type": "decimal(10,2)", "one_of": ["a"]}, "one_of: 'a' is no decimal(10,2)"),
        ({"type": "decimal(10,2)", "one_of": ["1.50", "1.50"]}, "one_of: lists a value twice"),
        ({"type": "decimal(10,2)", "one_of": ["1.50"], "check": "> 2"}, "one_of: '1.50' breaks check > 2"),
        ({"type": "decimal(10,2)", "rank": ["1.50"]}, "rank: ranks are of texts, this is decimal(10,2)"),
        ({"type": "decimal(10,2)", "aggregate": "first(price)"}, "price: a fact has no column that is aggregated"),
        ({"type": "decimal(10,2)", "from": {"live": "price", "history": "price"}}, "column that is take by kind"),
        ({"type": "string", "surrogate": ["price"]}, "price.surrogate: 'price' is no column of this table"),
        ({"type": "bigint", "surrogate": ["sale_record_id"]}, "'sale_record_id' is no column of this"),
        ({"type": "bigint", "surrogate": ["is_latest"]}, "'is_latest' is no column of this"),
        ({"type": "date", "surrogate": ["sale_id"], "as": "date"}, "price.as: as: date needs one field to take from"),
    ],
)  # fmt: skip
def test_a_column_that_no_row_can_have_is_refused(tmp_path: Path, column: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in messages_of(tmp_path, PRICE, column))


def test_a_lookup_gives_the_columns_type_and_is_found_by_a_field(tmp_path: Path) -> None:
    (tmp_path / "lookups").mkdir()
    (tmp_path / "lookups" / "codes.csv").write_text("code,level\nA,1\nB,x\n")

    def column(kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "lookup": {"table": "codes", "by": "note", "column": "level"}} | more

    assert messages_of(tmp_path, NOTE, column("string")) == []
    assert "lookups/codes.csv: 'x' is no int" in messages_of(tmp_path, NOTE, column("int"))[0]
    assert "'x' breaks one_of 1" in messages_of(tmp_path, NOTE, column("string", one_of=["1"]))[0]
    lost = column("string") | {"lookup": {"table": "codes", "by": "nte", "column": "level"}}
    assert "lookup.by: 'nte' is no column of sale. Did you mean 'note'?" in messages_of(tmp_path, NOTE, lost)[0]


def test_a_looked_up_field_holds_what_the_file_lists_and_makes_no_key(tmp_path: Path) -> None:
    (tmp_path / "lookups").mkdir()
    (tmp_path / "lookups" / "codes.csv").write_text("code,level\n01,1\n2,2\n")

    def column(by: str) -> dict[str, Any]:
        return {"type": "string", "lookup": {"table": "codes", "by": by, "column": "level"}}

    assert "lookups/codes.csv: '01' is printed as '1'" in messages_of(tmp_path, NOTE, column("person_id"))[0]
    assert "'01' is no timestamp" in messages_of(tmp_path, NOTE, column("changed_at"))[0]
    contract = changed(NOTE, column("note"))
    contract["warehouse"]["fact_sale"]["key"] = ["sale_id", "changed_at", "note"]
    assert "null where a value is not listed, and a key never is" in str(problems_of(tmp_path, contract)[0])


def test_the_rule_that_a_value_breaks_is_named() -> None:
    column = Column("x", parse_type("int"), Take("x"), check=Check(">", "9"), one_of=("10", "8"))
    assert broken_rule(column, "10") == ""
    assert broken_rule(column, "8") == "check > 9"
    assert broken_rule(column, "11") == "one_of 10, 8"


@pytest.mark.parametrize(
    ("short", "long", "longer"),
    [
        ("int", "bigint", True),
        ("bigint", "int", False),
        ("decimal(10,2)", "decimal(12,2)", True),
        ("decimal(10,2)", "decimal(12,6)", False),
        ("string", "date", False),
    ],
)
def test_a_type_is_longer_where_it_holds_every_value_of_the_other(short: str, long: str, longer: bool) -> None:
    assert is_longer(parse_type(short), parse_type(long)) is longer
