"""Contracts and secrets of a stack, without starting one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from core.contract.model import Database as DatabaseSource
from core.errors import OutOfReach
from deploy.folders import ROOT
from local.database import Database, Role
from local.provisioning import Plan, contracts_of
from local.stack import Stack, down
from local.stand_ins import database_secret


def test_canaries_belong_to_a_stack_only_where_the_plan_has_them() -> None:
    def canaries(plan: Plan) -> set[str]:
        contracts = contracts_of(ROOT / "contracts", plan)
        return {contract.dataset for contract in contracts if contract.source and contract.source.canary}

    assert canaries(Plan()) == set()
    assert canaries(Plan(canaries=True))


def test_databases_settle_as_soon_as_the_plan_says() -> None:
    source = contracts_of(ROOT / "contracts", Plan(settle=7)).dataset("sales").source
    assert isinstance(source, DatabaseSource)
    assert source.settle == 7


def test_the_extractors_secret_is_of_the_role_that_only_reads(tmp_path: Path) -> None:
    certificate = tmp_path / "server.crt"
    certificate.write_text("PEM")
    parts = {"host": "127.0.0.1", "port": 5432, "dbname": "totesys", "certificate": certificate}
    database = SimpleNamespace(**parts, owner=Role("owner", "o"), extractor=Role("reader", "r"))
    secret = database_secret(cast(Database, database))
    assert (secret["username"], secret["password"], secret["port"]) == ("reader", "r", "5432")
    assert (secret["sslmode"], secret["sslrootcert"]) == ("verify-full", "PEM")


def test_where_no_stack_runs_stopping_is_no_error_and_attaching_is(tmp_path: Path) -> None:
    down(tmp_path)
    with pytest.raises(OutOfReach):
        Stack.attach(tmp_path)


def test_what_no_stack_has_left_is_neither_removed_nor_built_upon(tmp_path: Path) -> None:
    other = tmp_path / "local" / "bin" / "tool"
    other.parent.mkdir(parents=True)
    other.write_text("of another program")
    assert down(tmp_path) == 0
    with pytest.raises(OutOfReach, match="no stack has left"):
        Stack.up(tmp_path, Plan())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]
