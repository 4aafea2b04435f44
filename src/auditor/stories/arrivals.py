"""Arrivals: lines of ingest objects that a point or a row came in, with their receipts and refusals."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.stories.story import Event, counted
from core.landing.records import receipt_if_any
from core.landing.refused_lines import refused_lines
from core.landing.source_lines import parse_line
from core.landing.zone import Landing, landing_of
from core.ports import ObjectReader
from core.time import format_instant

Fields = Mapping[str, Any]
MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line of an ingest object: its number, its fields, when the object was there (ISO 8601).

    ``receipt`` is what became of the object; None where it has not been processed to its end. ``refused`` is why the
    line lies in quarantine, ``version_id`` S3's version of the object.
    """

    object: str
    line: int
    fields: Fields
    arrived_at: str
    receipt: Mapping[str, Any] | None = None
    refused: str = ""

    @property
    def halted(self) -> str:
        """Why nothing of the object was taken; empty where it was."""
        receipt = self.receipt or {}
        return str(receipt.get("reason") or "it was halted") if receipt.get("outcome") == "halted" else ""


@dataclass
class Landings:
    """Reader of ingest objects, receipts and quarantined lines; each object is read once.

    ``read`` counts the objects whose lines were read.
    """

    ingest: ObjectReader
    records: ObjectReader
    read: int = 0
    _receipts: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)

    def arrivals(self, key: str, matches: Callable[[Fields], bool]) -> list[Arrival]:
        """The lines of an object that match, in their order; none where it is gone."""
        landing, stored = landing_of(key), self.ingest.read(key)
        if landing is None or stored is None:
            return []
        self.read += 1
        lines = [(number, row) for number, row in _rows(lines_of(stored.body)) if matches(row)]
        if not lines:
            return []
        refused = {int(line["line"]): str(line["reason"]) for line in self.refusals(landing)}
        receipt, arrived = self.receipt(landing), format_instant(stored.stat.modified)
        return [Arrival(key, number, row, arrived, receipt, refused.get(number, "")) for number, row in lines]

    def receipt(self, landing: Landing) -> Mapping[str, Any] | None:
        """The object's receipt."""
        if landing.key not in self._receipts:
            stored = self.records.read(landing.receipt_key)
            self._receipts[landing.key] = receipt_if_any(stored.body if stored else None) or None
        return self._receipts[landing.key]

    def refusals(self, landing: Landing) -> Iterator[Mapping[str, Any]]:
        """The object's lines in quarantine (``core.landing.records.QUARANTINE_COLUMNS``)."""
        stored = self.records.read(landing.quarantine_key)
        return refused_lines(landing.quarantine_key, stored.body if stored else b"")


def lines_of(body: bytes) -> list[bytes]:
    """The lines of an ingest object, compressed or plain; of a broken one those before the break."""
    if not body.startswith(MAGIC):
        return body.splitlines()
    readable, pieces = gzip.GzipFile(fileobj=io.BytesIO(body)), []
    try:
        while piece := readable.read(1 << 20):
            pieces.append(piece)
    except (EOFError, OSError, zlib.error):
        pass  # its receipt says what processing made of it
    return b"".join(pieces).splitlines()


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, Fields]]:
    for number, line in enumerate(lines, start=1):
        row = row_of(line)
        if row:
            yield number, row


def row_of(line: bytes | str) -> Fields:
    """The fields of a line; none of one that is no JSON object."""
    try:
        row = parse_line(line.encode() if isinstance(line, str) else line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def arrival_events(arrival: Arrival) -> Iterator[Event]:
    """The events of an arrival: it came, and what became of its object."""
    yield Event(arrival.arrived_at, "arrived", f"line {arrival.line:,} of an ingest object", arrival.object)
    landing, receipt = landing_of(arrival.object), arrival.receipt
    if receipt is None or landing is None:
        yield Event("", "waiting", "the object has no receipt: it was not processed to its end", arrival.object)
        return
    at = str(receipt.get("processed_at", ""))
    if arrival.refused:
        yield Event(at, "quarantined", f"line {arrival.line:,}: {arrival.refused}", landing.quarantine_key)
    elif arrival.halted:
        yield Event(at, "halted", f"nothing of the object was taken: {arrival.halted}", landing.receipt_key)
    else:
        yield Event(at, "processed", _outcome(receipt), landing.receipt_key)


def _outcome(receipt: Mapping[str, Any]) -> str:
    rejected, outcome = int(receipt.get("rejected", 0)), receipt.get("outcome", "")
    rows = f"{counted(int(receipt.get('lines_in', 0)), 'line')}, {counted(int(receipt.get('rows_out', 0)), 'row')}"
    return f"{outcome}: {rows}" + (f", {counted(rejected, 'line')} refused" if rejected else "")
