"""Repair jobs of acquisition: history from the provider, or an ingest object that somebody deleted.

The job lies in the warehouse bucket, and so does its outcome. A job that is given again goes on where it stopped: a
range that was answered is not asked for a second time. While a job goes on, what was answered so far is kept, so that a
function which is killed loses the answers of its last moments alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.audit.efforts import Effort, measured
from core.audit.history import NEAR, HistoryOutcome, HistoryRequest
from core.audit.repair_jobs import (
    Compare,
    FetchHistory,
    HistoryCall,
    Repair,
    RepairOutcome,
    Revive,
    find_outcome,
    read_job,
    write_outcome,
)
from core.errors import InvalidData, shown
from core.ports import Log, ObjectStore
from ingestion.repair.bad_records import keep_bad_record

KEPT_EVERY = timedelta(seconds=20)  # of a job that goes on
Ask = Callable[[Mapping[str, Any]], dict[str, Any]]  # HistoryRequest in, HistoryOutcome out, both as JSON data


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
    repair = read_job(clients.records, job).repair
    before, started = find_outcome(clients.records, job), clients.now()
    progress = _Progress(clients, job, before, started)
    try:
        outcome, result = _do(clients, repair, before, progress)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job is over and leaves an outcome
        outcome = replace(progress.outcome, reason=shown(error))
        result = TaskResult(type(error).__name__, shown(error), {})
    now = clients.now()
    effort = _effort(clients, outcome, before, (now - started).total_seconds())
    write_outcome(clients.records, job, replace(outcome, finished_at=int(now.timestamp()), effort=effort))
    clients.log.info("repair job done", job=job, kind=repair.kind, error=result.error, **result.counts)
    return result


class _Progress:
    """The outcome of a job that is not over, as it would be left: that of earlier attempts and what came since."""

    def __init__(self, clients: RepairClients, job: str, before: RepairOutcome | None, started: datetime) -> None:
        self._clients = clients
        self._job = job
        self._kept_at = started
        self.outcome = replace(before or RepairOutcome("failed"), result="failed", reason="it was cut off")

    def note(self, calls: Sequence[HistoryCall]) -> None:
        """These calls were made, in place of earlier ones of their ranges; all are written now and then."""
        ranges = {(call.start, call.end) for call in calls}
        earlier = [call for call in self.outcome.history or () if (call.start, call.end) not in ranges]
        self.outcome = replace(self.outcome, history=(*calls, *earlier))
        now = self._clients.now()
        if now - self._kept_at >= KEPT_EVERY:
            self._kept_at = now
            write_outcome(self._clients.records, self._job, replace(self.outcome, finished_at=int(now.timestamp())))


def _effort(
    clients: RepairClients, outcome: RepairOutcome, before: RepairOutcome | None, seconds: float
) -> Effort | None:
    """That of this attempt and of the job's earlier ones. A range that was answered before is not asked for again."""
    answered = {(call.start, call.end) for call in (before and before.history) or () if _is_answered(call)}
    calls = [call for call in outcome.history or () if (call.start, call.end) not in answered]
    rows = sum(len(call.outcome.healed) for call in calls)
    effort = measured(seconds, clients.memory_mb, calls=len(calls), rows=rows, writes=len(outcome.revived or ()))
    earlier = before.effort if before else None
    return effort + earlier if effort and earlier else effort or earlier


def _is_answered(call: HistoryCall) -> bool:
    return call.outcome.result == "answered"


def _do(
    clients: RepairClients, repair: Repair, before: RepairOutcome | None, progress: _Progress
) -> tuple[RepairOutcome, TaskResult]:
    """The outcome, which has no time yet, and the answer."""
    if isinstance(repair, FetchHistory | Compare):
        answered = [call for call in (before.history or () if before else ()) if _is_answered(call)]
        return _history(clients, repair, answered, progress)
    if isinstance(repair, Revive):
        revived = tuple(key for key in repair.objects if clients.ingest.revive(key))
        counts = {"revived": len(revived), "lost": len(repair.objects) - len(revived)}
        return RepairOutcome("done", revived=revived), TaskResult("", "", counts)
    raise InvalidData("repair", repair.kind, "is no job for this function", "See repair_jobs.executor_of")


def _history(
    clients: RepairClients, repair: FetchHistory | Compare, answered: Sequence[HistoryCall], progress: _Progress
) -> tuple[RepairOutcome, TaskResult]:
    """One call for each range that was not answered before; the first that is not answered now ends the job."""
    known = {(call.start, call.end): call for call in answered}
    calls: list[HistoryCall] = []
    for start, end in repair.ranges:
        call = known.get((start, end)) or _ask(clients, repair, start, end)
        calls.append(call)
        progress.note(calls)
        if call.outcome.result != "answered":
            break
    counts = {
        "asked": len(calls),
        "healed": sum(len(call.outcome.healed) for call in calls),
        "absent": sum(len(call.outcome.absent) for call in calls),
    }
    last = calls[-1].outcome if calls else HistoryOutcome("answered")
    # Limited and broken may be otherwise in a while; a refusal will not. A comparison is not worth a second try.
    names = {"limited": "ProviderLimited", "broken": "ProviderBroken"} if isinstance(repair, FetchHistory) else {}
    reason = "" if last.result == "answered" else last.reason
    return RepairOutcome("done", reason, history=tuple(calls)), TaskResult(names.get(last.result, ""), reason, counts)


def _ask(clients: RepairClients, repair: FetchHistory | Compare, start: int, end: int) -> HistoryCall:
    every, wanted, known = (
        (repair.every, repair.wanted, repair.known) if isinstance(repair, FetchHistory) else (0, (), ())
    )
    inside = tuple((max(start, first), min(end, last)) for first, last in wanted if first < end and start < last)
    near = tuple(each for each in known if start - NEAR <= each.slot < end + NEAR)
    request = HistoryRequest(
        repair.dataset, repair.entity, start, end, isinstance(repair, Compare), every, inside, known=near
    )
    outcome = HistoryOutcome.from_data(clients.ask(request.to_data()))
    if isinstance(repair, FetchHistory):
        for record in outcome.bad:
            keep_bad_record(clients.records, repair.dataset, repair.entity, record, outcome, now=clients.now())
    return HistoryCall(start, end, outcome)
