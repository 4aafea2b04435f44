"""Replays, given as an operator gives them, on a simulated account."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency, rows_of

pytestmark = pytest.mark.usefixtures("dev")


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


def test_what_is_queued_or_is_none_is_a_document_too(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    assert starmend("replay", "tables/sales/currency/", "--queue", "--json").data == {"queued": 1}
    monkeypatch.setattr("processing.restating.manifest.plan_replay", lambda *_: [])
    replayed = starmend("replay", "tables/sales/currency/", "--at-scale", "--json").data
    assert (replayed["jobs"], replayed["left"], set(replayed["processed"].values())) == (0, [], {0})
    assert starmend("rebuild", "fact_sales_order", "--at-scale", "--json").data["jobs"] == 0
