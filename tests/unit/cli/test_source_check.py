"""``starmend contract check --live`` with a real database behind the deployment's secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.support.commands import Command
from tests.support.extraction import scratch_database
from tests.unit.cli.conftest import Account

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("dev")]
CONTRACT = {
    "dataset": "library",
    "source": {
        "kind": "database",
        "engine": "postgresql",
        "secret": "library-db",
        "every": "5 minutes",
        "tables": {
            "loan": {
                "key": "loan_id",
                "created_at": "lent_at",
                "changed_at": "changed_at",
                "columns": {"loan_id": "bigint", "title": "string", "lent_at": "timestamp", "changed_at": "timestamp"},
            }
        },
    },
    "warehouse": {
        "fact_loan": {
            "kind": "fact",
            "from": "loan",
            "grain": "one row per version of a loan",
            "key": ["loan_id", "changed_at"],
            "version": ["changed_at", "checked_at"],
            "history_of": ["loan_id"],
            "partition_by": "month(lent_at)",
            "since": "2026-01-01",
            "columns": {
                "loan_id": {"type": "bigint", "from": "loan_id"},
                "title": {"type": "string", "from": "title"},
                "lent_at": {"type": "timestamp", "from": "lent_at", "immutable": True},
                "changed_at": {"type": "timestamp", "from": "changed_at"},
                "deleted_at": "timestamp",
                "checked_at": "timestamp",
            },
        }
    },
}
LOAN = [
    "CREATE TABLE loan (loan_id bigint PRIMARY KEY, title text NOT NULL, shelf text, lent_at timestamptz NOT NULL, "
    "changed_at timestamptz NOT NULL)",
    "INSERT INTO loan SELECT n, 'a', 'b', now(), now() FROM generate_series(1, 12) AS n",
]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    folder = tmp_path / "promises"
    folder.mkdir()
    (folder / "library.yaml").write_text(yaml.safe_dump(CONTRACT))
    return str(folder)


def fill(account: Account, value: str) -> None:
    account.client_of("secretsmanager").create_secret(Name="starmend/dev/library-db", SecretString=value)


def test_a_database_that_holds_the_promise_is_fine_with_its_rows_and_minutes(
    account: Account, starmend: Command, folder: str
) -> None:
    with scratch_database(*LOAN) as database:
        fill(account, database.secret())
        said = starmend("contract", "check", "--live", "--contracts", folder, "--json")
        assert said.code == 0
        (library,) = said.data["databases"]
        (loan,) = library["inspection"]["tables"]
        assert (library["fine"], loan["relation"], loan["rows"]) == (True, "public.loan", 12)
        assert 0 < loan["first_load_minutes"] < 1
        assert library["inspection"]["server"]["database"] == database.dbname
        assert "shelf" in " ".join(problem["problem"] for problem in loan["problems"])


def test_a_promise_that_the_database_breaks_is_exit_1_with_place_and_remedy(
    account: Account, starmend: Command, folder: str
) -> None:
    with scratch_database(*LOAN, "ALTER TABLE loan ALTER title TYPE int USING 1, DROP lent_at") as database:
        fill(account, database.secret())
        said = starmend("contract", "check", "--live", "--contracts", folder)
        assert said.code == 1
        assert "broken library: loan.lent_at: there is no such column; it has shelf" in said.out
        assert "Take it out of the contract" in said.out


def test_a_database_that_cannot_be_asked_is_exit_1_and_named_once(
    account: Account, starmend: Command, folder: str
) -> None:
    with scratch_database(*LOAN) as database:
        fill(account, database.secret(password="wrong"))
        said = starmend("contract", "check", "--live", "--contracts", folder)
        assert (said.code, said.out.count("password authentication failed")) == (1, 1)
        assert "Look at the secret" in said.out
