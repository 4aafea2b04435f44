"""Commands that make rows again, in a folder whose contracts are or are not the deployed ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import REPOSITORY, Account
from tests.unit.cli.currencies import CURRENCY, currency

pytestmark = pytest.mark.usefixtures("dev")


@pytest.fixture
def contracts(account: Account, tmp_path: Path) -> Path:
    """The deployed contracts, as files in the folder in which commands are given; one object has come in."""
    account.put(CURRENCY.format(1), [currency(1)])
    shutil.copytree(REPOSITORY / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


GIVEN = [
    ("replay", "tables/sales/currency/"),
    ("replay", "tables/sales/currency/", "--queue"),
    ("rebuild", "dim_currency"),
    ("quarantine", "retry"),
]


def halt_one(account: Account) -> None:
    """An object that is halted, which ``quarantine retry`` would process again."""
    account.put(CURRENCY.format(2), [b"no json"] * 200)


@pytest.mark.parametrize("given", GIVEN, ids=" ".join)
def test_where_the_files_are_the_deployed_ones_it_is_done(
    given: tuple[str, ...], contracts: Path, starmend: Command
) -> None:
    (contracts / "sales.yaml").write_text("# a comment promises nothing\n" + (contracts / "sales.yaml").read_text())
    assert starmend(*given).code == 0


@pytest.mark.parametrize("given", GIVEN, ids=" ".join)
def test_where_they_say_something_else_nothing_is_done_unless_asked_for(
    given: tuple[str, ...], contracts: Path, account: Account, starmend: Command
) -> None:
    halt_one(account)
    starmend("replay", "tables/sales/currency/")
    file = contracts / "sales.yaml"
    changed = file.read_text().replace("every: 5 minutes", "every: 10 minutes")
    assert changed != file.read_text()
    file.write_text(changed)
    before = account.warehouse_keys("")
    said = starmend(*given)
    refusal = said.err.strip().splitlines()[-1]
    assert (said.code, said.err.count("error: ")) == (2, 1)
    assert "sales in dev" in refusal
    assert "starmend deploy apply --env dev" in refusal
    assert account.warehouse_keys("") == before
    assert starmend(*given, "--as-deployed").code in (0, 1)


def test_another_dataset_s_contract_does_not_matter(contracts: Path, starmend: Command) -> None:
    (contracts / "quotes.yaml").write_text(
        (contracts / "quotes.yaml").read_text().replace("settle: 3 minutes", "settle: 4 minutes")
    )
    assert starmend("rebuild", "dim_currency").code == 0


def test_a_contract_that_cannot_be_kept_or_is_not_there_is_another(contracts: Path, starmend: Command) -> None:
    (contracts / "quotes.yaml").write_text("dataset: quotes\nkey: 1\n")
    said = starmend("rebuild", "dim_currency")
    assert (said.code, "quotes.yaml cannot be kept" in said.err) == (2, True)
    for file in contracts.glob("*.yaml"):
        if file.stem != "quotes":
            file.unlink()
    shutil.copy(REPOSITORY / "contracts/quotes.yaml", contracts)
    said = starmend("rebuild", "dim_currency")
    assert (said.code, "its contract is not in contracts/" in said.err) == (2, True)
