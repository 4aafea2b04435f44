"""Names that an operator mistypes."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

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
