"""A repair job for a database leaves its outcome before it fails, for the state machine sees only the failure.

What it fetches is tried with a real database in ``tests/scenarios/test_auditor_database.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.extraction import DATASET, LEDGER_SQL, SECRET, ledger_sandbox, scratch_database

from core.audit.efforts import Effort
from core.audit.repair_jobs import FetchRows, Repair, RepairJob, RepairOutcome, Restate, find_outcome, write_job
from core.errors import InvalidData, OutOfReach, StarmendError, TransientFailure
from ingestion.check.job import RepairClients, carry_out, checked_horizon
from ingestion.engines.port import Bound
from ingestion.extract.flow import Extraction, Promised

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)


def unreachable(dataset: str) -> Extraction:
    raise OutOfReach("connect", dataset, "no answer")


@pytest.mark.parametrize(
    ("repair", "error"),
    [(FetchRows("sales", "staff", ((1,),)), OutOfReach), (Restate("sales", "dim_staff", ("",)), InvalidData)],
)
def test_what_fails_is_raised_after_the_outcome_was_left(repair: Repair, error: type[StarmendError]) -> None:
    records = MemoryObjects()
    key = write_job(records, RepairJob("sales", "r", repair), attempt=1, number=0)
    with pytest.raises(error) as raised:
        carry_out(RepairClients(unreachable, records, lambda: NOW), key)
    assert find_outcome(records, key) == RepairOutcome("failed", str(raised.value), int(NOW.timestamp()))


def test_a_job_that_is_not_there_leaves_nothing() -> None:
    records = MemoryObjects()
    with pytest.raises(InvalidData, match="there is no such job"):
        carry_out(RepairClients(unreachable, records, lambda: NOW), "audit/runs/r/jobs/9-000.json")
    assert list(records.list("")) == []


def test_a_failed_job_has_been_paid_for_too() -> None:
    records, times = MemoryObjects(), iter([NOW, NOW + timedelta(seconds=4)])
    key = write_job(records, RepairJob("sales", "r", FetchRows("sales", "staff", ((1,),))), attempt=1, number=0)
    with pytest.raises(OutOfReach):
        carry_out(RepairClients(unreachable, records, lambda: next(times), 512), key)
    outcome = find_outcome(records, key)
    assert outcome is not None
    assert outcome.effort == Effort(4.0, 2.0)


@pytest.mark.parametrize("is_by_keys", [False, True])
def test_a_replica_that_lags_is_asked_for_the_rows_of_no_table(*, is_by_keys: bool) -> None:
    """Rows that it lacks would be marked as deleted."""
    reading: Any = SimpleNamespace(table=SimpleNamespace(name="t", by_keys=is_by_keys), precision=timedelta(seconds=1))
    extraction: Any = SimpleNamespace(source=SimpleNamespace(lookback=0, margin=0))
    held, lagging = (Bound(NOW, None, "no horizon", lags=lags) for lags in (False, True))
    with pytest.raises(TransientFailure, match="no horizon"):
        checked_horizon(extraction, Promised(extraction, extraction, lagging), reading)
    if is_by_keys:
        assert checked_horizon(extraction, Promised(extraction, extraction, held), reading) == NOW


@pytest.mark.database
def test_rows_are_fetched_by_the_session_that_the_horizon_was_taken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one may be another server's, which lacks the row as yet: it was marked as deleted."""
    with ledger_sandbox() as (database, sandbox), scratch_database(LEDGER_SQL) as lagging:
        database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
        sandbox.extract_until(lambda _: bool(sandbox.rows()))
        session = sandbox.extraction.session()
        query = session.query

        def dies_behind_the_horizon(statement: str) -> list[list[Any]]:
            rows = query(statement)
            if "pg_prepared_xacts" in statement:
                session.close()
            return rows

        monkeypatch.setattr(session, "query", dies_behind_the_horizon)
        sandbox.secrets.values[SECRET] = lagging.secret()
        monkeypatch.setattr(sandbox.extraction.connector, "still_names", lambda _: True)
        records, before = MemoryObjects(), sandbox.object_keys()
        versions, checked = ("2026-11-20T00:00:00.000000Z",), ("",)
        fetch = FetchRows(DATASET, "ledger", ((1,),), deleted=True, versions=versions, checked=checked)
        key = write_job(records, RepairJob(DATASET, "r", fetch), attempt=1, number=0)
        with pytest.raises(OutOfReach):
            carry_out(RepairClients(lambda _: sandbox.extraction, records, lambda: NOW), key)
        assert sandbox.object_keys() == before
