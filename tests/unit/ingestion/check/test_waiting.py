"""Which tables' rows wait for their extraction, as the database says it: of each table by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.extraction import contract_of, extraction_sandbox, scratch_database, source_table

from core.audit.source_check import WAITING, FindWaiting, question_to_data
from core.landing.ingest_objects import EPOCH
from core.time import format_instant
from ingestion.check.ask import answer

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
