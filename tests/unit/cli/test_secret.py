"""Secrets filled on a simulated account."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import pytest
from tests.support.certificates import self_signed
from tests.support.commands import Command
from tests.support.extraction import scratch_database
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
    assert (unknown.code, "Use one of: " in unknown.err) == (2, True)


LOGIN = {"host": "db.internal", "dbname": "totesys", "username": "reader", "password": "very-private"}


def test_a_databases_value_is_checked_first_and_takes_its_authorities_from_a_file(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manager = account.client_of("secretsmanager")
    manager.create_secret(Name="starmend/dev/sales-db")
    certificate, _ = self_signed(tmp_path, until=dt.datetime(2115, 1, 1, tzinfo=dt.UTC))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(LOGIN)))
    said = starmend("secret", "set", "sales-db", "--sslrootcert", str(certificate))
    assert (said.code, "verify-full" in said.err, "very-private" in said.out + said.err) == (0, True, False)
    stored = json.loads(manager.get_secret_value(SecretId="starmend/dev/sales-db")["SecretString"])
    assert stored == LOGIN | {"sslrootcert": certificate.read_text()}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (json.dumps({**LOGIN, "host": ""}), "lacks host"),
        (json.dumps({**LOGIN, "sslmode": "prefer"}), "sslmode is none of"),
        (json.dumps({**LOGIN, "sslrootcert": "none"}), "sslrootcert is no PEM certificate"),
        ("very-private", "is no JSON"),
    ],
)
def test_a_databases_value_that_nobody_could_connect_with_is_not_stored(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    manager = account.client_of("secretsmanager")
    manager.create_secret(Name="starmend/dev/sales-db")
    monkeypatch.setattr("sys.stdin", io.StringIO(value))
    said = starmend("secret", "set", "sales-db")
    assert said.code == 2
    assert problem in said.err.replace("\n", " ")
    assert "very-private" not in said.err
    with pytest.raises(manager.exceptions.ResourceNotFoundException):
        manager.get_secret_value(SecretId="starmend/dev/sales-db")


@pytest.mark.database
def test_a_databases_value_is_tried_and_one_that_its_server_refuses_is_stored_on_demand_only(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = account.client_of("secretsmanager")
    manager.create_secret(Name="starmend/dev/sales-db")
    with scratch_database() as database:
        monkeypatch.setattr("sys.stdin", io.StringIO(database.secret(password="very-wrong")))
        refused = starmend("secret", "set", "sales-db")
        assert (refused.code, "--untried" in refused.err, "very-wrong" in refused.err) == (2, True, False)
        monkeypatch.setattr("sys.stdin", io.StringIO(database.secret(password="very-wrong")))
        assert starmend("secret", "set", "sales-db", "--untried").code == 0
        monkeypatch.setattr("sys.stdin", io.StringIO(database.secret()))
        said = starmend("secret", "set", "sales-db")
        assert (said.code, "PostgreSQL" in said.err, "sees other roles' transactions" in said.err) == (0, True, True)
        stored = manager.get_secret_value(SecretId="starmend/dev/sales-db")["SecretString"]
        assert json.loads(stored)["dbname"] == database.dbname
