"""Rules between the parts of a contract: what one part says of another can be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.contracts import GOOD, changed, problems_of

FACT, PERSON = "warehouse/fact_sale", "warehouse/dim_person"


def messages_of(folder: Path, contract: dict[str, Any]) -> list[str]:
    return [str(problem).removeprefix("shop.yaml: ") for problem in problems_of(folder, contract)]


def joined(kind: str) -> dict[str, Any]:
    """A dimension of sales that looks their persons up, by a field of some type."""
    contract = changed("source/tables/sale/columns/buyer", kind)
    columns = {"sale_id": "int", "name": {"type": "string", "from": "person.name"}}
    table = {"kind": "dimension", "from": "sale", "key": "sale_id", "join": {"person": "buyer"}, "columns": columns}
    return changed("warehouse/dim_buyer", table, contract=contract)


def test_a_join_compares_values_of_one_type(tmp_path: Path) -> None:
    assert messages_of(tmp_path, joined("int")) == []
    for kind in ("string", "bigint", "date", "boolean"):
        (problem,) = messages_of(tmp_path, joined(kind))
        assert problem.startswith(f"warehouse.dim_buyer.join.person: 'buyer' is {kind}, the key of person is int")


def test_a_joined_column_is_no_key(tmp_path: Path) -> None:
    contract = joined("int")
    contract["warehouse"]["dim_buyer"]["key"] = "name"
    assert "a joined column may be null, and a key never is" in messages_of(tmp_path, contract)[0]


def test_a_reference_compares_values_of_one_type(tmp_path: Path) -> None:
    contract = changed(f"{FACT}/columns/person_id", {"type": "int", "references": "dim_person.name"})
    assert "'name' is string, this is int" in messages_of(tmp_path, contract)[0]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{FACT}/key", ["sale_id", "sale_id"], "key: ['sale_id', 'sale_id'] names a column twice"),
        (f"{FACT}/version", ["is_latest"], "'is_latest' is no column of this table"),
        (f"{FACT}/since", "2040-01-01", "since: 2040-01-01 has not come yet"),
        ("source/tables/sale/columns/sale_id", "int?", "columns.sale_id: a key is never null. Write int, without ?"),
        ("source/tables/sale/columns/sale_id", "json", "columns.sale_id: a document is no key: no row is asked for by"),
        ("source/tables/sale/key", ["sale_id", "sale_id"], "names a column twice"),
        ("source/tables/sale/columns/starmend_deleted_at", "timestamp", "names that begin with 'starmend_'"),
        ("source/tables/sale/columns/code", {"type": "string", "was": "sale_id"}, "'sale_id' is another field's name"),
        ("source/tables/sale/columns/code", {"type": "string", "was": ["a", "a"]}, "'a' is another field's name, or"),
        ("source/tables/sale/columns/code", {"type": "string", "was": "starmend_x"}, "names that begin with"),
        (f"{FACT}/columns/price", {"type": "decimal(10,2)", "was": "cost"}, "former names are those of one field"),
        (f"{FACT}/columns/checked_at", {"type": "timestamp", "required": True}, "null in every row that was not"),
        ("warehouse/dim_date", {"kind": "calendar", "from": "2026-01-02", "to": "2026-01-01"}, "is before 2026-01-02"),
    ],
)  # fmt: skip
def test_what_fails_every_row_is_refused(tmp_path: Path, path: str, value: Any, message: str) -> None:
    assert any(message in problem for problem in messages_of(tmp_path, changed(path, value)))


def test_a_source_table_is_not_called_as_the_entities_of_feeds(tmp_path: Path) -> None:
    contract = changed(f"{PERSON}/from", "entities")
    contract["source"]["tables"]["entities"] = contract["source"]["tables"].pop("person")
    assert "'entities' is the word for a feed's entities" in messages_of(tmp_path, contract)[0]


def test_large_partitions_are_warned_of_with_a_remedy_that_yaml_does_not_cut(tmp_path: Path) -> None:
    from tests.support.feeds import ROOT

    text = (ROOT / "contracts/quotes.yaml").read_text().replace("[symbol, month(minute)]", "year(minute)")
    (tmp_path / "quotes.yaml").write_text(text)
    (warning,) = [problem for problem in problems_of(tmp_path) if problem.warning]
    assert '["bucket(symbol, 64)", "day(minute)"], in quotes' in warning.remedy


def test_an_unknown_member_needs_a_dimensions_key_and_a_view_that_shows_it(tmp_path: Path) -> None:
    def told(**reference: str) -> list[str]:
        written = {"type": "int", "references": {"on": "dim_person.person_id", "missing": "unknown", **reference}}
        return messages_of(tmp_path, changed(f"{FACT}/columns/person_id", written, contract=shown))

    shown = GOOD
    assert told() == []
    problem, *_ = told(on="dim_person.name")
    assert "no key of a dimension of source rows" in problem
    shown = changed(f"{FACT}/history_of", ...)
    (problem,) = told()
    assert "no view that shows it. Say missing: allow" in problem
    assert told(missing="allow") == []
