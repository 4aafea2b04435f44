"""Ingest objects: their keys, and the metadata of a table's objects.

The sequence of a table's objects is its history of extraction. One object is one commit, and its metadata are the
truth about the state after it:

- ``interval_from``: where this object's rows start; everything before lies in earlier objects. The epoch is no bound
  at all: a first load takes older rows too.
- ``interval_to``: the safe horizon of the pass that read the rows; no row of the object is as new as that.
- ``resume_version``, ``resume_key``: cursor and key of the object's last row.
- ``last``: whether the interval ends with this object.

The next object starts at ``interval_to`` where ``last`` is true, and right after (``resume_version``, ``resume_key``)
where it is false. ``ObjectFacts.next_position`` is that rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import InvalidData
from core.json import UNREADABLE
from core.time import format_instant, parse_instant

KeyValue = str | int | bool
Keys = tuple[tuple[KeyValue, ...], ...]  # of rows
METADATA_LIMIT = 2048  # bytes of names and values; S3, "User-defined object metadata"
ID_DIGITS = 12
_MANY_ROWS = 10**9  # of one object: more than there ever are
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TABLE_OBJECT = re.compile(r"tables/(?P<dataset>[^/]+)/(?P<table>[^/]+)/(?P<id>\d{12})\.jsonl\.gz")
_REPAIR_OBJECT = re.compile(r"repair/(?P<dataset>[^/]+)/(?P<table>[^/]+)/(?P<name>[^/]+)\.jsonl\.gz")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


# ---------------------------------------------------------------- names


@dataclass(frozen=True, slots=True)
class TableObject:
    """An object of a table's sequence; ``number`` counts from 1 without holes."""

    dataset: str
    table: str
    number: int

    @property
    def key(self) -> str:
        """Its key in the ingest bucket."""
        return f"{table_prefix(self.dataset, self.table)}{self.number:0{ID_DIGITS}d}.jsonl.gz"


@dataclass(frozen=True, slots=True)
class RepairObject:
    """Rows that were fetched again, beside the sequence."""

    dataset: str
    table: str
    name: str

    @property
    def key(self) -> str:
        """Its key in the ingest bucket. Raises ``InvalidData`` where the name cannot be part of one."""
        if not _NAME.fullmatch(self.name):
            raise InvalidData("name object", self.name, "is no name for an object", "Use A-Z, a-z, 0-9, '.', '_', '-'")
        return f"repair/{self.dataset}/{self.table}/{self.name}.jsonl.gz"


def table_prefix(dataset: str, table: str) -> str:
    """The folder of a table's sequence."""
    return f"tables/{dataset}/{table}/"


def parse_table_key(key: str) -> TableObject | None:
    """The object of a table's sequence that a key names; None where it names none."""
    match = _TABLE_OBJECT.fullmatch(key)
    return TableObject(match["dataset"], match["table"], int(match["id"])) if match else None


def parse_repair_key(key: str) -> RepairObject | None:
    """The repair object that a key names; None where it names none."""
    match = _REPAIR_OBJECT.fullmatch(key)
    return RepairObject(match["dataset"], match["table"], match["name"]) if match else None


# ---------------------------------------------------------------- positions


@dataclass(frozen=True, slots=True)
class Position:
    """The start of an object: rows whose cursor is ``at`` or later, or the row after (``at``, ``after``).

    ``at`` is aware, save after a cut in a column without zone of a source whose clock is not UTC: then it is that
    column's own wall-clock time, naive, because no instant names an hour that happened twice.
    """

    at: datetime
    after: tuple[KeyValue, ...] | None = None


START = Position(EPOCH)


# ---------------------------------------------------------------- metadata


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """The metadata of a table's object (see the module). ``sha256`` is of the uncompressed lines, in hex."""

    interval_from: datetime
    interval_to: datetime
    resume_version: datetime
    resume_key: tuple[KeyValue, ...]
    rows: int
    sha256: str
    last: bool

    @property
    def next_position(self) -> Position:
        """The place where the next object of the table starts."""
        return Position(self.interval_to) if self.last else Position(self.resume_version, self.resume_key)

    @property
    def durable_until(self) -> datetime:
        """Every row with an older cursor lies in this object or an earlier one: the table's timestamp."""
        if self.last:
            return self.interval_to
        return self.interval_from if self.resume_version.tzinfo is None else self.resume_version


def encode_facts(facts: ObjectFacts) -> dict[str, str]:
    """Facts as user metadata: ASCII, below S3's limit. Raises ``InvalidData`` on a key too long to resume from.

    Nothing resumes behind the last object of an interval: a key that is too long is left out there.
    """
    metadata = _metadata(facts)
    if facts.last and _size(metadata) >= METADATA_LIMIT:
        metadata["starmend-resume-key"] = "[]"
    if (size := _size(metadata)) >= METADATA_LIMIT:
        remedy = "Choose a shorter key in the contract"
        raise InvalidData("describe object", metadata["starmend-resume-key"][:60], f"{size} bytes of metadata", remedy)
    return metadata


def can_resume_after(key: tuple[KeyValue, ...]) -> bool:
    """Whether an object may end with a row of this key before its interval does: the key fits into the metadata."""
    return _size(_metadata(ObjectFacts(EPOCH, EPOCH, EPOCH, key, _MANY_ROWS, "0" * 64, last=False))) < METADATA_LIMIT


def _metadata(facts: ObjectFacts) -> dict[str, str]:
    return {
        "starmend-interval-from": format_instant(facts.interval_from),
        "starmend-interval-to": format_instant(facts.interval_to),
        "starmend-resume-version": format_instant(facts.resume_version),
        "starmend-resume-key": json.dumps(facts.resume_key, ensure_ascii=True, separators=(",", ":")),
        "starmend-rows": str(facts.rows),
        "starmend-sha256": facts.sha256,
        "starmend-last": "true" if facts.last else "false",
    }


def _size(metadata: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in metadata.items())


@dataclass(frozen=True, slots=True)
class ContentPromise:
    """How many lines an object has, and the sha256 of them, uncompressed, in hex: as its writer counted them."""

    rows: int
    sha256: str


def content_promise(metadata: Mapping[str, str]) -> ContentPromise | None:
    """The promise that an object's metadata make of its content; None where they make none that can be read."""
    rows, sha256 = metadata.get("starmend-rows", ""), metadata.get("starmend-sha256", "")
    return ContentPromise(int(rows), sha256) if rows.isdecimal() and sha256 else None


def decode_facts(metadata: Mapping[str, str], *, key: str) -> ObjectFacts:
    """Metadata back to facts. Raises ``InvalidData`` where they were not written by an extraction."""
    try:
        last = {"true": True, "false": False}[metadata["starmend-last"]]
        facts = ObjectFacts(
            interval_from=parse_instant(metadata["starmend-interval-from"]),
            interval_to=parse_instant(metadata["starmend-interval-to"]),
            resume_version=parse_instant(metadata["starmend-resume-version"]),
            resume_key=tuple(json.loads(metadata["starmend-resume-key"])),
            rows=int(metadata["starmend-rows"]),
            sha256=metadata["starmend-sha256"],
            last=last,
        )
    except UNREADABLE as error:
        remedy = "Move the object away: it was not written by an extraction"
        raise InvalidData("read metadata", key, f"no facts of an extraction ({error!r})", remedy) from error
    if facts.interval_from.tzinfo is None or facts.interval_to.tzinfo is None:
        raise InvalidData("read metadata", key, "the interval has no time zone", "Move the object away")
    return facts
