"""The question about completeness, asked of DuckDB as written and as Athena reads it, and of a model in Python."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from tests.support.exported import generated, written_by_hand

from auditor.databases.choose import AUDITED_EVERY
from auditor.databases.rows.targets import targets_of
from core.contract.model import Contracts, Database
from core.landing.records import COMPLETENESS_COLUMNS
from core.standards.completeness import AUDITED_EVERY as EXPECTED_EVERY
from core.standards.completeness import Promise, is_compared, promise_of
from core.warehouse.current_state import current_table

PROMISE = Promise("shop", ("fact_sale", "_current/it's"), ("fact_sale", "_current/it's", "sale"), 7200)
STATUSES = ("certified", "certified", "certified", "open", "alarmed")
SEED, LAKES, CONTRACTS = 20261129, 40, 30

Row = dict[str, Any]


def rows_of(draw: random.Random) -> list[Row]:
    """What an auditor may have left: windows of several subjects, looked at once or more, and halted objects."""
    rows = []
    for subject in ("fact_sale", "_current/it's", "sale", "dim_other"):
        for window in range(draw.choice((0, 1, 1, 2))):
            for minute in draw.sample(range(60), draw.choice((1, 1, 2, 3))):
                amiss = draw.random() < 0.2
                rows.append(
                    {
                        "dataset": "shop" if draw.random() < 0.95 else "quotes",
                        "subject": subject,
                        "window_start": f"2026-11-2{window}T00:00:00Z",
                        "status": draw.choice(STATUSES) if amiss else "certified",
                        "missing": draw.choice((0, 3)) if amiss else 0,
                        "audited_at": f"2026-11-24T10:{minute:02}:00Z",
                        "object": None,
                    }
                )
    if draw.random() < 0.3:
        status = draw.choice(("halted", "released"))
        missing = 5 if status == "halted" else 0
        common = {"dataset": "shop", "subject": "sale", "window_start": "2026-11-20T00:00:00Z", "object": "a-key"}
        rows.append({**common, "status": status, "missing": missing, "audited_at": "2026-11-24T11:00:00Z"})
    draw.shuffle(rows)
    return rows


def expected(promise: Promise, rows: list[Row]) -> dt.datetime | None:
    """The same by the meaning of the rows: the last of each window counts, and each subject has to have one."""
    last: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=lambda row: str(row["audited_at"])):
        if row["dataset"] == promise.dataset and row["subject"] in promise.counted:
            last[row["subject"], row["window_start"], row["object"]] = row
    if any(row["missing"] or row["status"] in ("alarmed", "halted") for row in last.values()):
        return None
    audited = [
        max((row["audited_at"] for row in last.values() if row["subject"] == name), default=None)
        for name in promise.audited
    ]
    return None if None in audited else dt.datetime.fromisoformat(min(audited)[:-1])


def test_the_answer_is_when_all_that_is_owed_was_last_seen_to_be_there() -> None:
    columns = [("dataset", "string"), *((name, kind) for name, kind, _ in COMPLETENESS_COLUMNS)]
    types = {"string": "varchar"}
    connection = duckdb.connect()
    definition = ", ".join(f'"{name}" {types.get(kind, kind)}' for name, kind in columns)
    connection.execute(f"create table completeness ({definition})")
    query = PROMISE.query("completeness")
    athena = sqlglot.transpile(query, read="athena", write="duckdb")[0]
    answers = []
    for number in range(LAKES):
        rows = rows_of(random.Random(f"{SEED}/{number}"))
        connection.execute("delete from completeness")
        for row in rows:
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            connection.execute(f"insert into completeness ({names}) values ({marks})", [*row.values()])
        for text in (query, athena):
            [(answer,)] = connection.execute(text).fetchall()
            assert answer == expected(PROMISE, rows), (number, text)
        answers.append(answer)
    assert answers.count(None) > LAKES // 4
    assert len(set(answers)) > LAKES // 10


@pytest.mark.parametrize("name", ["own", "examples", "stored"])
def test_each_table_asks_for_what_audits_tell_of_it(name: str) -> None:
    contracts = written_by_hand()[name]
    for table in contracts.tables():
        promise = promise_of(contracts, table)
        assert (promise is None) == (table.kind == "calendar" or table.source == "entities"), table.name


def test_generated_contracts_are_asked_of_the_subjects_that_the_auditor_has(tmp_path: Path) -> None:
    compared = 0
    for name, contracts in generated(SEED, CONTRACTS, tmp_path):
        for contract in contracts:
            if isinstance(contract.source, Database):
                subjects = {target.table.name for target in targets_of(contract)}
                promises = [promise_of(contracts, table) for table in contract.tables]
                asked = {subject for promise in promises if promise for subject in promise.audited}
                assert asked == subjects, name
                for source in contract.source.tables:
                    assert is_compared(source, current_table(contract, source)), name
                compared += 1
    assert compared > CONTRACTS // 4


def test_a_feed_may_be_silent_for_as_long_as_its_calendar_is() -> None:
    contracts: Contracts = written_by_hand()["own"]
    promise = promise_of(contracts, contracts.table("fact_quote_hourly"))
    assert promise is not None
    assert promise.audited == (contracts.feed("quotes").table.name,)
    days = promise.seconds / 86_400
    assert 3.5 < days < 5  # from Friday's close over a long weekend, and no longer


def test_audits_come_as_often_as_is_counted_on() -> None:
    assert EXPECTED_EVERY == AUDITED_EVERY
