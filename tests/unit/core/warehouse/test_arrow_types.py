"""Types of a contract as Arrow's."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tests.support.lake import shipped_contracts

from core.contract.types import PLAIN_TYPES, parse_type
from core.warehouse.arrow_types import arrow_type, line_schema, stored_schema


@pytest.mark.parametrize("kind", PLAIN_TYPES)
def test_every_type_has_an_arrow_type(kind: str) -> None:
    assert isinstance(arrow_type(parse_type(kind)), pa.DataType)


def test_decimals_are_exact_and_timestamps_are_microseconds_without_a_zone() -> None:
    assert arrow_type(parse_type("decimal(18,6)")) == pa.decimal128(18, 6)
    assert arrow_type(parse_type("timestamp")) == pa.timestamp("us")


def test_a_key_is_never_null_and_what_lies_in_the_path_is_not_stored() -> None:
    schema = stored_schema(shipped_contracts().table("fact_quote"))
    assert "symbol" not in schema.names
    assert not schema.field("minute").nullable
    assert schema.field("price").nullable


def test_a_line_may_lack_what_the_contract_does_not_require() -> None:
    schema = line_schema(shipped_contracts().dataset("sales").source_table("address"))
    assert not schema.field("city").nullable
    assert schema.field("district").nullable
    assert schema.field("checked_at").nullable
