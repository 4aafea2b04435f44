"""Repairs that the auditor asks for, and the forms in which they travel: a job, the executor that does it, its outcome.

The auditor writes no fact and no ingest object: it writes a job below ``audit/runs/<run>/jobs/`` and hands its key to
an executor, one of the pipeline's own functions. The executor leaves the outcome beside it, below ``outcomes/``. Both
are read and written here alone. A job is one repair; of a provider's history it may be several, of an entity each, and
each of them has an outcome of its own.
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
    """What a run of a dataset's audit asks one executor for at once: a repair, and perhaps ``others`` like it."""

    dataset: str
    run: str
    repair: Repair
    others: tuple[Repair, ...] = ()

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """All repairs of the job, in the order of their outcomes."""
        return (self.repair, *self.others)

    def to_json(self) -> bytes:
        """The job's object: ``{"dataset": ..., "run": ..., "repair": {"kind": ..., ...}, "others": [...]}``.

        What repairs have got since releases that refuse fields which they do not know stands beside them. So do the
        others: an earlier release does the first repair alone, and the others are found missing again.
        """
        others = [_with_given(repair) for repair in self.others]
        data = {"dataset": self.dataset, "run": self.run, **_with_given(self.repair)}
        return canonical_json({**data, **({"others": others} if others else {})})

    @classmethod
    def from_json(cls, body: bytes) -> RepairJob:
        """Raises one of ``UNREADABLE``: ``ValueError`` on a kind of repair that this release does not know."""
        data = json.loads(body)
        others = tuple(map(_repair_of, data.get("others", ())))
        return typed(cls(data["dataset"], data["run"], _repair_of(data), others))


def _with_given(repair: Repair) -> dict[str, Any]:
    given = given_slots(repair.known) if isinstance(repair, FetchHistory) else []
    return {"repair": repair_to_data(repair), **({"given": given} if given else {})}


def _repair_of(data: Mapping[str, Any]) -> Repair:
    repair = repair_from_data(data["repair"])
    if isinstance(repair, FetchHistory):
        return replace(repair, known=with_given(repair.known, data.get("given", ())))
    return repair


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
    """The key of a job of an attempt; attempt 0 are the jobs of the run's end.

    ``number`` is that of its first repair in the attempt's plan.
    """
    return f"{run_prefix(run)}jobs/{attempt}-{number:03d}.json"


def number_of(key: str) -> int:
    """The number of the job under this key."""
    return int(key.rpartition("-")[2].removesuffix(".json"))


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


UNREACHED = "unreached"
CUT_OFF = "it was cut off"  # of what is not over while a job goes on


@dataclass(frozen=True, slots=True)
class RepairOutcome:
    """The end of a job: ``done``, or ``failed`` for a ``reason``, at ``finished_at`` (epoch seconds).

    Of a job of several repairs it is that of the first, ``others`` are those of the others, in their order; one that
    the job did not come to is ``unreached``, and stays owed. ``history`` are the calls of a history job, ``revived``
    the objects that a job brought back; None where the job was of another kind. ``redriven`` are the dead letters that
    a job moved, None where it moved all that it was asked for. ``counts`` say how much was changed; each is a field of
    its own in the stored form, and any other field that a later release adds is passed over. ``effort`` is what the
    whole job took, None where an earlier release did it.
    """

    result: str
    reason: str = ""
    finished_at: int = 0
    history: tuple[HistoryCall, ...] | None = None
    revived: tuple[str, ...] | None = None
    redriven: tuple[str, ...] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    effort: Effort | None = None
    others: tuple[RepairOutcome, ...] = ()

    def of(self, place: int) -> RepairOutcome:
        """The outcome of the job's repair at this place, without its neighbours'.

        An earlier release, which does the first repair of a job alone, leaves none of the others.
        """
        if place == 0:
            return replace(self, others=())
        if place <= len(self.others):
            return self.others[place - 1]
        return RepairOutcome(UNREACHED, "an earlier release did the first repair of the job alone", self.finished_at)

    def to_json(self) -> bytes:
        """The outcome's object."""
        return canonical_json(self._to_data())

    def _to_data(self) -> dict[str, Any]:
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
        if self.others:
            data["others"] = [outcome._to_data() for outcome in self.others]
        return data

    @classmethod
    def from_json(cls, body: bytes) -> RepairOutcome:
        """Read what ``to_json`` gave. Raises one of ``UNREADABLE`` where it is something else."""
        return typed(cls._from_data(json.loads(body)))

    @classmethod
    def _from_data(cls, data: dict[str, Any]) -> RepairOutcome:
        history, revived, redriven, effort = (
            data.pop(name, None) for name in ("history", "revived", "redriven", "effort")
        )
        others = data.pop("others", ())
        return cls(
            result=data.pop("result"),
            reason=data.pop("reason", ""),
            finished_at=epoch(data.pop("finished_at")),
            history=None if history is None else tuple(HistoryCall.from_data(call) for call in history),
            revived=None if revived is None else tuple(revived),
            redriven=None if redriven is None else tuple(redriven),
            counts={name: value for name, value in data.items() if type(value) is int},
            effort=None if effort is None else Effort.from_data(effort),
            others=tuple(map(cls._from_data, others)),
        )


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


# ---------------------------------------------------------------- jobs that were cut off


def write_asking(store: ObjectWriter, job: str, place: int) -> None:
    """Say that the job's repair at this place is about to be done: if nothing is heard any more, it ended the function.

    It lies below ``asking/`` and stays; nobody asks for it where the outcome speaks for all repairs.
    """
    store.write(_asking_key(job), canonical_json({"place": place}), content_type="application/json")


def find_asking(store: ObjectReader, job: str) -> int | None:
    """The place of the repair that the job did last; None where nobody knows."""
    stored = store.read(_asking_key(job))
    try:
        return int(json.loads(stored.body)["place"]) if stored else None
    except UNREADABLE:
        return None


def find_progress(store: ObjectReader, job: str, repairs: int) -> RepairOutcome | None:
    """The outcome of a job of so many repairs; of one that was cut off with the failure of what it did last.

    The others that it did not come to are ``unreached``.
    """
    outcome = find_outcome(store, job)
    parts = [outcome.of(place) if outcome else RepairOutcome(UNREACHED, CUT_OFF) for place in range(repairs)]
    if repairs == 1 or all(part.reason != CUT_OFF for part in parts):
        return outcome
    last = find_asking(store, job)
    if last is None or not 0 <= last < repairs:
        return outcome
    if parts[0].reason == CUT_OFF and not parts[0].history:
        parts[0] = replace(parts[0], result=UNREACHED)
    if parts[last].reason == CUT_OFF:
        parts[last] = replace(parts[last], result="failed", reason="the function ended while it was asked for")
    return replace(parts[0], others=tuple(parts[1:]))


def _asking_key(job: str) -> str:
    return job.replace("/jobs/", "/asking/")
