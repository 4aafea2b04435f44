"""Repair jobs of acquisition: history from the provider, or an ingest object that somebody deleted.

The job lies in the warehouse bucket, and so does its outcome. A job that is given again goes on where it stopped: a
range that was answered is not asked for a second time. While a job goes on, what was answered so far is kept, so that a
function which is killed loses the answers of its last moments alone; the entity that it asked for then comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.audit.history import HistoryOutcome
from core.audit.repair_jobs import (
    UNREACHED,
    Compare,
    FetchHistory,
    RepairJob,
    RepairOutcome,
    Revive,
    find_progress,
    read_job,
)
from core.errors import InvalidData, shown
from core.ports import Log, ObjectStore
from ingestion.repair.bad_records import keep_bad_record
from ingestion.repair.histories import FIRST, Ask, ask_entities
from ingestion.repair.progress import Progress


class DeletedObjects(Protocol):
    """Objects that were deleted from a versioned bucket."""

    def revive(self, key: str) -> bool:
        """Let the newest old version be the object again; False where S3 has none. Done twice it changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class RepairClients:
    """Ports of a repair job. ``records`` is the warehouse bucket, for jobs and outcomes alone.

    ``memory_mb`` is what the function has, 0 outside of one.
    """

    records: ObjectStore
    ask: Ask
    ingest: DeletedObjects
    now: Callable[[], datetime]
    log: Log
    memory_mb: int = 0


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The answer to the state machine: ``error`` is the name that it retries by, empty where the job is settled."""

    error: str
    reason: str
    counts: Mapping[str, int]


def carry_out(clients: RepairClients, job: str) -> TaskResult:
    """Do the job under this key, and leave its outcome.

    Raises ``InvalidData`` where there is no such job, ``TransientFailure`` where the store of jobs fails.
    """
    repairs = read_job(clients.records, job)
    before = find_progress(clients.records, job, len(repairs.repairs))
    progress = Progress(clients.records, job, repairs.repairs, before, now=clients.now)
    try:
        result = _do(clients, repairs, progress)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job is over and leaves an outcome
        progress.fail(shown(error))
        result = TaskResult(type(error).__name__, shown(error), {})
    progress.leave(clients.memory_mb)
    clients.log.info("repair job done", job=job, kind=repairs.repair.kind, error=result.error, **result.counts)
    return result


def _do(clients: RepairClients, job: RepairJob, progress: Progress) -> TaskResult:
    """Do what the job asks for; what came of it goes into the progress."""
    repair = job.repair
    if isinstance(repair, FetchHistory | Compare):

        def keep_bad(fetched: FetchHistory, outcome: HistoryOutcome) -> None:
            for record in outcome.bad:
                keep_bad_record(clients.records, fetched.dataset, fetched.entity, record, outcome, now=clients.now())

        ask_entities(clients.ask, keep_bad, progress)
        return _of_history(progress)
    if isinstance(repair, Revive):
        revived = tuple(key for key in repair.objects if clients.ingest.revive(key))
        progress.outcome = RepairOutcome("done", revived=revived)
        return TaskResult("", "", {"revived": len(revived), "lost": len(repair.objects) - len(revived)})
    raise InvalidData("repair", repair.kind, "is no job for this function", "See repair_jobs.executor_of")


def _of_history(progress: Progress) -> TaskResult:
    """What the state machine hears: it gives the job again for an error that may be over in a while."""
    outcomes = [call.outcome for part in progress.parts for call in part.calls]
    unreached = sum(part.result == UNREACHED for part in progress.parts)
    counts = {
        "asked": len(outcomes),
        "healed": sum(len(outcome.healed) for outcome in outcomes),
        "absent": sum(len(outcome.absent) for outcome in outcomes),
        **({"unreached": unreached} if unreached else {}),
    }
    failed = sorted((part for part in progress.parts if part.reason), key=lambda part: _rank(part.error))
    return TaskResult(failed[0].error, failed[0].reason, counts) if failed else TaskResult("", "", counts)


def _rank(error: str) -> int:
    """An order of errors: those that are tried again first, and none at all last."""
    return FIRST.index(error) if error in FIRST else len(FIRST) + (not error)
