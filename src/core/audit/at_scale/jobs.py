"""Jobs of a run at scale: one worker's share of a rebuild, a replay, an audit or a proof. Pure.

They lie where the auditor's repair jobs do, in the same form, and leave their outcomes where those do. What a worker
found beyond counts lies beside them, below ``details/``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union

from core.audit.repair_jobs import RepairJob, Reprocess, Restate, find_job, job_key
from core.contract.codec import from_data, to_data
from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json, object_if_any
from core.ports import ObjectReader, ObjectWriter
from core.typed import typed


@dataclass(frozen=True, slots=True)
class OfRange:
    """Something to be seen of a dataset, in ``[start, end)`` (ISO 8601)."""

    dataset: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Scan(OfRange):
    """Audit a range, of the named tables alone where there are any; nothing is repaired.

    ``beside``: also what no time bounds and what lies beside the rows, which is one share's for all of a range.
    """

    tables: tuple[str, ...] = ()
    beside: bool = True
    kind: Literal["scan"] = "scan"


@dataclass(frozen=True, slots=True)
class Prove(OfRange):
    """Prove the certificates of the windows that begin in a range."""

    kind: Literal["prove"] = "prove"


Work = Union[Restate, Reprocess, Scan, Prove]  # noqa: UP007  (the codec reads the members at run time)
_LOOKS = ("scan", "prove")  # kinds that repair nothing
Worker = Literal["restate", "audit"]
_WORKERS: Mapping[str, Worker] = {"restate": "restate", "reprocess": "restate", "scan": "audit", "prove": "audit"}


def worker_of(work: Work) -> Worker:
    """The function that does it."""
    return _WORKERS[work.kind]


def parts_of(work: Work) -> tuple[str, ...]:
    """What it is done with, for people: partitions, objects, or a range."""
    if isinstance(work, Restate):
        return work.partitions
    return work.objects if isinstance(work, Reprocess) else (f"{work.dataset} {work.start} to {work.end}",)


@dataclass(frozen=True, slots=True)
class JobAtScale:
    """A worker's share of a run."""

    run: str
    work: Work


def write_work(store: ObjectWriter, job: JobAtScale, *, attempt: int, number: int) -> str:
    """Store a job under its key, which is returned."""
    key = job_key(job.run, attempt, number)
    body = {"dataset": job.work.dataset, "run": job.run, "repair": to_data(job.work)}
    store.write(key, canonical_json(body), content_type="application/json")
    return key


def read_work(store: ObjectReader, key: str) -> JobAtScale:
    """The job under this key. Raises ``InvalidData`` where there is none, or one of another release."""
    stored = store.read(key)
    if stored is None:
        raise InvalidData("work at scale", key, "there is no such job", "Begin a run anew")
    try:
        data = json.loads(stored.body)
        return typed(JobAtScale(data["run"], from_data(Work, data["repair"])))
    except UNREADABLE as error:
        raise InvalidData("work at scale", key, str(error), "Deploy this release, then begin a run anew") from error


def find_repair(store: ObjectReader, key: str) -> RepairJob | None:
    """The repair job under this key; None where there is none, or one that only looks (``Scan``, ``Prove``).

    Raises ``InvalidData`` where the object is no job.
    """
    stored = store.read(key)
    try:
        kind = json.loads(stored.body)["repair"]["kind"] if stored else None
    except UNREADABLE as error:
        raise InvalidData("read job", key, f"is no job ({error!r})", "Begin a run anew") from error
    return None if kind is None or kind in _LOOKS else find_job(store, key)


def write_details(store: ObjectWriter, job: str, details: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Leave what the job under this key found."""
    store.write(_details_key(job), canonical_json(details), content_type="application/json")


def read_details(store: ObjectReader, job: str) -> dict[str, list[dict[str, Any]]]:
    """What the job under this key found; empty where it left nothing. Raises ``InvalidData`` on anything else."""
    stored = store.read(_details_key(job))
    details = object_if_any(stored.body) if stored else {}
    if stored and not (details and all(map(_are_rows, details.values()))) and stored.body.strip() != b"{}":
        raise InvalidData("work at scale", _details_key(job), "are no details of a job", "Begin a run anew")
    return details


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _details_key(job: str) -> str:
    return job.replace("/jobs/", "/details/")
