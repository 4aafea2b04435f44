"""Extraction, processing, backfills and resets, given as an operator gives them, on a simulated account.

Functions are called through ``aws.functions.invoke``; here each call is kept and answered as the real ones answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency, rows_of

from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from core.audit.repair_jobs import read_job
from core.contract.model import SourceTable
from core.errors import PipelineBug

pytestmark = pytest.mark.usefixtures("dev")

Answer = Callable[[str, Mapping[str, Any]], Any]
FULL = "starmend-dev-"


@pytest.fixture
def calls(account: Account, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The calls of functions, each answered; ``staff`` cannot be read."""
    functions = {name: f"starmend-dev-{name}" for name in ("process", "extract", "request", "check")}
    with_functions = dataclasses.replace(account.deployment, functions=functions)
    monkeypatch.setattr(Deployment, "find", classmethod(lambda *_, **__: with_functions))
    made: list[tuple[str, dict[str, Any]]] = []
    records = S3ObjectStore(account.client_of("s3"), account.deployment.warehouse_bucket)

    def invoke(_client: object, name: str, event: Mapping[str, Any]) -> Any:
        made.append((name.removeprefix(FULL), dict(event)))
        if "job" in event:
            made[-1][1]["repair"] = repair = read_job(records, event["job"]).repair
            if getattr(repair, "table", "") == "staff":
                raise PipelineBug("invoke function", name, "OutOfReach: permission denied", "Look at its log")
            return {"objects": 1, "rows": 3, "absent": 0, "lost": 0}
        if "time" in event:
            return {"expected": 11, "messages": 11, "left_out": ""}
        named = event.get("tables") or ["currency", "staff"]
        return {"tables": {name: {"outcome": "extracted", "objects": 1, "rows": 1_234, "number": 7} for name in named}}

    monkeypatch.setattr("aws.functions.invoke", invoke)
    return made


def test_a_pass_is_shown_table_by_table_and_a_feed_is_asked_for_this_minute(
    calls: list[tuple[str, dict[str, Any]]], starmend: Command
) -> None:
    said = starmend("extract", "--json")
    assert said.code == 0, said.err
    assert {row["dataset"] for row in said.data} == {"sales", "quotes"}  # a canary only by its name
    assert {(row["table"], row["outcome"], row["rows"]) for row in said.data} == {
        ("currency", "extracted", 1_234),
        ("staff", "extracted", 1_234),
        ("quotes", "asked for", 11),
    }
    assert {name for name, _ in calls} == {"extract", "request"}
    shown = starmend("extract", "--dataset", "sales", "--table", "staff")
    assert calls[-1] == ("extract", {"dataset": "sales", "report": True, "tables": ["staff"]})
    assert "staff" in shown.out
    assert "1,234 rows or points" in shown.out


