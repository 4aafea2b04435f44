"""What the auditor can do about its findings: one form of a repair, its job and its outcome, for every executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union

from core.audit.findings import Keys
from core.audit.history import Ranges
from core.contract.codec import from_data, to_data


@dataclass(frozen=True, slots=True)
class Reprocess:
    """Queue ingest objects to be processed again."""

    dataset: str
    objects: tuple[str, ...]
    kind: Literal["reprocess"] = "reprocess"


@dataclass(frozen=True, slots=True)
class Restate:
    """Make partitions again: facts whole from the ingest objects, derived ones from their inputs."""

    dataset: str
    table: str
    partitions: tuple[str, ...]
    kind: Literal["restate"] = "restate"


@dataclass(frozen=True, slots=True)
class Revive:
    """Bring back S3's own old versions of ingest objects."""

    dataset: str
    objects: tuple[str, ...]
    kind: Literal["revive"] = "revive"


@dataclass(frozen=True, slots=True)
class FetchHistory:
    """Ask the provider for exactly these ranges of one entity, one call each, into the feed's stream."""

    dataset: str
    entity: str
    ranges: Ranges
    points: int
    kind: Literal["fetch_history"] = "fetch_history"


@dataclass(frozen=True, slots=True)
class Compare:
    """Ask the provider what it says of these points of one entity, one call for each range; nothing is written."""

    dataset: str
    entity: str
    ranges: Ranges
    kind: Literal["compare"] = "compare"


@dataclass(frozen=True, slots=True)
class FetchRows:
    """Extract rows by key, outside the sequence.

    ``deleted``: those that the source really has no more are marked, in the version where they were last seen
    (``DeletedRows``).
    """

    dataset: str
    table: str
    keys: Keys
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
    """Let parameters say what the objects prove; (name, what it said, what is right)."""

    dataset: str
    parameters: tuple[tuple[str, str, str], ...]
    kind: Literal["put_parameters"] = "put_parameters"


@dataclass(frozen=True, slots=True)
class Redrive:
    """Give dead letters one more chance."""

    dataset: str
    messages: tuple[str, ...]
    kind: Literal["redrive"] = "redrive"


@dataclass(frozen=True, slots=True)
class Vacuum:
    """Remove the objects of these partitions that nobody can need any more."""

    dataset: str
    table: str
    partitions: tuple[str, ...]
    kind: Literal["vacuum"] = "vacuum"


@dataclass(frozen=True, slots=True)
class PlantGap:
    """No repair: take a row out of a canary's fact, once a day (ISO 8601), for the next audit to find."""

    dataset: str
    table: str
    partition: str
    day: str
    kind: Literal["plant_gap"] = "plant_gap"


Repair = Union[  # noqa: UP007  (the codec reads the members at run time)
    Reprocess, Restate, Revive, FetchHistory, Compare, FetchRows, ExtractAgain, PutParameters, Redrive, Vacuum, PlantGap
]

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
    """Which of the pipeline's own doors does it: the auditor writes no fact and no ingest object."""
    return _EXECUTORS[repair.kind]


def repair_to_data(repair: Repair) -> dict[str, Any]:
    return to_data(repair)  # type: ignore[no-any-return]


def repair_from_data(data: Mapping[str, Any]) -> Repair:
    """Raises ``ValueError`` on a kind that this release does not know."""
    return from_data(Repair, data)  # type: ignore[no-any-return]
