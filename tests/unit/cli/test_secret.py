"""Secrets filled on a simulated account."""

from __future__ import annotations

import io

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

pytestmark = pytest.mark.usefixtures("dev")


def test_a_value_from_standard_input_is_stored_and_never_printed(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = account.client_of("secretsmanager")
    manager.create_secret(Name="starmend/dev/finnhub-token")
    monkeypatch.setattr("sys.stdin", io.StringIO("very-private\n"))
    said = starmend("secret", "set", "finnhub-token")
    assert (said.code, "very-private" in said.out + said.err) == (0, False)
    assert manager.get_secret_value(SecretId="starmend/dev/finnhub-token")["SecretString"] == "very-private"


def test_an_empty_value_and_a_name_that_no_contract_has_are_refused(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "the value is empty" in starmend("secret", "set", "finnhub-token").err
    unknown = starmend("secret", "set", "finhub-token")
    assert (unknown.code, "Use one of: " in unknown.err) == (3, True)
