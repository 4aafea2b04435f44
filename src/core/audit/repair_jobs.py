"""Repairs that the auditor asks for, and the forms in which they travel: a job, the executor that does it, its outcome.

The auditor writes no fact and no ingest object: it writes a job below ``audit/runs/<run>/jobs/``, one repair each, and
hands its key to an executor, one of the pipeline's own functions. The executor leaves the outcome beside it, below
``outcomes/``. Both are read and written here alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Union

from core.audit.efforts import IDEAS, Effort
from core.audit.findings import OfPartition, OfRows
from core.audit.history import HistoryOutcome, KnownValue, Ranges, given_slots, with_given
from core.contract.codec import from_data, to_data
from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectInfo, ObjectReader, ObjectWriter
from core.time import epoch, iso
from core.typed import typed

RUNS = "audit/runs/"
_RUN = re.compile(r"[A-Za-z0-9._-]{1,120}")


# ---------------------------------------------------------------- repairs


@dataclass(frozen=True, slots=True)
class OfObjects:
    """Something to be done with ingest objects, by their keys."""

    dataset: str
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfPartitions:
    """Something to be done with partitions of a table."""

    dataset: str
    table: str
    partitions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reprocess(OfObjects):
    """Queue ingest objects to be processed again."""

    kind: Literal["reprocess"] = "reprocess"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The ingest objects that partitions are made of, as they were known ``at`` a time (ISO 8601).

    ``objects`` are all that may have rows of them. What came later lies behind ``after``, a key for each prefix.
    ``placing`` says by which folder and which rules of placing they were looked up (empty: an earlier release did).
    """

    objects: tuple[str, ...]
    after: tuple[tuple[str, str], ...]
    at: str
    placing: str = ""


@dataclass(frozen=True, slots=True)
class Restate(OfPartitions):
    """Make partitions again: facts whole from the ingest objects, derived ones from their inputs.

    ``inputs`` spare a fact's partitions the reading of all objects of their source; None: nobody has looked them up.
    ``allow_fewer``: even where keys or newer rows would go. ``folder`` names the table's generation, empty: the
    deployed one; nothing is to be done in one that is written no more.
    """

    inputs: Inputs | None = None
    allow_fewer: bool = False
    folder: str = ""
    kind: Literal["restate"] = "restate"


@dataclass(frozen=True, slots=True)
class Revive(OfObjects):
    """Bring back S3's own old versions of ingest objects."""

    kind: Literal["revive"] = "revive"


@dataclass(frozen=True, slots=True)
class FetchHistory:
    """Ask the provider for these ranges of one entity, one call each, into the feed's stream.

    ``wanted`` are the points that are missing within them, as ranges; empty: all. ``every`` and ``known``: see
    ``HistoryRequest``.
    """

    dataset: str
    entity: str
    ranges: Ranges
    points: int
    every: int = 0
    wanted: Ranges = ()
    known: tuple[KnownValue, ...] = ()
    kind: Literal["fetch_history"] = "fetch_history"


@dataclass(frozen=True, slots=True)
class Compare:
    """Ask the provider for its values of these points of one entity, one call for each range; nothing is written."""

    dataset: str
    entity: str
    ranges: Ranges
    kind: Literal["compare"] = "compare"


@dataclass(frozen=True, slots=True)
class FetchRows(OfRows):
    """Extract rows by key, outside the sequence.

    ``deleted``: the warehouse has them where the source has them no more (``DeletedRows``, ``MovedRows``): the version
    that it has of each is marked as deleted.
    """

    deleted: bool = False
    versions: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    kind: Literal["fetch_rows"] = "fetch_rows"


@dataclass(frozen=True, slots=True)
class ExtractAgain:
    """Extract an interval of a table again, outside the sequence (ISO 8601, half-open), for the object ``number``."""

    dataset: str
    table: str
    start: str
    end: str
    number: int = 0
    kind: Literal["extract_again"] = "extract_again"


@dataclass(frozen=True, slots=True)
class PutParameters:
    """Write parameters as the objects prove them; each is (name, stored value, right value)."""

    dataset: str
    parameters: tuple[tuple[str, str, str], ...]
    kind: Literal["put_parameters"] = "put_parameters"


@dataclass(frozen=True, slots=True)
class Redrive:
    """Send dead letters back to the queue that they came from."""

    dataset: str
    messages: tuple[str, ...]
    kind: Literal["redrive"] = "redrive"


