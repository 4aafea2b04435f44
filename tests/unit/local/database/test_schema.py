"""Tables of the sales source."""

from __future__ import annotations

import pytest
from tests.support.lake import shipped_contracts

from core.contract.model import Database
from local.database.schema import TABLES, key_of


def test_the_contract_knows_every_table_by_its_key() -> None:
    source = shipped_contracts().dataset("sales").source
    assert isinstance(source, Database)
    assert {table.name: table.key for table in source.tables} == {table: (key_of(table),) for table in TABLES}


def test_a_table_that_is_not_there_has_no_key() -> None:
    with pytest.raises(KeyError):
        key_of("invoice")
