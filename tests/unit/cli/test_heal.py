"""Healing through the deployed state machine."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

pytestmark = pytest.mark.usefixtures("dev")


def test_a_deployment_without_an_auditor_says_so(account: Account, starmend: Command) -> None:
    said = starmend("heal", "--dataset", "quotes")
    assert (said.code, "has no auditor" in said.err) == (3, True)