@dataclass(frozen=True, slots=True)
class Vacuum(OfPartitions):
    """Remove the unreferenced objects of these partitions (``core.warehouse.vacuum``)."""

    kind: Literal["vacuum"] = "vacuum"


@dataclass(frozen=True, slots=True)
class PlantGap(OfPartition):
    """Take a row out of a canary's fact, once a day (ISO 8601), for the next audit to find."""

    day: str
    kind: Literal["plant_gap"] = "plant_gap"


Repair = Union[  # noqa: UP007  (the codec reads the members at run time)
    Reprocess, Restate, Revive, FetchHistory, Compare, FetchRows, ExtractAgain, PutParameters, Redrive, Vacuum, PlantGap
]


# ---------------------------------------------------------------- executors

Executor = Literal["process", "restate", "acquire", "extract"]
_EXECUTORS: Mapping[str, Executor] = {
    "reprocess": "process",
    "restate": "restate",
    "vacuum": "restate",
    "plant_gap": "restate",
    "revive": "acquire",
    "fetch_history": "acquire",
    "compare": "acquire",
    "fetch_rows": "extract",
    "extract_again": "extract",
    "put_parameters": "process",
    "redrive": "process",
}


def executor_of(repair: Repair) -> Executor:
    """The executor of a repair: the queue of processing, or the restate, the repair or the check function."""
    return _EXECUTORS[repair.kind]


def idea_of(repair: Repair) -> str:
    """The idea of repair that costs are told apart by: ``history``, ``re-extract``, ``restate`` or ``replay``."""
    return IDEAS[executor_of(repair)]


# ---------------------------------------------------------------- jobs


@dataclass(frozen=True, slots=True)
class RepairJob:
    """One repair that a run of a dataset's audit asks for."""

    dataset: str
    run: str
    repair: Repair

    def to_json(self) -> bytes:
        """The job's object: ``{"dataset": ..., "run": ..., "repair": {"kind": ..., ...}}``.

        What repairs have got since releases that refuse fields which they do not know stands beside them.
        """
        data = {"dataset": self.dataset, "run": self.run, "repair": repair_to_data(self.repair)}
        given = given_slots(self.repair.known) if isinstance(self.repair, FetchHistory) else []
        return canonical_json({**data, **({"given": given} if given else {})})

    @classmethod
    def from_json(cls, body: bytes) -> RepairJob:
        """Raises one of ``UNREADABLE``: ``ValueError`` on a kind of repair that this release does not know."""
        data = json.loads(body)
        repair = repair_from_data(data["repair"])
        if isinstance(repair, FetchHistory):
            repair = replace(repair, known=with_given(repair.known, data.get("given", ())))
        return typed(cls(data["dataset"], data["run"], repair))


def repair_to_data(repair: Repair) -> dict[str, Any]:
    """JSON-ready data; fields that equal their default are left out, but for ``kind``."""
    return to_data(repair)  # type: ignore[no-any-return]


def repair_from_data(data: Mapping[str, Any]) -> Repair:
    """Read what ``repair_to_data`` gave. Raises ``ValueError`` on a kind that this release does not know."""
    return from_data(Repair, data)  # type: ignore[no-any-return]


def run_prefix(run: str) -> str:
    """The folder of a run's objects. Raises ``InvalidData`` where the run's name cannot be part of a key."""
    if not _RUN.fullmatch(run):
        raise InvalidData("name a run", run, "has characters that a key should not have", "Use A-Z, a-z, 0-9, . _ -")
    return f"{RUNS}{run}/"


def job_key(run: str, attempt: int, number: int) -> str:
    """The key of the job ``number`` of an attempt; attempt 0 are the jobs of the run's end."""
    return f"{run_prefix(run)}jobs/{attempt}-{number:03d}.json"


def job_keys(store: ObjectReader, run: str, attempt: int) -> Iterator[str]:
    """The keys of an attempt's jobs, in order."""
    return (info.key for info in store.list(f"{run_prefix(run)}jobs/{attempt}-"))


def write_job(store: ObjectWriter, job: RepairJob, *, attempt: int, number: int) -> str:
    """Store a job under its key, which is returned."""
    key = job_key(job.run, attempt, number)
    store.write(key, job.to_json(), content_type="application/json")
    return key


