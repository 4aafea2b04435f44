"""The Iceberg mirror, given as an operator gives it, on a simulated account."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency

from core.contract.model import Contracts
from core.errors import TransientFailure
from mirror.certified import step

pytestmark = pytest.mark.usefixtures("dev")


def test_a_mirror_is_made_is_behind_and_catches_up(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    starmend("replay", "tables/sales/currency/")
    (before,) = starmend("mirror", "status", "dim_currency", "--json").data
    assert (before["version"], before["behind"], before["location"]) == (0, 1, "")
    made = starmend("mirror", "run", "dim_currency", "--json")
    assert (made.code, made.data) == (0, [{"table": "dim_currency", "version": 1, "changed": 1, "problem": ""}])
    (there,) = starmend("mirror", "status", "dim_currency", "--json").data
    bucket = account.deployment.warehouse_bucket
    assert (there["behind"], there["partitions"], there["snapshots"]) == (0, 1, 1)
    key = there["location"].removeprefix(f"s3://{bucket}/")
    body = account.client_of("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert b'"location":"s3://' in body
    account.put(CURRENCY.format(2), [currency(2)])
    starmend("replay", "tables/sales/currency/")
    assert starmend("mirror", "status", "dim_currency").code == 1
    assert starmend("mirror", "run", "dim_currency", "--json").data[0]["version"] == 2


def test_a_partition_that_cannot_be_read_is_named_and_the_exit_says_so(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    starmend("replay", "tables/sales/currency/")
    place = {"Bucket": account.deployment.warehouse_bucket, "Key": "warehouse/dim_currency/symlink.txt"}
    account.client_of("s3").put_object(**place, Body=b"s3://elsewhere/x\n")
    said = starmend("mirror", "run", "dim_currency", "--json")
    assert said.code == 1
    assert "is not one line that starts with" in said.data[0]["problem"]


def test_what_nobody_has_certified_is_tagged_by_nobody(account: Account, starmend: Command) -> None:
    said = starmend("mirror", "certify", "--dataset", "sales", "--json")
    assert said.code == 1
    assert [row["problem"] for row in said.data] == ["no window of it is certified yet"]


def test_a_table_that_fails_is_shown_beside_the_others_with_what_is_wrong(account: Account, starmend: Command) -> None:
    """The first one that failed ended the command, and nothing was said of the others."""
    account.put(CURRENCY.format(1), [currency(1)])
    starmend("replay", "tables/sales/currency/")
    hint = "warehouse/_iceberg/dim_date/metadata/version-hint.text"
    account.client_of("s3").put_object(Bucket=account.deployment.warehouse_bucket, Key=hint, Body=b"none")
    tables = ("dim_date", "dim_currency")
    for command in ("run", "status"):
        said = starmend("mirror", command, *tables, "--json")
        assert said.code == 3
        assert [row["table"] for row in said.data] == [*tables]
        assert [row["problem"].partition(":")[0] for row in said.data] == ["PipelineBug", ""]
        assert "names no version" in said.data[0]["problem"]
        assert said.data[1]["version"] == 1
        shown = starmend("mirror", command, *tables)
        assert shown.code == 3
        assert all(name in shown.out for name in tables)


def test_a_dataset_that_fails_is_shown_beside_the_others(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify = step.certify_dataset

    def failing(contracts: Contracts, dataset: str, *given: Any, **more: Any) -> Any:
        if dataset == "quotes":
            raise TransientFailure("read objects", "warehouse", "does not answer", "Try it again")
        return certify(contracts, dataset, *given, **more)

    monkeypatch.setattr(step, "certify_dataset", failing)
    said = starmend("mirror", "certify", "--json")
    assert said.code == 3
    problems = {row["dataset"]: row["problem"] for row in said.data}
    assert problems.pop("quotes") == "TransientFailure: read objects: warehouse: does not answer. Try it again"
    assert problems["sales"] == "no window of it is certified yet"
    assert starmend("mirror", "certify").code == 3
