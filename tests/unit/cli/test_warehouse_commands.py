"""Replay, rebuild, rollback, vacuum and quarantine, given as an operator gives them, on a simulated account."""

from __future__ import annotations

import json

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

STAFF = "tables/sales/staff/000000000001.jsonl.gz"
CURRENCY = "tables/sales/currency/{:012d}.jsonl.gz"
AT = "2026-11-20T10:00:00.000"


def currency(number: int, code: str = "GBP", updated: str = AT) -> dict[str, object]:
    return {"currency_id": number, "currency_code": code, "created_at": AT, "last_updated": updated}


@pytest.fixture
def dev(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARMEND_DEPLOYMENT", "dev")


pytestmark = pytest.mark.usefixtures("dev")


def rows_of(account: Account, table: str) -> list[dict[str, object]]:
    """The rows that the table's pointer leads to."""
    from aws.pointers import S3PartitionStore
    from processing.partitions.commit import read_partition

    store = S3PartitionStore(account.client_of("s3"), account.deployment.warehouse_bucket)
    found = read_partition(store, account.deployment.contracts.table(table), "")
    assert found is not None
    return found.table.to_pylist()


def test_a_replay_commits_what_is_missing_and_a_second_one_changes_nothing(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1), currency(2, "USD")])
    first = starmend("replay", "tables/sales/currency/", "--json")
    assert (first.code, first.data["objects"], first.data["committed"]) == (0, 1, 1)
    assert [row["currency_code"] for row in rows_of(account, "dim_currency")] == ["GBP", "USD"]
    pointer = account.pointer("dim_currency")
    second = starmend("replay", CURRENCY.format(1), "--json")
    assert (second.data["unchanged"], second.data["committed"]) == (1, 0)
    assert account.pointer("dim_currency") == pointer


def test_an_object_may_be_named_by_its_url(account: Account, starmend: Command) -> None:
    key = account.put(CURRENCY.format(1), [currency(1)])
    assert starmend("replay", f"s3://{account.deployment.ingest_bucket}/{key}").code == 0
    elsewhere = starmend("replay", f"s3://elsewhere/{key}")
    assert (elsewhere.code, "is not in the ingest bucket" in elsewhere.err) == (2, True)


def test_a_replay_of_nothing_is_a_usage_error_on_one_line(account: Account, starmend: Command) -> None:
    said = starmend("replay", "tables/sales/nothing/")
    assert (said.code, len(said.err.strip().splitlines())) == (2, 1)
    assert "Keys begin with tables/" in said.err


def test_a_queued_replay_is_a_request_that_the_process_function_understands(
    account: Account, starmend: Command
) -> None:
    from processing.events import object_events

    keys = [account.put(CURRENCY.format(number), [currency(number)]) for number in range(1, 13)]
    assert starmend("replay", "tables/sales/currency/", "--queue").code == 0
    found = account.client_of("sqs").receive_message(
        QueueUrl=account.deployment.queues["arrivals"], MaxNumberOfMessages=10
    )
    asked = [one for message in found["Messages"] for one in object_events(message["Body"])]
    assert sorted(one.key for one in asked) == keys
    assert all(one.again for one in asked)


def test_refused_lines_are_listed_and_come_in_once_their_object_is_good(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1), b'{"currency_id": "many"}'])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    listed = starmend("quarantine", "list", "--dataset", "sales", "--table", "currency", "--json")
    assert listed.code == 1
    assert [(one["object"], one["line"]) for one in listed.data] == [(CURRENCY.format(1), 2)]

    still = starmend("quarantine", "retry", "--json")
    assert (still.code, still.data["rejected_lines"]) == (1, 1)
    account.put(CURRENCY.format(1), [currency(1), currency(2, "USD")])
    mended = starmend("quarantine", "retry", "--json")
    assert (mended.code, mended.data["rejected_lines"]) == (0, 0)
    assert starmend("quarantine", "list", "--json").data == []
    assert [row["currency_id"] for row in rows_of(account, "dim_currency")] == [1, 2]


def test_a_dataset_or_table_that_no_contract_names_is_refused_with_the_nearest(
    account: Account, starmend: Command
) -> None:
    for given, meant in (
        (("quarantine", "list", "--dataset", "sale"), "'sales'"),
        (("quarantine", "retry", "--dataset", "sales", "--table", "staf"), "'staff'"),
        (("rebuild", "dim_currncy"), "'dim_currency'"),
        (("rollback", "fact_quotes", "--to", "1"), "'fact_quote'"),
        (("vacuum", "dim_dat"), "'dim_date'"),
    ):
        said = starmend(*given)
        assert (said.code, meant in said.err) == (2, True), said
        assert len(said.err.strip().splitlines()) == 1


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
    said = starmend("rollback", "dim_currency", "--to", "1", "--json")
    assert said.data == [{"partition": "dim_currency", "version": 3, "rows": 1, "changed": True}]
    assert "without --hold" in said.err
    assert [row["currency_id"] for row in rows_of(two_versions, "dim_currency")] == [1]


def test_a_hold_is_kept_until_it_is_released(two_versions: Account, starmend: Command) -> None:
    held = starmend("rollback", "dim_currency", "--to", "1", "--hold", "codes were wrong", "--json")
    assert (held.data[0]["changed"], held.err) == (True, "")
    assert starmend("rollback", "dim_currency", "--release", "--json").data[0]["changed"] is True
    assert starmend("rollback", "dim_currency", "--release", "--json").data[0]["changed"] is False


def test_a_rollback_that_does_not_say_what_to_do_is_a_usage_error(two_versions: Account, starmend: Command) -> None:
    for given in ((), ("--to", "1", "--release"), ("--release", "--hold", "why"), ("--to", "1", "--hold", " ")):
        assert starmend("rollback", "dim_currency", *given).code == 2
    unknown = starmend("rollback", "dim_currency", "--to", "9")
    assert (unknown.code, "choose among [1, 2]" in unknown.err) == (3, True)


def test_a_vacuum_keeps_what_is_younger_than_the_grace(two_versions: Account, starmend: Command) -> None:
    before = two_versions.warehouse_keys("warehouse/_data/")
    assert starmend("vacuum", "--json").data == []
    assert starmend("vacuum", "dim_currency", "--dry-run", "--grace", "1", "--json").data == []
    assert two_versions.warehouse_keys("warehouse/_data/") == before


def test_json_is_all_that_standard_output_holds(two_versions: Account, starmend: Command) -> None:
    for given in (("replay", "tables/"), ("rebuild", "dim_currency"), ("vacuum",), ("quarantine", "list")):
        json.loads(starmend(*given, "--json").out)
