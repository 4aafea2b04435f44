"""Queries from the terminal, with Athena's answer given."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from aws.athena import Athena

pytestmark = pytest.mark.usefixtures("dev", "account")


def test_an_answer_keeps_decimals_exact_and_nulls_apart(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"price": [Decimal("0.10"), None], "n": pd.array([1, None], dtype="Int64")})
    monkeypatch.setattr(Athena, "query", lambda _self, _sql: frame)
    said = starmend("query", "select price, n from fact_quote", "--json")
    assert said.data == [{"price": "0.10", "n": 1}, {"price": None, "n": None}]
    assert "2 rows" in starmend("query", "select price, n from fact_quote").out


def test_the_fixture_is_a_deployment(account: Account) -> None:
    assert account.deployment.athena.workgroup == "starmend-dev"
