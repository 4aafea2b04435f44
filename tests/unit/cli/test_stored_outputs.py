"""Outputs at 80 columns and in a pipe, against those that are stored (``python -m tests.stored_outputs``)."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tests.support.audited import subject_of
from tests.support.commands import Command, CommandResult
from tests.unit.cli.answers import Answer, answer
from tests.unit.cli.conftest import REPOSITORY, Account
from tests.unit.cli.currencies import CURRENCY, currency
from tests.unit.cli.test_commands import ALL

from auditor.evidence.completeness import completeness_key
from auditor.evidence.journal import Entry
from auditor.interventions.pauses import pauses_key
from auditor.interventions.silences import Silence
from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import Cause
from aws.athena import Athena
from cli.auditing import auditor_of
from core.time import format_second

__all__ = ["answer"]
STORED = Path(__file__).parents[2] / "stored_outputs"
STORING = bool(os.environ.get("STARMEND_STORE_OUTPUTS"))
NOW = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
RANGE = "--dataset quotes --from 2026-11-20T15:00 --to 2026-11-20T16:00"
FAILED_RUN = "command-20261121T083000000000"
SOURCE_DOWN = (
    "TransientFailure: ask the source: starmend-dev-check: OutOfReach: connect: 127.0.0.1:5432/totesys: [Errno 111] "
    "Connection refused. Look at the secret's host and port, the security group and the server. "
    "Look at its log: /aws/lambda/starmend-dev-check"
)
ORDERS = (
    ("sales_order_id", "bigint"), ("created_at", "timestamp"), ("note", "varchar"), ("unit_price", "decimal"),
    ("agreed_payment_date", "date"), ("is_latest", "boolean"),
)  # fmt: skip
ROWS: Sequence[Sequence[str | None]] = [
    ("1234567", "2026-11-20 14:30:00.123", "[draft] order", "3.94", "2026-12-01", "true"),
    ("1234568", "2026-11-20 14:31:00.000", None, "12345678901234567890.12", None, "false"),
    ("1234569", "2026-11-20 14:32:00.000", "-", "0.00", "2026-12-03", None),
    ("1234570", "2026-11-20 14:33:00.000", "[/b] two\nlines\x1b[31m", "1.50", "2026-12-04", "true"),
]


def compare(name: str, text: str) -> None:
    """Hold an output to the stored one; or store it, where that is asked for."""
    file = STORED / f"{name}.txt"
    if STORING:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file.name}: python -m tests.stored_outputs stores a new one"


def said(result: CommandResult, given: str) -> str:
    """A command and what it answered, as a terminal shows it; progress has seconds and is left out."""
    errors = "".join(f"{line}\n" for line in result.err.splitlines() if line.startswith("error: "))
    return f"$ starmend {given}\n{result.out}{errors}exit code {result.code}\n"


def test_every_help_is_the_stored_one(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for path in ((), *sorted(ALL)):
        compare(f"help/{'-'.join(path) or 'starmend'}", starmend(*path, "--help").out)
    if not STORING:
        assert {file.stem for file in (STORED / "help").iterdir()} == {
            "-".join(path) or "starmend" for path in ((), *ALL)
        }


@pytest.fixture
def known(account: Account, dev: None, starmend: Command, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A deployment with a refused line, audited windows and an alarm, on the morning after a session."""
    monkeypatch.setattr("cli.audit.auditor_of", lambda deployed: replace(auditor_of(deployed), now=lambda: NOW))
    monkeypatch.setattr("cli.stories.auditor_of", lambda deployed: replace(auditor_of(deployed), now=lambda: NOW))
    for module in ("status", "alarms", "audits", "pauses"):
        monkeypatch.setattr(f"cli.{module}.utc_now", lambda: NOW)
    newest = "2026-11-20 20:59:00.000 UTC"
    facts = ["fact_quote", "fact_sales_order"]
    monkeypatch.setattr(Athena, "query", lambda *_: pd.DataFrame({"name": facts, "newest": [newest] * 2}))
    account.put(CURRENCY.format(1), [currency(1), b'{"currency_id": "[draft] many"}'])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    for contract in account.deployment.contracts:
        for table in contract.source.tables if contract.source else ():
            for hours in (14, 13, 12):
                missing = 60 * (table.name == "quotes" and hours == 12)
                put_window(account, contract.dataset, subject_of(contract, table.name), hours, missing=missing)
    cause = Cause("limited", "quotes", 60, entities=("AAPL",), attempts=2).to_data()
    memory = {"open": True, "since": format_second(NOW - dt.timedelta(hours=3)), "run": "run-1", "cause": cause}
    put(account, cause_key("quotes", "limited"), memory)
    until = format_second(NOW + dt.timedelta(hours=4))
    silence = Silence("quotes", "broken", format_second(NOW), "user/alice", until, "maintenance of the provider")
    put(account, silence.key, silence.to_data())
    kinds = {"findings": {"missing_point": 65}, "left": {"missing_point": 60}}
    ended = format_second(NOW - dt.timedelta(minutes=20))
    entry = Entry("quotes", "run-1", ended, windows=3, **kinds, certificates=2, causes=("limited",))
    put(account, entry.key, json.loads(entry.to_json()))
    failed = Entry("sales_canary", FAILED_RUN, format_second(NOW - dt.timedelta(minutes=30)), error=SOURCE_DOWN)
    put(account, failed.key, json.loads(failed.to_json()))
    put(account, f"audit/runs/{FAILED_RUN}/order.json", {"dataset": "sales_canary", "scheduled": True})
    put(account, "audit/runs/run-1/order.json", {"dataset": "quotes", "scheduled": True})
    put(account, "audit/runs/run-1/judgement.json", {"causes": [cause], "healing": 0, "alarmed": 60})
    put(account, pauses_key("sales"), {"pauses": [{"since": ended, "by": "user/alice", "reason": "a new server"}]})
    return account


