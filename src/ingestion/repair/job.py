"""A repair job for acquisition: history from the provider, or an ingest object that somebody deleted.

The job is a paper of the audit in the warehouse bucket, and so is the word that is left of it. A job that is given
again goes on where it stopped: what was settled is not asked for a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from core.audit.history import HistoryRequest
from core.audit.repair_jobs import Compare, FetchHistory, Repair, Revive, repair_from_data
from core.errors import InvalidData, StarmendError
from core.json import canonical_json
from core.ports import Log, ObjectStore
from core.time import format_second, iso

Ask = Callable[[Mapping[str, Any]], dict[str, Any]]  # HistoryRequest in, HistoryOutcome out, both as JSON data


class DeletedObjects(Protocol):
    """Objects that were deleted from a versioned bucket."""

    def revive(self, key: str) -> bool:
        """Let the newest old version be the object again; False where S3 has none. Done twice it changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Bench:
    """What a job needs of the world. ``records`` is the warehouse bucket, for the audit's papers alone."""

    records: ObjectStore
    ask: Ask
    ingest: DeletedObjects
    now: Callable[[], datetime]
    log: Log


@dataclass(frozen=True, slots=True)
class Word:
    """What became of a job: ``error`` is empty where it is settled, else the name that the state machine retries by."""

    error: str
    reason: str
    counts: Mapping[str, int]


def carry_out(bench: Bench, job: str) -> Word:
    """Do the job under this key, and leave word of it. Raises ``InvalidData`` where there is no such job,
    ``TransientFailure`` where the store of the papers fails."""
    stored = bench.records.read(job)
    if stored is None:
        raise InvalidData("repair", job, "there is no such job", "Start the audit again")
    repair = repair_from_data(json.loads(stored.body)["repair"])
    key = job.replace("/jobs/", "/outcomes/")
    before = bench.records.read(key)
    told = json.loads(before.body) if before else {}
    try:
        outcome, word = _do(bench, repair, told)
    except StarmendError as error:
        outcome = {**told, "result": "failed", "reason": str(error)}
        word = Word(type(error).__name__, str(error), {})
    outcome["finished_at"] = format_second(bench.now())
    bench.records.write(key, canonical_json(outcome), content_type="application/json")
    bench.log.info("repair job done", job=job, kind=repair.kind, error=word.error, **word.counts)
    return word


def _do(bench: Bench, repair: Repair, told: Mapping[str, Any]) -> tuple[dict[str, Any], Word]:
    if isinstance(repair, FetchHistory | Compare):
        return _history(bench, repair, told)
    if isinstance(repair, Revive):
        revived = [key for key in repair.objects if bench.ingest.revive(key)]
        lost = len(repair.objects) - len(revived)
        return {"result": "done", "reason": "", "revived": revived}, Word(
            "", "", {"revived": len(revived), "lost": lost}
        )
    raise InvalidData("repair", repair.kind, "is no job for this function", "See repair_jobs.executor_of")


def _history(bench: Bench, repair: FetchHistory | Compare, told: Mapping[str, Any]) -> tuple[dict[str, Any], Word]:
    """One call for each range, the first one that is not answered ends the job for now."""
    settled = {tuple(one["asked"]): one for one in told.get("history", ()) if one["result"] == "answered"}
    history: list[dict[str, Any]] = []
    stopped: dict[str, Any] | None = None
    for start, end in repair.ranges:
        asked = (iso(start), iso(end))
        if asked in settled:
            history.append(settled[asked])
            continue
        request = HistoryRequest(repair.dataset, repair.entity, start, end, isinstance(repair, Compare))
        outcome = {**bench.ask(request.to_data()), "asked": list(asked)}
        history.append(outcome)
        if outcome["result"] != "answered":
            stopped = outcome
            break
    counts = {
        "asked": len(history),
        "healed": sum(len(one["healed"]) for one in history),
        "absent": sum(len(one["absent"]) for one in history),
    }
    # Limited and broken may be otherwise in a while; a refusal will not. A comparison is not worth a second try.
    names = {"limited": "ProviderLimited", "broken": "ProviderBroken"} if isinstance(repair, FetchHistory) else {}
    error = names.get(stopped["result"], "") if stopped else ""
    reason = stopped["reason"] if stopped else ""
    return {"result": "done", "reason": reason, "history": history}, Word(error, reason, counts)
