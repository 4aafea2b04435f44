"""Resolving a written contract: defaults, references and calls become values of the model."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.support.contracts import GOOD, changed

from core.authoring.declare import ContractShape
from core.authoring.problems import Problems
from core.authoring.resolve import resolve
from core.contract.model import Check, Contract, Database, Joined, Latest, Partition, Surrogate, Take

FACT = "warehouse/fact_sale"


def resolved(contract: dict[str, Any]) -> tuple[Contract, list[str]]:
    problems = Problems("shop.yaml")
    result = resolve(ContractShape.model_validate(contract), problems)
    return result, [str(problem) for problem in problems.items]


def test_defaults_are_filled_in_and_rules_are_values() -> None:
    contract, problems = resolved(GOOD)
    assert problems == []
    assert isinstance(contract.source, Database)
    assert (contract.source.timezone, contract.source.settle, contract.source.margin) == ("UTC", 600, 5)
    fact = contract.tables[0]
    assert fact.column("sale_record_id").rule == Surrogate(("sale_id", "changed_at"))
    assert fact.column("sale_id").rule == Take("sale_id")
    assert fact.column("price").check == Check(">", "0")
    assert fact.column("is_latest").rule == Latest()
    assert fact.partition_by == (Partition("month", "created_at", "month"),)


def test_a_source_table_has_the_fields_that_repairs_add() -> None:
    sale = resolved(GOOD)[0].source_table("sale")
    assert [field.name for field in sale.fields if field.added] == ["deleted_at", "checked_at"]
    assert not any(field.required for field in sale.fields if field.added)
    assert not sale.field("note").required


def test_a_name_with_a_point_is_a_field_of_a_joined_table() -> None:
    contract = changed("warehouse/dim_person/columns/seller", {"type": "int", "from": "sale.person_id"})
    assert "'sale' is no joined table" in resolved(contract)[1][0]
    joined = copy.deepcopy(contract)
    joined["warehouse"]["dim_person"]["join"] = {"sale": "person_id"}
    result, problems = resolved(joined)
    assert problems == []
    assert result.tables[1].column("seller").rule == Joined("sale", "person_id")


@pytest.mark.parametrize(
    ("part", "resolved_part"),
    [
        ("bucket(sale_id, 8)", Partition("sale_id_bucket", "sale_id", "bucket", buckets=8)),
        ("day(created_at)", Partition("day", "created_at", "day")),
    ],
)
def test_a_partition_is_a_call(part: str, resolved_part: Partition) -> None:
    assert resolved(changed(f"{FACT}/partition_by", part))[0].tables[0].partition_by == (resolved_part,)


def test_a_form_that_no_origin_has_is_refused() -> None:
    contract = changed(f"{FACT}/columns/sale_record_id/as", "date")
    assert "as: date needs one field to take from" in resolved(contract)[1][0]
