"""What the domain needs of the world, as Protocols of a few methods.

The real ones live in ``aws``, in-memory ones in ``tests/fakes``; both pass the suites in ``tests/contract``. A method
that fails because the world did raises ``TransientFailure`` (or its child ``OutOfReach``); expected outcomes are
values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from core.metrics import Metric


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing tells of an object. ``modified`` is aware, UTC; ``etag`` keeps no quotes."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a HEAD tells of an object."""

    key: str
    size: int
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object read whole."""

    stat: ObjectStat
    body: bytes


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object to be streamed; the caller closes ``stream``."""

    stat: ObjectStat
    stream: BinaryIO


@dataclass(frozen=True, slots=True)
class Written:
    """The object is durable under this ETag."""

    etag: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The condition did not hold: the object exists, or is another than expected. May hide an earlier success."""


class ObjectReader(Protocol):
    """Objects of one bucket, to be read. Listings come in key order, from ``after`` (exclusive) on."""

    def read(self, key: str) -> StoredObject | None: ...

    def open(self, key: str) -> OpenObject | None: ...

    def stat(self, key: str) -> ObjectStat | None: ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]: ...


class ObjectWriter(Protocol):
    """Objects of one bucket, to be written whole; durable when ``write`` returns ``Written``."""

    def write(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> Written | Refused: ...

    def delete(self, keys: Iterable[str]) -> None: ...


class ObjectStore(ObjectReader, ObjectWriter, Protocol):
    """Both."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A partition's pointer: the key of the current object, and the pointer's own ETag for the next swap."""

    target: str
    etag: str


@dataclass(frozen=True, slots=True)
class PartitionObject:
    """An immutable Parquet object of a partition, read whole. ``modified`` is when it was written."""

    key: str
    body: bytes
    modified: datetime


class PartitionStore(Protocol):
    """The four effects that a commit is made of (design: a partition is one pointer to one immutable object).

    ``partition`` is a table's folder and path, ``fact_quote/symbol=AAPL/month=2026-11``; object keys are the store's.
    """

    def read_pointer(self, partition: str) -> Pointer | None: ...

    def read_object(self, key: str) -> PartitionObject | None: ...

    def write_object(self, partition: str, name: str, body: bytes) -> str:
        """Store a new object under a name of its own; returns its key. The same again is harmless."""
        ...

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        """Point to ``target`` if the pointer's ETag is still ``expected`` (None: if there is no pointer yet)."""
        ...


class ParameterStore(Protocol):
    """Small named texts. No compare-and-swap: never the truth, always rebuilt from the objects."""

    def get(self, name: str) -> str:
        """Raises ``UnknownTable`` where no such parameter was made."""
        ...

    def get_many(self, names: Sequence[str]) -> Mapping[str, str]:
        """Those of the names that exist."""
        ...

    def put(self, name: str, value: str) -> None: ...


class SecretStore(Protocol):
    """Secrets by name. ``refresh`` goes past any cache, for a value that has just been rotated."""

    def read(self, name: str, *, refresh: bool = False) -> str:
        """Raises ``InvalidData`` where the secret has no value yet."""
        ...


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """``data`` ends with a newline; records of one ``key`` keep their order within a call."""

    key: str
    data: bytes


class Stream(Protocol):
    """A stream of records."""

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        """Offer up to 500 records; returns the indexes of those that were not taken."""
        ...


class Queue(Protocol):
    """A queue of JSON messages."""

    def send(self, messages: Sequence[Mapping[str, object]]) -> Sequence[int]:
        """Offer messages; returns the indexes of those that were not taken."""
        ...


class Metrics(Protocol):
    """Counts and times of one dataset."""

    def add(self, metric: Metric, value: float) -> None: ...


class Log(Protocol):
    """Structured log lines: a message, and fields with names of their own.

    Fields are JSON-ready. ``exc_info`` is none of them but an exception, whose traceback the line shows too.
    """

    def info(self, msg: str, /, **fields: Any) -> None: ...

    def warning(self, msg: str, /, **fields: Any) -> None: ...

    def error(self, msg: str, /, **fields: Any) -> None: ...
