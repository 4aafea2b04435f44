"""The footer of a partition's object: JSON in the Parquet key-value metadata, under ``starmend``.

The footer makes an object part of a history: which version it is, from which object it was made, what was merged, and
what its bytes were. It holds no clock but its parent's time, so the same rows with the same history are the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from core.errors import PipelineBug
from core.json import UNREADABLE
from core.warehouse.pointer import version_of
from core.warehouse.row_layout import RowLayout

NAME = b"starmend"
FORMAT = 1
RECENT = 256  # marks of sources and batches whose replay is recognised at once
ANCESTORS = 32  # commits that may pass before a writer with a lost answer no longer finds itself in the history
DAILY = timedelta(days=7)
_REMEDY = "Restate it: starmend rebuild"
_WHOLE = ("version", "rows", "restores", "digest_bytes")
_TEXTS = ("table", "partition", "kind", "parent", "hold", "seal")
_SEAL, _NO_SEAL = b'"seal":"', b"0" * 64  # no text within JSON has the first, for its quotes are escaped
_TRAILER = 8  # bytes: the length of Parquet's own footer, and its magic word

Kind = Literal["merge", "derive", "restate", "rollback", "release"]


@dataclass(frozen=True, slots=True)
class SourceRef:
    """An ingest object that rows came from: its key and its ETag, and of a commit how many rows it gave (``rows``)."""

    key: str
    etag: str
    rows: int | None = field(default=None, compare=False)

    def mark(self, contract_hash: str) -> str:
        """A mark for this object as read by this contract; another contract may make other rows of it.

        And so may another time: a row from too far in the future is taken as soon as its partition may begin. Of no
        object rows are refused later that were taken before, so that as many rows are the same ones.
        """
        rows = "" if self.rows is None else f"\n{self.rows}"
        return mark_of(f"{self.key}\n{self.etag}\n{contract_hash}{rows}")


@dataclass(frozen=True, slots=True)
class Daily:
    """The last object of a day (``YYYY-MM-DD``, UTC)."""

    day: str
    key: str

    @property
    def version(self) -> int:
        """The object's version."""
        return version_of(self.key)


@dataclass(frozen=True, slots=True)
class Footer:
    """The history of an object, as its commit wrote it.

    ``parent`` is the object that was current before (empty: none), ``ancestors`` the recent ones before it, newest
    first, the parent included. ``sources`` are this commit's ingest objects, at most the last ``RECENT``; ``recent``
    the marks of the last ``RECENT`` that are merged in, this commit's included, and those of large batches by their
    rows (``processing.partitions.batch.rows_mark``). ``inputs`` are a derived table's:
    partition to object key, empty where there was none. ``restores`` is the version that a rollback brought back.
    ``digest`` is the SHA-256 of the file's first ``digest_bytes`` bytes: all of the rows. ``seal`` is that of Parquet's
    own footer, with zeros in the place of the seal. ``hold`` is the reason why the auditor must not heal this partition
    (empty: it may). ``layout`` is what the rows were written by. Footers of earlier releases have neither of the two.
    """

    table: str
    partition: str
    version: int
    kind: Kind
    rows: int
    parent: str = ""
    ancestors: tuple[str, ...] = ()
    sources: tuple[SourceRef, ...] = ()
    recent: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    dailies: tuple[Daily, ...] = ()
    restores: int = 0
    hold: str = ""
    contract: str = ""
    layout: RowLayout | None = None
    digest: str = ""
    digest_bytes: int = 0
    seal: str = ""
    format: int = FORMAT

    def descends_from(self, key: str) -> bool:
        """Whether the object of this key is among the recent ancestors."""
        return key in self.ancestors

    def has_merged(self, sources: Iterable[SourceRef], contract_hash: str) -> bool:
        """Whether every one of the sources is among the recent ones. No sources: no."""
        marks = [source.mark(contract_hash) for source in sources]
        return bool(marks) and set(marks) <= set(self.recent)

    def digested(self, digest: str, digest_bytes: int) -> Footer:
        """The footer with the digest of the rows' bytes, and with a seal of zeros, for nobody knows it yet."""
        return replace(self, digest=digest, digest_bytes=digest_bytes, seal=_NO_SEAL.decode())

    def to_json(self) -> bytes:
        """JSON without empty values, in the order of the fields."""
        data = {
            "format": self.format,
            "table": self.table,
            "partition": self.partition,
            "version": self.version,
            "kind": self.kind,
            "rows": self.rows,
            "parent": self.parent,
            "ancestors": list(self.ancestors),
            "sources": [[source.key, source.etag] for source in self.sources],
            "recent": list(self.recent),
            "inputs": dict(sorted(self.inputs.items())),
            "dailies": [[daily.day, daily.key] for daily in self.dailies],
            "restores": self.restores,
            "hold": self.hold,
            "contract": self.contract,
            "layout": self.layout.to_data() if self.layout else None,
            "digest": self.digest,
            "digest_bytes": self.digest_bytes,
            "seal": self.seal,
        }
        return json.dumps({name: value for name, value in data.items() if value}, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes | str, *, place: str = "footer") -> Footer:
        """Read what ``to_json`` gave; fields that a later release added are passed over.

        Raises ``PipelineBug`` with the ``place`` on another format, and on what is no footer at all.
        """
        try:
            data = json.loads(text)
            if data.get("format") != FORMAT:
                raise PipelineBug("read footer", place, f"format {data.get('format')}, not {FORMAT}", _REMEDY)
            for names, kind in ((_WHOLE, int), (_TEXTS, str)):
                if wrong := [name for name in names if name in data and type(data[name]) is not kind]:
                    raise TypeError(f"{wrong[0]} is {data[wrong[0]]!r}")
            return cls._from_data(data)
        except UNREADABLE as error:
            raise PipelineBug("read footer", place, f"cannot be read: {error!r}", _REMEDY) from error

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> Footer:
        return cls(
            table=data["table"],
            partition=data.get("partition", ""),
            version=data["version"],
            kind=data["kind"],
            rows=data.get("rows", 0),
            parent=data.get("parent", ""),
            ancestors=tuple(data.get("ancestors", ())),
            sources=tuple(SourceRef(key, etag) for key, etag in data.get("sources", ())),
            recent=tuple(data.get("recent", ())),
            inputs=data.get("inputs", {}),
            dailies=tuple(Daily(day, key) for day, key in data.get("dailies", ())),
            restores=data.get("restores", 0),
            hold=data.get("hold", ""),
            contract=data.get("contract", ""),
            layout=RowLayout.from_data(data["layout"]) if "layout" in data else None,
            digest=data.get("digest", ""),
            digest_bytes=data.get("digest_bytes", 0),
            seal=data.get("seal", ""),
        )


