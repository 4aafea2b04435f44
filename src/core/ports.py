"""Ports: what the domain needs of services outside, as Protocols of a few methods.

Their implementations are in ``aws`` and, in memory, in ``tests/fakes``; both pass the suites in ``tests/contract``. A
method raises ``TransientFailure`` (or its child ``OutOfReach``) where the service fails; expected outcomes are values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from core.metrics import Metric


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object in a listing. ``modified`` is aware, UTC; ``etag`` keeps no quotes."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """The attributes of an object, without its body. ``metadata`` are the user's own."""

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
    """The condition did not hold: the object exists, or is not the expected one. May hide an earlier success."""


class ObjectReader(Protocol):
    """Reads objects of one bucket. Listings come in key order, from ``after`` (exclusive) on."""

    def read(self, key: str) -> StoredObject | None:
        """The whole object; None where there is none."""
        ...

    def open(self, key: str) -> OpenObject | None:
        """The object as a stream; None where there is none."""
        ...

    def stat(self, key: str) -> ObjectStat | None:
        """The object's attributes; None where there is none."""
        ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with ``prefix``."""
        ...


class TailReader(Protocol):
    """Reads the ends of objects, where Parquet keeps what it says of itself."""

    def read_end(self, key: str, length: int) -> StoredObject | None:
        """The object's last ``length`` bytes, all of a shorter one; ``stat.size`` is the whole object's. None: none."""
        ...


class ObjectWriter(Protocol):
    """Writes whole objects of one bucket; they are durable when ``write`` returns ``Written``."""

    def write(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> Written | Refused:
        """Write an object; on condition that there is none (``if_absent``) or that its ETag is ``if_match``."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error."""
        ...


class ObjectStore(ObjectReader, ObjectWriter, Protocol):
    """Reads and writes objects of one bucket."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A partition's pointer: the key of the current object, and the pointer's own ETag for the next swap.

    ``swapped`` is when it came to name that object.
    """

    target: str
    etag: str
    swapped: datetime


@dataclass(frozen=True, slots=True)
class PartitionObject:
    """An immutable Parquet object of a partition, read whole. ``modified`` is when it was written."""

    key: str
    body: bytes
    modified: datetime


class PartitionStore(Protocol):
    """The effects that a commit is made of; a partition is one pointer to one immutable object.

    ``partition`` is a table's folder and path, ``fact_quote/symbol=AAPL/month=2026-11``; object keys are the store's.
    """

    def read_pointer(self, partition: str) -> Pointer | None:
        """The current pointer; None where the partition has none.

        Raises ``BrokenPointer`` where it names no object of the partition.
        """
        ...

    def list_objects(self, partition: str) -> Sequence[str]:
        """The keys of the partition's objects, sorted, whether or not the pointer ever named them."""
        ...

    def read_object(self, key: str) -> PartitionObject | None:
        """An object of a partition; None where it is gone."""
        ...

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

    def put(self, name: str, value: str) -> None:
        """Write a parameter, whatever it was before."""
        ...


class SecretStore(Protocol):
    """Secrets by name. ``refresh`` goes past any cache, for a value that has just been rotated."""

    def read(self, name: str, *, refresh: bool = False) -> str:
        """Raises ``InvalidData`` where the secret has no value yet."""
        ...


class Signer(Protocol):
    """A key that signs; its private half never leaves the service that keeps it."""

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA over P-256 with SHA-256 of the whole message, in DER."""
        ...


class AnchorReader(Protocol):
    """A dataset's anchors as they were read."""

    def read_all(self, dataset: str) -> Iterable[tuple[int, bytes | None]]:
        """Each number of a dataset's anchors, ascending, with its object; None where it cannot be what it was."""
        ...


class AnchorStore(Protocol):
    """Objects that are written once: what counts is the first that was ever written under a key, deleted or not."""

    def sequences(self, dataset: str) -> Sequence[int]:
        """The numbers of a dataset's anchors that were ever written, ascending."""
        ...

    def read(self, key: str) -> bytes | None:
        """The first object that was written under this key; None where there never was one."""
        ...

    def read_all(self, dataset: str) -> Iterator[tuple[int, bytes | None]]:
        """Each number of a dataset's anchors, ascending, with its object as ``read`` gives it."""
        ...

    def add(self, key: str, body: bytes) -> Written | Refused:
        """Write an object, if there never was one of this key."""
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


@dataclass(frozen=True, slots=True)
class BusEvent:
    """An event for whoever listens: its type by name, and what it says as the JSON text of an object."""

    kind: str
    detail: str


class EventBus(Protocol):
    """A bus of events. It may deliver an event more than once, and in any order."""

    def put(self, events: Sequence[BusEvent]) -> Sequence[int]:
        """Offer events, however many; returns the indexes of those that were not taken."""
        ...


class Metrics(Protocol):
    """Counts and times of one dataset."""

    def add(self, metric: Metric, value: float) -> None:
        """Count or measure something; written when the owner flushes."""
        ...


class Log(Protocol):
    """Structured log lines: a message, and fields with names of their own.

    Fields are JSON-ready. ``exc_info`` is none of them but an exception, whose traceback the line shows too.
    """

    def info(self, msg: str, /, **fields: Any) -> None:
        """A line about normal work."""
        ...

    def warning(self, msg: str, /, **fields: Any) -> None:
        """A line about something that an operator may want to know."""
        ...

    def error(self, msg: str, /, **fields: Any) -> None:
        """A line about something that failed."""
        ...
