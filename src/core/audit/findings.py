"""Findings: everything that the auditor can find wrong, in one form for feeds and databases.

They travel as JSON between the steps of an audit and through queues, so they are frozen values. Sets of slots are
half-open ranges of epoch seconds, as in ``core.audit.history``; keys of rows are tuples of JSON values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from core.audit.history import Ranges
from core.contract.codec import from_data, to_data
from core.landing.ingest_objects import Keys

# ---------------------------------------------------------------- findings


@dataclass(frozen=True, slots=True)
class OfRows:
    """Something about rows of a source table, by their keys."""

    dataset: str
    table: str
    keys: Keys


@dataclass(frozen=True, slots=True)
class OfPartition:
    """Something about a partition of a table."""

    dataset: str
    table: str
    partition: str


@dataclass(frozen=True, slots=True)
class UnprocessedObject:
    """An ingest object without a receipt, or a halted one that another contract or other code may take."""

    dataset: str
    key: str
    reason: str
    kind: Literal["unprocessed_object"] = "unprocessed_object"


@dataclass(frozen=True, slots=True)
class HaltedObject:
    """An ingest object of which nothing was taken, as its receipt says, and that would be halted again as it is.

    ``at`` is when it was halted (ISO 8601), ``lines`` how many were read of it.
    """

    dataset: str
    key: str
    reason: str
    at: str
    lines: int = 0
    kind: Literal["halted_object"] = "halted_object"


@dataclass(frozen=True, slots=True)
class LostObject:
    """A receipt whose ingest object is gone."""

    dataset: str
    key: str
    kind: Literal["lost_object"] = "lost_object"


@dataclass(frozen=True, slots=True)
class MissingPoints:
    """Points that a feed owes and the warehouse does not have, of one entity."""

    dataset: str
    entity: str
    ranges: Ranges
    points: int
    kind: Literal["missing_point"] = "missing_point"


@dataclass(frozen=True, slots=True)
class MissingObject:
    """A hole in a table's sequential ids; the interval is between its neighbours (ISO 8601)."""

    dataset: str
    table: str
    number: int
    start: str
    end: str
    kind: Literal["missing_object"] = "missing_object"


@dataclass(frozen=True, slots=True)
class MissingRows(OfRows):
    """Rows that the source has and the warehouse has not."""

    kind: Literal["missing_row"] = "missing_row"


@dataclass(frozen=True, slots=True)
class StaleRows(OfRows):
    """Rows that the warehouse has in another version than the source."""

    kind: Literal["stale_row"] = "stale_row"


@dataclass(frozen=True, slots=True)
class ChangedRows(OfRows):
    """Rows whose content differs from the source's although key and version are the same."""

    kind: Literal["changed_row"] = "changed_row"


@dataclass(frozen=True, slots=True)
class UnhashedRows(OfRows):
    """Rows that cannot be compared by content: never hashed, or by a list that the source cannot compute any more.

    ``keys`` are those that are fetched again now, ``rows`` counts all of them.
    """

    rows: int
    kind: Literal["unhashed_row"] = "unhashed_row"


@dataclass(frozen=True, slots=True)
class UnfilledRows(OfRows):
    """Rows that were read before the contract had some of the source's ``columns``, which are null in them.

    ``keys`` are those that are fetched again now, ``rows`` counts all of them.
    """

    rows: int
    columns: tuple[str, ...]
    kind: Literal["unfilled_row"] = "unfilled_row"


@dataclass(frozen=True, slots=True)
class RefusedRows(OfRows):
    """Rows that were fetched as the source has them now, and refused by the contract: they lie in quarantine.

    They are not fetched again before they or the contract change. ``reasons`` are some of those in the quarantine.
    """

    reasons: tuple[str, ...] = ()
    kind: Literal["refused_row"] = "refused_row"


@dataclass(frozen=True, slots=True)
class UnplacedRows(OfRows):
    """Rows without a place in time: the source's time of change is null, infinite, before Christ or in the future.

    No extraction holds them. They are compared by key and content, and fetched by key where that differs, which is
    another finding. Those count too whose time of a fact's partition is none: no slice holds them, they are fetched
    once, and lie in quarantine; and those without a key, which nothing can fetch. ``keys`` are some of them, ``rows``
    counts all, up to ten thousand.
    """

    rows: int
    kind: Literal["unplaced_row"] = "unplaced_row"


@dataclass(frozen=True, slots=True)
class DeletedRows(OfRows):
    """Rows that the source no longer has and the warehouse does not know to be deleted.

    ``versions`` are the warehouse's newest of them, and ``checked`` when they were fetched again (empty: never):
    together they tell which ingest object holds each row last.
    """

    versions: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    kind: Literal["deleted_row"] = "deleted_row"


@dataclass(frozen=True, slots=True)
class MovedRows(OfRows):
    """Rows that the warehouse has as current in another partition of a fact than the source, which has them still.

    A column that the contract declares immutable has changed. ``table`` is the source's, ``columns`` are those of the
    fact that changed. ``partitions`` are for each key the one that holds it and the one that it belongs to now (empty:
    to none); ``versions`` and ``checked`` are the held rows', as in ``DeletedRows``.
    """

    fact: str
    columns: tuple[str, ...]
    partitions: tuple[tuple[str, str], ...]
    versions: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    kind: Literal["moved_row"] = "moved_row"


@dataclass(frozen=True, slots=True)
class BrokenRule(OfPartition):
    """Rows of a partition that break a rule of the contract; ``example`` is the first of them."""

    rule: str
    rows: int
    example: str
    kind: Literal["broken_rule"] = "broken_rule"