def put_window(account: Account, dataset: str, subject: str, hours: int, *, missing: int) -> None:
    start = NOW - dt.timedelta(hours=hours)
    row = {
        "subject": subject,
        "window_start": format_second(start),
        "window_end": format_second(start + dt.timedelta(hours=1)),
        "status": "alarmed" if missing else "certified",
        "missing": missing,
        "audited_at": format_second(NOW - dt.timedelta(minutes=20)),
    }
    put(account, completeness_key(dataset, int(start.timestamp()), subject=subject), row)


def put(account: Account, key: str, data: object) -> None:
    body = json.dumps(data).encode()
    account.client_of("s3").put_object(Bucket=account.deployment.warehouse_bucket, Key=key, Body=body)


COMMANDS = {
    "tables": "tables",
    "describe": "describe fact_sales_order_now",
    "describe-unknown": "describe fact_sales_orders",
    "status": "status",
    "alarms-list": "alarms list",
    "alarms-ack": "alarms ack limited --reason 'the plan is being raised'",
    "alarms-ack-end": "alarms ack limited --end",
    "alarms-silence-misuse": "alarms silence limited --for soon",
    "audits-list": "audits list",
    "audits-show": "audits show run-1",
    "audits-show-failed": "audits show command-20261121T0830",
    "audits-show-misuse": "audits show run-9",
    "pause": "pause sales",
    "resume-misuse": "resume quotes",
    "why": "why fact_quote --entity AAPL --at 2026-11-20T20:30",
    "why-row": "why dim_currency currency_id=1",
    "why-misuse": "why fact_quote symbol=AAPL",
    "trace": f"trace {CURRENCY.format(1)}",
    "trace-misuse": "trace audit/state/quotes.json",
    "quarantine-list": "quarantine list",
    "replay": f"replay {CURRENCY.format(1)}",
    "audit": f"audit {RANGE} --dry-run",
    "audit-misuse": "audit --from 2026-11-21 --to 2026-11-20",
    "verify": "verify",
    "verify-misuse": "verify --from 2026-11-20",
    "vacuum": "vacuum dim_currency --dry-run",
    "rebuild": "rebuild dim_currency",
    "secret-misuse": "secret set finhub-token",
    "run-misuse": "run extract {}",
    "query-misuse": "query ''",
}
JSON = (
    "why", "audits-list", "audits-show", "audits-show-failed", "status", "alarms-list", "tables", "quarantine-list",
    "verify", "audit",
)  # fmt: skip
SLOW = ("replay", "rebuild", "audit")  # given once: in a pipe
ONCE = (*SLOW, "alarms-ack", "alarms-ack-end")  # the second time the answer is another
CLOCKED = ("why-row", "trace")  # say when an object was written, and what it is called
_CLOCKS = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d|(?<=-)[0-9a-f]{32}(?=[.])")


def test_an_output_is_the_stored_one_at_80_columns_and_in_a_pipe(
    known: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, given in COMMANDS.items():
        monkeypatch.delenv("COLUMNS", raising=False)
        piped = said(starmend(*shlex.split(given)), given)
        shown = _CLOCKS.sub(lambda match: "0" * len(match[0]), piped) if name in CLOCKED else piped
        compare(f"outputs/{name}", shown)
        monkeypatch.setenv("COLUMNS", "80")
        assert name in ONCE or said(starmend(*shlex.split(given)), given) == piped
    for name in JSON:
        document = starmend(*shlex.split(COMMANDS[name]), "--json").data
        for row in document if isinstance(document, list) else document.get("audits", []):
            for changing in ("rejected_at",) if name == "quarantine-list" else ("run",) if name == "audit" else ():
                row.pop(changing, None)
        compare(f"json/{name}", json.dumps(document, indent=1) + "\n")


def test_queried_rows_are_the_stored_ones(
    dev: None, answer: Answer, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form, columns in (("table", 40), ("table", 80), ("table", 140), ("csv", 40), ("tsv", 40), ("json", 40)):
        monkeypatch.setenv("COLUMNS", str(columns))
        answer(ORDERS, ROWS)
        given = f"query 'select * from fact_sales_order' --format {form}"
        name = f"query-{form}-{columns}" if form == "table" else f"query-{form}"
        compare(f"outputs/{name}", said(starmend(*shlex.split(given)), given))


def test_contracts_are_shown_as_stored(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    for given in ("contract show", "contract check"):
        compare(f"outputs/{given.replace(' ', '-')}", said(starmend(*given.split()), given))