def seal(file: memoryview) -> None:
    """Write the seal of a file that was just written into it.

    It covers what Parquet says of the rows: where they lie, types, statistics. A reader that believes an altered one
    skips rows, or ends: Arrow's metadata raise what no Python sees.
    """
    start = len(file) - ending_size(file)
    place = start + bytes(file[start:]).rindex(_SEAL) + len(_SEAL)
    file[place : place + len(_NO_SEAL)] = hashlib.sha256(file[start:]).hexdigest().encode()


def is_intact(tail: bytes) -> bool:
    """Whether Parquet's footer, which ends a file's last bytes, is as it was sealed; it is where it has no seal."""
    ending = tail[max(len(tail) - ending_size(tail), 0) :]
    place = ending.rfind(_SEAL) + len(_SEAL)
    if place < len(_SEAL):
        return True
    sealed, after = ending[place : place + len(_NO_SEAL)], ending[place + len(_NO_SEAL) :]
    return hashlib.sha256(ending[:place] + _NO_SEAL + after).hexdigest().encode() == sealed


def ending_size(tail: bytes | memoryview) -> int:
    """The bytes of Parquet's footer, by a file's last bytes: as it says itself."""
    return int.from_bytes(tail[-_TRAILER:-4], "little") + _TRAILER


def mark_of(text: str) -> str:
    """The first 96 bits of the text's SHA-256, as 16 URL-safe characters."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:12]).decode()


def later_marks(
    recent: Iterable[str], sources: Iterable[SourceRef], contract_hash: str, *, others: Iterable[str] = ()
) -> tuple[str, ...]:
    """The bounded list of marks after a commit of ``sources``, oldest first; ``others`` are marks of another kind."""
    marks = dict.fromkeys(recent)
    for mark in (*others, *(source.mark(contract_hash) for source in sources)):
        marks.pop(mark, None)
        marks[mark] = None
    return tuple(marks)[-RECENT:]


def later_ancestors(parent: str, before: Iterable[str]) -> tuple[str, ...]:
    """The ancestors of a commit on top of ``parent``, whose own ancestors are ``before``; newest first."""
    return (parent, *before)[:ANCESTORS] if parent else ()


def later_dailies(dailies: Iterable[Daily], parent: str, parent_modified: datetime) -> tuple[Daily, ...]:
    """The last object of each day of the week before the parent's day, and the parent: as yet the last of its own."""
    today = parent_modified.date()
    oldest = (today - DAILY).isoformat()
    kept = {daily.day: daily for daily in dailies if oldest <= daily.day}
    kept[today.isoformat()] = Daily(today.isoformat(), parent)
    return tuple(kept[day] for day in sorted(kept))