def test_a_pass_shows_what_was_extracted_beside_what_failed(
    calls: list[tuple[str, dict[str, Any]]], starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = {"objects": 1, "rows": 2, "number": 7}
    tables = {
        "currency": {"outcome": "extracted", **done},
        "staff": {"outcome": "failed", "objects": 0, "rows": 0, "number": 6, "error": "read staff: permission denied"},
    }
    monkeypatch.setattr("aws.functions.invoke", lambda *_: {"tables": tables})
    said = starmend("extract", "--dataset", "sales", "--json")
    assert (said.code, {row["table"]: row["outcome"] for row in said.data}) == (
        3,
        {"currency": "extracted", "staff": "failed"},
    )
    assert "sales/staff: read staff: permission denied" in said.err


def test_a_table_without_a_time_of_change_is_shown_as_left_to_audits_and_no_function_is_called_for_it_alone(
    calls: list[tuple[str, dict[str, Any]]], account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SourceTable, "by_keys", property(lambda table: table.name == "design"))
    said = starmend("extract", "--dataset", "sales", "--json")
    assert {row["table"]: row["outcome"] for row in said.data}["design"] == "left to audits"
    calls.clear()
    alone = starmend("extract", "--dataset", "sales", "--table", "design")
    assert (alone.code, calls, "left to audits" in alone.out, "starmend heal" in alone.out) == (0, [], True, True)


def test_a_whole_extraction_asks_for_each_table_and_one_that_fails_stops_no_other(
    calls: list[tuple[str, dict[str, Any]]], account: Account, starmend: Command
) -> None:
    source = account.deployment.contracts.dataset("sales").source
    assert source is not None
    tables = [table.name for table in source.tables]
    said = starmend("extract", "--dataset", "sales", "--full", "--json")
    assert said.code == 3
    assert [event["repair"].table for _, event in calls] == tables
    assert {event["repair"].start for _, event in calls} == {"1970-01-01T00:00:00.000000Z"}
    assert len({event["job"] for _, event in calls}) == len(tables)
    outcomes = {row["table"]: row["outcome"] for row in said.data}
    assert outcomes == dict.fromkeys(tables, "extracted again") | {"staff": "failed"}
    assert "sales/staff: OutOfReach: permission denied" in said.err


def test_a_backfill_takes_a_range_of_a_table_and_nothing_less_than_a_range(
    calls: list[tuple[str, dict[str, Any]]], starmend: Command
) -> None:
    given = ("backfill", "--dataset", "sales", "--table", "currency", "--from", "2026-01-01", "--to", "2026-02-01")
    said = starmend(*given, "--json")
    assert (said.code, said.data["tables"][0]["rows"], said.data["feeds"]) == (0, 3, [])
    repair = calls[-1][1]["repair"]
    assert (repair.start, repair.end) == ("2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z")
    for wrong in (given[:-2], ("backfill", "--from", "2026-02-01", "--to", "2026-01-01")):
        assert starmend(*wrong).code == 2


def test_what_is_named_has_to_be_there(calls: list[tuple[str, dict[str, Any]]], starmend: Command) -> None:
    for wrong in (
        ("extract", "--table", "staff"),
        ("extract", "--dataset", "sales", "--table", "stuff"),
        ("process", "--dataset", "nothing"),
        ("reset", "stuff", "--yes"),
        ("audit", "--full", "--from", "2026-01-01", "--to", "2026-02-01"),
    ):
        said = starmend(*wrong)
        assert (said.code, len(said.err.strip().splitlines())) == (2, 1), wrong
    assert calls == []


def test_what_has_no_receipt_is_processed_and_all_of_it_only_when_asked(account: Account, starmend: Command) -> None:
    first = account.put(CURRENCY.format(1), [currency(1)])
    assert starmend("replay", first).code == 0
    account.put(CURRENCY.format(2), [currency(2, "USD")])
    said = starmend("process", "--dataset", "sales", "--json")
    assert (said.code, said.data["objects"], said.data["committed"]) == (0, 1, 1)
    assert [row["currency_code"] for row in rows_of(account, "dim_currency")] == ["GBP", "USD"]
    assert starmend("process", "--json").data["objects"] == 0
    again = starmend("process", "--dataset", "sales", "--table", "currency", "--full", "--json")
    assert (again.data["objects"], again.data["unchanged"]) == (2, 2)


def test_a_reset_says_what_stays_asks_and_forgets_the_two_parameters_alone(account: Account, starmend: Command) -> None:
    ssm, prefix = account.client_of("ssm"), "/starmend/dev/sales/currency"
    written = {"timestamp": "2026-11-20T10:00:00.000000Z", "sequential_id": "1", "latest_object": "1"}
    for name, value in written.items():
        ssm.put_parameter(Name=f"{prefix}/{name}", Value=value, Type="String", Overwrite=True)
    account.put(CURRENCY.format(1), [currency(1)])

    def stored() -> dict[str, str]:
        names = {name: f"{prefix}/{name}" for name in written}
        return {name: ssm.get_parameter(Name=full)["Parameter"]["Value"] for name, full in names.items()}

    refused = starmend("reset", "currency", "--dataset", "sales")
    assert (refused.code, "Give --yes" in refused.err, stored()) == (2, True, written)
    assert "what stays: 1 objects" in refused.out
    said = starmend("reset", "currency", "--dataset", "sales", "--yes", "--json")
    assert (said.data["number"], said.data["objects"]) == (1, 1)
    assert stored() == {"timestamp": "1970-01-01T00:00:00.000000Z", "sequential_id": "0", "latest_object": "1"}