def find_job(store: ObjectReader, key: str) -> RepairJob | None:
    """The job under this key; None where there is none. Raises ``InvalidData`` where the object is no job."""
    stored = store.read(key)
    try:
        return RepairJob.from_json(stored.body) if stored else None
    except UNREADABLE as error:
        problem = f"is no job that this release knows ({error!r})"
        raise InvalidData("read job", key, problem, "Start the audit again") from error


def read_job(store: ObjectReader, key: str) -> RepairJob:
    """The job under this key. Raises ``InvalidData`` where there is none, or the object is none."""
    job = find_job(store, key)
    if job is None:
        raise InvalidData("repair", key, "there is no such job", "Start the audit again")
    return job


# ---------------------------------------------------------------- outcomes


@dataclass(frozen=True, slots=True)
class HistoryCall:
    """A range ``[start, end)`` that a provider was asked for (epoch seconds), and what came of it."""

    start: int
    end: int
    outcome: HistoryOutcome

    def to_data(self) -> dict[str, Any]:
        """The outcome's JSON data with the range as ``asked``."""
        return {**self.outcome.to_data(), "asked": [iso(self.start), iso(self.end)]}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> HistoryCall:
        """Read what ``to_data`` gave."""
        start, end = data["asked"]
        return cls(epoch(start), epoch(end), HistoryOutcome.from_data(data))


@dataclass(frozen=True, slots=True)
class RepairOutcome:
    """The end of a job: ``done``, or ``failed`` for a ``reason``, at ``finished_at`` (epoch seconds).

    ``history`` are the calls of a history job, ``revived`` the objects that a job brought back; None where the job was
    of another kind. ``redriven`` are the dead letters that a job moved, None where it moved all that it was asked for.
    ``counts`` say how much was changed; each is a field of its own in the stored form. ``effort`` is what the job took,
    None where an earlier release did it.
    """

    result: str
    reason: str = ""
    finished_at: int = 0
    history: tuple[HistoryCall, ...] | None = None
    revived: tuple[str, ...] | None = None
    redriven: tuple[str, ...] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    effort: Effort | None = None

    def to_json(self) -> bytes:
        """The outcome's object."""
        data: dict[str, Any] = {
            **self.counts,
            "result": self.result,
            "reason": self.reason,
            "finished_at": iso(self.finished_at),
        }
        if self.history is not None:
            data["history"] = [call.to_data() for call in self.history]
        if self.revived is not None:
            data["revived"] = list(self.revived)
        if self.redriven is not None:
            data["redriven"] = list(self.redriven)
        if self.effort is not None:
            data["effort"] = self.effort.to_data()
        return canonical_json(data)

    @classmethod
    def from_json(cls, body: bytes) -> RepairOutcome:
        """Read what ``to_json`` gave. Raises one of ``UNREADABLE`` where it is something else."""
        data = json.loads(body)
        history, revived, redriven, effort = (
            data.pop(name, None) for name in ("history", "revived", "redriven", "effort")
        )
        outcome = cls(
            result=data.pop("result"),
            reason=data.pop("reason", ""),
            finished_at=epoch(data.pop("finished_at")),
            history=None if history is None else tuple(HistoryCall.from_data(call) for call in history),
            revived=None if revived is None else tuple(revived),
            redriven=None if redriven is None else tuple(redriven),
            counts=data,
            effort=None if effort is None else Effort.from_data(effort),
        )
        return typed(outcome)


def outcomes_of_runs(store: ObjectReader) -> Iterator[ObjectInfo]:
    """The outcomes of all runs that the lake still has, in no order of time."""
    return (info for info in store.list(RUNS) if "/outcomes/" in info.key)


def job_of_outcome(key: str) -> str:
    """The key of the job whose outcome lies under this key."""
    return key.replace("/outcomes/", "/jobs/")


def outcome_key(job: str) -> str:
    """The key of the outcome of the job under this key."""
    return job.replace("/jobs/", "/outcomes/")


def write_outcome(store: ObjectWriter, job: str, outcome: RepairOutcome) -> None:
    """Leave the outcome of the job under this key, in place of an earlier one."""
    store.write(outcome_key(job), outcome.to_json(), content_type="application/json")


def find_outcome(store: ObjectReader, job: str) -> RepairOutcome | None:
    """The outcome of the job under this key; None where it left none (yet), or none that can be read."""
    stored = store.read(outcome_key(job))
    try:
        return RepairOutcome.from_json(stored.body) if stored else None
    except UNREADABLE:
        return None
