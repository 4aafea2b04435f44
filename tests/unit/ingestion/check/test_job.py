"""A repair job for a database leaves its outcome before it fails, for the state machine sees only the failure.

What it fetches is tried with a real database in ``tests/scenarios/test_auditor_database.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.objects import MemoryObjects

from core.audit.efforts import Effort
from core.audit.repair_jobs import FetchRows, Repair, RepairJob, RepairOutcome, Restate, find_outcome, write_job
from core.errors import InvalidData, OutOfReach, StarmendError
from ingestion.check.job import RepairClients, carry_out
from ingestion.extract.flow import Extraction

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
