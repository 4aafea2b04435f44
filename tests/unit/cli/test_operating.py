"""Names that an operator mistypes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.commands import Command
from tests.support.lake import shipped_contracts
from tests.unit.cli.conftest import Account

from cli.operating import check_compared
from core.errors import UnknownTable

pytestmark = pytest.mark.usefixtures("dev")


def test_a_dataset_or_table_that_no_contract_names_is_refused_with_the_nearest(
    account: Account, starmend: Command
) -> None:
    for given, meant in (
        (("quarantine", "list", "--dataset", "sale"), "'sales'"),
        (("quarantine", "retry", "--dataset", "sales", "--table", "staf"), "'staff'"),
        (("rebuild", "dim_currncy"), "'dim_currency'"),
        (("rollback", "fact_quotes", "--to-version", "1"), "'fact_quote'"),
        (("vacuum", "dim_dat"), "'dim_date'"),
    ):
        said = starmend(*given)
        assert (said.code, meant in said.err) == (2, True), said
        assert len(said.err.strip().splitlines()) == 1


def test_a_table_of_which_the_warehouse_takes_nothing_is_not_called_audited() -> None:
    contracts = shipped_contracts()
    check_compared(contracts, "sales", "sales_order")
    check_compared(contracts, "sales", "department")
    check_compared(contracts, "quotes", "quotes")
    check_compared(contracts, "", "")
    sales = contracts.dataset("sales")
    alone = replace(sales, tables=tuple(table for table in sales.tables if table.source != "sales_order"))
    with pytest.raises(UnknownTable, match="compared with nothing"):
        check_compared(replace(contracts, contracts=(alone,)), "sales", "sales_order")
