"""Events between the steps of the state machine: input and answer of each step, and the codec of all.

The attributes are the JSON fields that the state machine's definition (``terraform/``) names. What travels is keys and
counts: a state machine carries 256 KB and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

from auditor.services import Services
from core.audit.repair_jobs import Executor
from core.contract.codec import from_data, to_data
from core.errors import InvalidData

Json = dict[str, Any]
Input = TypeVar("Input")
Answer = TypeVar("Answer")
More = ParamSpec("More")


# ---------------------------------------------------------------- inputs


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """The execution's input. ``start`` and ``end`` bound a range, empty for what is due; ``now`` is empty for now.

    All three are ISO 8601. ``tables`` are the source tables of a database that are compared; empty: all of them.
    """

    dataset: str
    start: str = ""
    end: str = ""
    now: str = ""
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditInput:
    """Begin of an audit; ``run`` is the execution's name."""

    order: AuditRequest
    run: str


@dataclass(frozen=True, slots=True)
class AttemptInput:
    """An attempt of a run: the last that was made, for planning the next one, verifying or certifying."""

    dataset: str
    run: str
    attempt: int


@dataclass(frozen=True, slots=True)
class JobInput:
    """A repair job, by its key."""

    job: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Points or rows of the last scan, certificates issued, and how many of the certified were repaired."""

    expected: int = 0
    present: int = 0
    absent: int = 0
    missing: int = 0
    certificates: int = 0
    repaired: int = 0


@dataclass(frozen=True, slots=True)
class ConcludeInput:
    """End of an audit; with ``error`` it is one that failed, and has no counts."""

    dataset: str
    run: str
    counts: Counts = field(default_factory=Counts)
    error: str = ""


# ---------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """Summary of a scan. ``exhausted``: no attempt is left; None before any.

    ``healthy``: nothing of the data is amiss. ``idle``: nor is there anything to compare or to clear away.
    """

    dataset: str
    run: str
    attempt: int
    windows: int
    whole: int
    expected: int
    present: int
    absent: int
    missing: int
    findings: int
    kinds: Mapping[str, int]
    healthy: bool
    idle: bool
    exhausted: bool | None = None


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job by its key, and its executor (``door`` to the state machine)."""

    job: str
    door: Executor


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """The jobs of an attempt, and what it costs: calls of the provider, rows.

    ``waiting`` counts what the next run may repair, ``helpless`` the findings that no repair can heal.
    """

    attempt: int
    jobs: tuple[PlannedJob, ...]
    planned: int
    calls: int
    rows: int
    waiting: int
    helpless: int


@dataclass(frozen=True, slots=True)
class QueueAnswer:
    """How many objects, parameters or dead letters a job had."""

    queued: int


@dataclass(frozen=True, slots=True)
class CertifyAnswer:
    """Counts of an audit's end, and the jobs that make its ``rollups`` again.

    Certificates issued, rows of them that were repaired, windows still open, causes for the admins, points that may yet
    heal.
    """

    certificates: int
    repaired: int
    open: int
    causes: int
    healing: int
    rollups: tuple[JobInput, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """Causes by name: those a message was sent for, those known before, those that are over, those held back.

    ``unheard`` are those that wait until somebody is there to hear of them.

    ``failure`` is what the audit failed with, which its execution ends with; empty where it did not fail.
    """

    sent: tuple[str, ...]
    known: tuple[str, ...]
    recovered: tuple[str, ...]
    silenced: tuple[str, ...] = ()
    failure: str = ""
    unheard: tuple[str, ...] = ()


# ---------------------------------------------------------------- codec


def to_event(answer: Any) -> Json:
    """JSON data of an answer."""
    return to_data(answer)  # type: ignore[no-any-return]


def from_event(kind: type[Input], data: Mapping[str, Any]) -> Input:
    """An input out of JSON data; null counts as not given, and fields that the step does not know are passed over.

    Raises ``InvalidData`` where a field without a default is not given.
    """
    return from_data(kind, _known(kind, data))  # type: ignore[no-any-return]


def _known(kind: Any, data: Mapping[str, Any]) -> Json:
    hints = get_type_hints(kind)
    known = {}
    for each in fields(kind):
        value = data.get(each.name)
        if value is not None:
            known[each.name] = _known(hints[each.name], value) if is_dataclass(hints[each.name]) else value
        elif each.default is MISSING and each.default_factory is MISSING:
            raise InvalidData("read event", kind.__name__, f"has no {each.name}", "See auditor.events")
    return known


def json_step(
    step: Callable[Concatenate[Input, Services, More], Answer],
) -> Callable[Concatenate[Mapping[str, Any], Services, More], Json]:
    """A step as the state machine calls it: its event is read from JSON data, its answer is JSON data."""
    kind = get_type_hints(step)["event"]

    @wraps(step)
    def called(event: Mapping[str, Any], services: Services, /, *args: More.args, **kwargs: More.kwargs) -> Json:
        return to_event(step(from_event(kind, event), services, *args, **kwargs))

    return called
