"""Status of every table, on a simulated account with Athena's answer given."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency

from aws.athena import Athena

pytestmark = pytest.mark.usefixtures("dev")


def test_a_table_has_its_objects_ids_and_rows_and_the_database_is_left_out_where_it_cannot_be_reached(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    held = pd.DataFrame({"source": ["sales_order"], "n_rows": [7], "newest": ["2026-11-20 10:00:00.000 UTC"]})
    monkeypatch.setattr(Athena, "query", lambda _self, _sql: held)
    said = starmend("status", "--json")
    rows = {(row["dataset"], row["table"]): row for row in said.data}
    assert rows["sales", "currency"]["objects"] == 1
    assert rows["sales", "currency"]["last_id"] == 0
    assert rows["sales", "sales_order"]["warehouse_rows"] == 7
    assert rows["sales", "sales_order"]["newest_row"] == "2026-11-20T10:00:00+00:00"
    assert "source rows are not shown" in said.err
