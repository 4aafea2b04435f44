"""Status of every table, on a simulated account with Athena's answer given."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
import pytest
from tests.support.audited import subject_of
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency

from auditor.evidence.completeness import completeness_key
from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import Cause
from aws.athena import Athena
from core.errors import NotGranted
from core.time import format_second

pytestmark = pytest.mark.usefixtures("dev")
NOW = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Athena's answers: one fact has a row, the others have none."""

    def query(_self: Athena, sql: str) -> pd.DataFrame:
        newest = f"{NOW:%Y-%m-%d %H:%M:%S}.000 UTC"
        if "as source" in sql:
            return pd.DataFrame({"source": ["sales_order"], "n_rows": [7], "newest": [newest]})
        return pd.DataFrame({"name": ["fact_sales_order"], "newest": [newest]})

    monkeypatch.setattr(Athena, "query", query)


def audited(account: Account, *, missing: dict[str, int] | None = None) -> None:
    """Every table's last hour was audited; of some it lacked something."""
    start = NOW - dt.timedelta(hours=2)
    for contract in account.deployment.contracts:
        for table in contract.source.tables if contract.source else ():
            lacking = (missing or {}).get(table.name, 0)
            row: dict[str, Any] = {
                "subject": subject_of(contract, table.name),
                "window_start": format_second(start),
                "window_end": format_second(start + dt.timedelta(hours=1)),
                "status": "open" if lacking else "certified",
                "missing": lacking,
                "audited_at": format_second(NOW - dt.timedelta(minutes=20)),
            }
            key = completeness_key(contract.dataset, int(start.timestamp()), subject=row["subject"])
            put(account, key, row)


def put(account: Account, key: str, data: Any) -> None:
    body = json.dumps(data).encode()
    account.client_of("s3").put_object(Bucket=account.deployment.warehouse_bucket, Key=key, Body=body)


def test_what_was_never_audited_is_not_complete(account: Account, starmend: Command) -> None:
    said = starmend("status", "--json")
    assert (said.code, said.data["complete"]) == (1, False)
    assert "sales never audited" in said.data["verdict"]


def test_all_that_is_certified_is_complete_until_then_and_readable_at_80_columns(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.status._stale", lambda _: {})
    audited(account)
    said = starmend("status", "--json")
    assert (said.code, said.data["complete"]) == (0, True), said.err
    sales = next(each for each in said.data["datasets"] if each["dataset"] == "sales")
    until = format_second(NOW - dt.timedelta(hours=1))
    assert {table["certified_until"] for table in sales["tables"]} == {until}
    text = starmend("status").out
    assert text.startswith("complete: ")
    assert f"sales_order     {NOW - dt.timedelta(hours=1):%Y-%m-%d %H:%M}" in text
    assert max(len(line) for line in text.splitlines()[1:]) <= 80


def test_what_is_missing_alarmed_or_old_is_named_and_a_finding(account: Account, starmend: Command) -> None:
    audited(account, missing={"currency": 1200})
    cause = Cause("missing_row", "sales", 1200).to_data()
    put(account, cause_key("sales", "missing_row"), {"open": True, "since": "2026-11-20T15:00:00Z", "cause": cause})
    said = starmend("status")
    assert said.code == 1
    assert "1,200 missing in sales; 1 alarm of sales (missing_row)" in said.out
    assert "alarms: missing_row" in said.out


def test_progress_has_objects_ids_and_rows_and_a_feed_has_no_ids(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    said = starmend("status", "--progress", "--json")
    rows = {(row["dataset"], row["table"]): row for row in said.data["progress"]}
    assert rows["sales", "currency"]["objects"] == 1
    assert rows["sales", "currency"]["last_id"] == 0
    assert rows["sales", "sales_order"]["warehouse_rows"] == 7
    assert rows["sales", "sales_order"]["newest_row"] == NOW.isoformat(timespec="seconds")
    assert {row["processed"] for (dataset, _), row in rows.items() if dataset == "quotes"} == {None}
    assert "source rows are not shown" in said.err


def test_what_nobody_can_tell_is_not_complete(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Athena was not to be asked, no feed was old, and all was complete."""
    audited(account)
    assert starmend("status").code == 0

    def refused(_self: Athena, _sql: str) -> pd.DataFrame:
        raise NotGranted("query", "analysts", "AccessDeniedException", "Take another role")

    monkeypatch.setattr(Athena, "query", refused)
    said = starmend("status", "--json")
    assert (said.code, said.data["complete"]) == (1, False)
    assert said.data["verdict"].startswith("incomplete: how fresh the tables are could not be read. ")
