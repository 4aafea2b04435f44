"""Which tables' rows wait for their extraction, as the database says it: of each table by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.extraction import (
    LEDGER,
    LEDGER_SQL,
    OTHER,
    TWO_TABLES,
    contract_of,
    extraction_sandbox,
    scratch_database,
    source_table,
)

from core.audit.source_check import WAITING, FindWaiting, question_to_data
from core.landing.ingest_objects import EPOCH
from core.time import format_instant
from ingestion.check.ask import answer
from ingestion.extract.budget import Budget

pytestmark = pytest.mark.database
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_table_whose_rows_wait_is_told_from_one_that_is_quiet_and_a_refused_one_waits() -> None:
    names = ("quiet", "waiting", "lost", "empty")
    tables = [source_table(name, key=["n"], n="int", last_updated="timestamp") for name in names]
    there = [f"CREATE TABLE {name} (n int PRIMARY KEY, last_updated timestamp)" for name in names if name != "lost"]
    rows = [f"INSERT INTO {name} VALUES (1, '2026-11-20 11:00'), (2, '2026-11-20 13:00')" for name in names[:2]]
    with scratch_database(*there, *rows) as database:
        sandbox = extraction_sandbox(contract_of(*tables), secret=database.secret())
        since = {
            "quiet": format_instant(NOON.replace(hour=11, minute=30)),
            "waiting": format_instant(NOON.replace(hour=11)),
            "lost": format_instant(NOON.replace(hour=11)),
            "empty": format_instant(EPOCH),
        }
        question = FindWaiting("shop", since, format_instant(NOON))
        assert answer(sandbox.extraction, question_to_data(question), sandbox.objects) == {WAITING: ["waiting", "lost"]}


def test_a_row_that_was_brought_by_an_object_cut_right_behind_it_does_not_wait() -> None:
    rows = "INSERT INTO ledger (note, last_updated) SELECT 'x', '2026-11-20 11:00'::timestamp + n * interval '1 s'"
    with scratch_database(LEDGER_SQL, f"{rows} FROM generate_series(1, 3) AS row (n)") as database:
        cut = None
        for calls in range(1, 15):  # of the clock, until the time is over: in one of these right behind the last row
            sandbox = extraction_sandbox(contract_of(LEDGER), secret=database.secret())
            times = iter([0.0] * calls)
            sandbox.extract(budget=Budget(lambda times=times: next(times, 100.0), 50.0))
            facts = sandbox.facts()
            if facts and not facts[-1].last and facts[-1].rows == 3:
                cut = facts[-1]
                break
        assert cut is not None
        position = cut.next_position
        assert position.after is not None
        since, until = {"ledger": format_instant(position.at)}, format_instant(NOON)
        question = FindWaiting("shop", since, until, {"ledger": position.after})
        assert answer(sandbox.extraction, question_to_data(question), sandbox.objects) == {WAITING: []}
        alone = FindWaiting("shop", since, until)
        assert answer(sandbox.extraction, question_to_data(alone), sandbox.objects) == {WAITING: ["ledger"]}


def test_a_table_that_does_not_answer_in_time_waits_and_the_others_are_asked() -> None:
    with scratch_database(*TWO_TABLES) as database:
        sandbox = extraction_sandbox(contract_of(LEDGER, OTHER), secret=database.secret())
        extraction = replace(sandbox.extraction, statement_seconds=0.5)
        holder = database.connect(autocommit=False)
        holder.cursor().execute("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
        since = dict.fromkeys(("ledger", "other"), format_instant(NOON.replace(hour=11)))
        question = question_to_data(FindWaiting("shop", since, format_instant(NOON)))
        try:
            assert answer(extraction, question, sandbox.objects) == {WAITING: ["ledger"]}
        finally:
            holder.rollback()
            holder.close()


def test_a_quiet_table_waits_for_what_an_open_transaction_may_have_written_before_the_instant() -> None:
    """Its rows bear its start (``now()`` is that of the transaction), and nobody sees them until it commits."""
    with scratch_database(LEDGER_SQL) as database:
        sandbox = extraction_sandbox(contract_of(LEDGER), secret=database.secret())
        writer = database.connect(autocommit=False)
        cursor = writer.cursor()
        cursor.execute("INSERT INTO ledger (note, last_updated) VALUES ('x', now()) RETURNING now()")
        ((began,),) = cursor.fetchall()
        before, after = began - timedelta(minutes=5), began + timedelta(milliseconds=1)
        try:
            for until, waiting in [(before, []), (after, ["ledger"])]:
                question = FindWaiting("shop", {"ledger": format_instant(EPOCH)}, format_instant(until))
                assert answer(sandbox.extraction, question_to_data(question), sandbox.objects) == {WAITING: waiting}
        finally:
            writer.rollback()
            writer.close()


@pytest.mark.parametrize(("lookback", "waiting"), [(0, ["seen"]), (60, [])])
def test_a_table_that_other_transactions_than_the_servers_write_waits_unless_a_lookback_bounds_them(
    lookback: int, waiting: list[str]
) -> None:
    table = source_table("seen", key=["n"], n="int", last_updated="timestamp")
    view = "CREATE MATERIALIZED VIEW seen AS SELECT 1 AS n, timestamp '2026-11-20 13:00' AS last_updated"
    with scratch_database(view) as database:
        sandbox = extraction_sandbox(contract_of(table, lookback=lookback), secret=database.secret())
        question = FindWaiting("shop", {"seen": format_instant(EPOCH)}, format_instant(NOON))
        assert answer(sandbox.extraction, question_to_data(question), sandbox.objects) == {WAITING: waiting}
