"""Rebuild, rollback and vacuum, given as an operator gives them, on a simulated account."""

from __future__ import annotations

import json

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency, rows_of

pytestmark = pytest.mark.usefixtures("dev")


def test_a_rebuild_makes_a_table_of_its_ingest_objects_alone(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    starmend("replay", "tables/sales/currency/")
    for key in account.warehouse_keys("warehouse/dim_currency") + account.warehouse_keys("warehouse/_current/currency"):
        account.client_of("s3").delete_object(Bucket=account.deployment.warehouse_bucket, Key=key)
    said = starmend("rebuild", "dim_currency", "--json")
    assert said.code == 0
    assert {one["table"] for one in said.data if one["changed"]} >= {"dim_currency"}
    assert [row["currency_id"] for row in rows_of(account, "dim_currency")] == [1]
    assert not any(one["changed"] for one in starmend("rebuild", "dim_currency", "--json").data)


def test_a_rebuild_that_would_lose_rows_is_refused_until_it_is_allowed(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    account.put(CURRENCY.format(2), [currency(2)])
    starmend("replay", "tables/sales/currency/")
    account.client_of("s3").delete_object(Bucket=account.deployment.ingest_bucket, Key=CURRENCY.format(2))
    refused = starmend("rebuild", "dim_currency")
    assert (refused.code, "allow fewer" in refused.err) == (3, True)
    assert starmend("rebuild", "dim_currency", "--allow-fewer").code == 0
    assert [row["currency_id"] for row in rows_of(account, "dim_currency")] == [1]


@pytest.fixture
def two_versions(account: Account, starmend: Command) -> Account:
    for number in (1, 2):
        account.put(CURRENCY.format(number), [currency(number)])
        starmend("replay", CURRENCY.format(number))
    return account


def test_a_rollback_brings_the_rows_of_a_version_back_and_says_what_comes_next(
    two_versions: Account, starmend: Command
) -> None:
    said = starmend("rollback", "dim_currency", "--to-version", "1", "--json")
    assert said.data == [{"partition": "dim_currency", "version": 3, "rows": 1, "changed": True}]
    assert "without --hold" in said.err
    assert [row["currency_id"] for row in rows_of(two_versions, "dim_currency")] == [1]


def test_a_hold_is_kept_until_it_is_released(two_versions: Account, starmend: Command) -> None:
    held = starmend("rollback", "dim_currency", "--to-version", "1", "--hold", "codes were wrong", "--json")
    assert (held.data[0]["changed"], held.err) == (True, "")
    assert starmend("rollback", "dim_currency", "--release", "--json").data[0]["changed"] is True
    assert starmend("rollback", "dim_currency", "--release", "--json").data[0]["changed"] is False


def test_a_rollback_that_does_not_say_what_to_do_is_a_usage_error(two_versions: Account, starmend: Command) -> None:
    for given in (
        (),
        ("--to-version", "1", "--release"),
        ("--release", "--hold", "why"),
        ("--to-version", "1", "--hold", " "),
    ):
        assert starmend("rollback", "dim_currency", *given).code == 2
    unknown = starmend("rollback", "dim_currency", "--to-version", "9")
    assert (unknown.code, "choose among [1, 2]" in unknown.err) == (3, True)


def test_a_vacuum_keeps_what_is_younger_than_the_grace(two_versions: Account, starmend: Command) -> None:
    before = two_versions.warehouse_keys("warehouse/_data/")
    assert starmend("vacuum", "--json").data == []
    assert starmend("vacuum", "dim_currency", "--dry-run", "--grace", "1", "--json").data == []
    assert two_versions.warehouse_keys("warehouse/_data/") == before


def test_json_is_all_that_standard_output_holds(two_versions: Account, starmend: Command) -> None:
    for given in (("replay", "tables/"), ("rebuild", "dim_currency"), ("vacuum",), ("quarantine", "list")):
        json.loads(starmend(*given, "--json").out)
