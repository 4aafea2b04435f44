"""Healing through the deployed state machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import REPOSITORY, Account

pytestmark = pytest.mark.usefixtures("dev")


def test_a_deployment_without_an_auditor_says_so(account: Account, starmend: Command) -> None:
    said = starmend("heal", "--dataset", "quotes")
    assert (said.code, "has no auditor" in said.err) == (3, True)


@pytest.mark.usefixtures("account")
def test_nothing_is_healed_by_another_contract_than_the_one_in_this_folder(tmp_path: Path, starmend: Command) -> None:
    shutil.copytree(REPOSITORY / "contracts", tmp_path / "contracts")
    assert starmend("heal", "--dataset", "quotes").code == 3, "nobody is there to heal, but the contract is the same"
    file = tmp_path / "contracts/quotes.yaml"
    file.write_text(file.read_text().replace("settle: 3 minutes", "settle: 4 minutes"))
    said = starmend("heal", "--dataset", "quotes")
    assert (said.code, "heal: quotes in dev" in said.err) == (2, True), said.err
    assert starmend("heal", "--dataset", "quotes", "--as-deployed").code == 3