@dataclass(frozen=True, slots=True)
class DisputedValue(OfPartition):
    """An observed value that the provider's history contradicts by more than the contract's tolerance.

    ``at`` is the point's slot (ISO 8601), ``value`` the warehouse's and ``provider_value`` the provider's, as written.
    """

    column: str
    entity: str
    at: str
    value: str
    provider_value: str = field(metadata={"json": "told"})
    kind: Literal["disputed_value"] = "disputed_value"


@dataclass(frozen=True, slots=True)
class OrphanKeys:
    """Values of a column whose row in the referenced table is missing; ``keys`` names some of them at most."""

    dataset: str
    table: str
    column: str
    references: str
    keys: tuple[str, ...]
    rows: int
    kind: Literal["orphan_key"] = "orphan_key"


@dataclass(frozen=True, slots=True)
class StaleDerived(OfPartition):
    """A derived partition that is not what its inputs give."""

    problem: str
    kind: Literal["stale_derived"] = "stale_derived"


@dataclass(frozen=True, slots=True)
class BrokenPartition(OfPartition):
    """A partition that must be made again.

    Its pointer leads to nothing, its object is not what a commit wrote, rows of it were certified and are gone, or are
    not as the lines say that they were made of.
    """

    problem: str
    kind: Literal["broken_object"] = "broken_object"


@dataclass(frozen=True, slots=True)
class OutdatedPartition(OfPartition):
    """Rows that were made by columns of an earlier contract: one that is new is null in them, or of another origin."""

    problem: str
    kind: Literal["outdated_partition"] = "outdated_partition"


@dataclass(frozen=True, slots=True)
class HeldPartition(OfPartition):
    """A partition that was rolled back on purpose: reported, and left alone."""

    reason: str
    kind: Literal["held_partition"] = "held_partition"


@dataclass(frozen=True, slots=True)
class WrongParameter:
    """A parameter (its full name) that does not say what the objects prove."""

    dataset: str
    name: str
    stored: str
    right: str
    kind: Literal["wrong_parameter"] = "wrong_parameter"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Messages that processing gave up on and that were not redriven yet; ``messages`` are hashes of their bodies."""

    dataset: str
    messages: tuple[str, ...]
    kind: Literal["dead_letter"] = "dead_letter"


@dataclass(frozen=True, slots=True)
class UnreferencedObjects(OfPartition):
    """Objects of a partition that no pointer can name again and no reader still reads (``core.warehouse.vacuum``)."""

    objects: int
    bytes: int
    kind: Literal["unreferenced_object"] = "unreferenced_object"


@dataclass(frozen=True, slots=True)
class SlowSweep:
    """The sweep of a database's history that the row budget slows down: reported, for no repair is one.

    ``seconds`` is how long all history takes at this pace, ``promised`` what the contract says.
    """

    dataset: str
    seconds: int
    promised: int
    kind: Literal["slow_sweep"] = "slow_sweep"


@dataclass(frozen=True, slots=True)
class UnreadableTable:
    """A source table that the database refuses to show as the contract says: gone, renamed, a column less, no grant.

    Nothing of it is compared or certified meanwhile; the dataset's other tables are.
    """

    dataset: str
    table: str
    problem: str
    kind: Literal["unreadable_table"] = "unreadable_table"


@dataclass(frozen=True, slots=True)
class ChangedSource:
    """A database that changed by itself: columns added, dropped, renamed or retyped, a table that is new.

    ``changes`` say each in words, with the contract's line that takes it; ``since`` is when the first was seen
    (ISO 8601). What keeps a promise from being held is another finding of its own.
    """

    dataset: str
    table: str
    changes: tuple[str, ...]
    since: str = ""
    kind: Literal["changed_source"] = "changed_source"


@dataclass(frozen=True, slots=True)
class LaggingMirror:
    """The Iceberg mirror of a table, which has been behind its pointers for longer than the contract says.

    ``behind`` counts partitions, ``since`` is the time of the first commit that it lacks (ISO 8601). ``problem`` says
    why its own objects cannot be read, where they cannot: then nothing is counted.
    """

    dataset: str
    table: str
    behind: int = 0
    since: str = ""
    problem: str = ""
    kind: Literal["lagging_mirror"] = "lagging_mirror"


HELD = "held_partition"

# Nothing of the data is amiss: what is only reported, and what is only cleared away or completed.
REPORTED = (HELD, "slow_sweep", "unplaced_row", "changed_source", "lagging_mirror")
CLEARED = ("unreferenced_object", "unhashed_row")

Finding = Union[  # noqa: UP007  (the codec reads the members at run time)
    UnprocessedObject,
    HaltedObject,
    LostObject,
    MissingPoints,
    MissingObject,
    MissingRows,
    StaleRows,
    ChangedRows,
    UnhashedRows,
    UnfilledRows,
    RefusedRows,
    UnplacedRows,
    DeletedRows,
    MovedRows,
    BrokenRule,
    DisputedValue,
    OrphanKeys,
    StaleDerived,
    BrokenPartition,
    OutdatedPartition,
    HeldPartition,
    WrongParameter,
    DeadLetters,
    UnreferencedObjects,
    SlowSweep,
    UnreadableTable,
    ChangedSource,
    LaggingMirror,
]


_SIZES = ("points", "rows", "keys", "messages", "objects")


def size_of(finding: Finding) -> int:
    """The points, rows, keys, messages or objects that a finding is about; a partition or a parameter is one."""
    for name in _SIZES:
        size = getattr(finding, name, None)
        if size is not None:
            return size if isinstance(size, int) else len(size)
    return 1


def findings_to_data(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON-ready data."""
    return [to_data(finding) for finding in findings]


def findings_from_data(data: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Read what ``findings_to_data`` gave. Raises ``ValueError`` on a kind that this release does not know."""
    return tuple(from_data(Finding, entry) for entry in data)
