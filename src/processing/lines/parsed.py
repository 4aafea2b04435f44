"""Result of parsing a block: accepted rows and rejected lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.warehouse.order import as_array
from processing.lines.blocks import KEPT_BYTES, Block

LONGEST_QUOTE = 80  # characters of a value that a reason or a log line tells
BLANKS = b" \t\r"  # behind a record they are no part of it
_CUT_OFF = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")  # of UTF-8


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that breaks a rule: its number in the object (from 1), why, and its bytes as they came.

    ``size`` is that of the whole line where ``raw`` is no more than its beginning, else 0.
    """

    line: int
    reason: str
    raw: bytes
    size: int = 0

    def kept(self) -> Rejected:
        """The line as it is kept: of a long one the beginning, cut between two characters, and the reason says so."""
        if max(self.size, len(self.raw)) <= KEPT_BYTES:
            return self
        raw, size = self.raw[:KEPT_BYTES], self.size or len(self.raw)
        raw = raw[:-3] + _CUT_OFF.sub(b"", raw[-3:])
        return Rejected(self.line, f"{self.reason} (of {size} bytes the first {len(raw)} are kept)", raw, size)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block's accepted rows (in ``line_schema``), rejected lines and those outside of the promise.

    Every record is one of the three. A line may hold several records, so its number names none of them.

    ``lines`` holds each row's line number. ``records`` holds each row's bytes, or is None when row ``i`` is the line
    ``lines[i] - block.first_line`` of the block.
    """

    block: Block
    rows: pa.Table
    lines: np.ndarray
    records: Sequence[bytes] | None = None
    rejected: tuple[Rejected, ...] = ()
    outside: tuple[Rejected, ...] = ()
    unknown: frozenset[str] = field(default_factory=frozenset)

    def without(self, bad: Mapping[int, str], outside: Mapping[int, str] = MappingProxyType({})) -> Parsed:
        """The same result with the rows ``bad`` (row index -> reason) rejected, and others outside of the promise.

        A row that is both is outside.
        """
        reasons = {**bad, **outside}
        if not reasons:
            return self
        order = sorted(reasons)
        keep = np.ones(self.rows.num_rows, dtype=bool)
        keep[order] = False
        left: dict[bool, list[Rejected]] = {False: [], True: []}
        for row, raw in zip(order, self.raw(order), strict=True):
            left[row in outside].append(Rejected(int(self.lines[row]), reasons[row], raw))
        return Parsed(
            block=self.block,
            rows=self.rows.filter(pa.array(keep)),
            lines=self.lines[keep],
            records=None
            if self.records is None
            else [record for record, kept in zip(self.records, keep, strict=True) if kept],
            rejected=(*self.rejected, *left[False]),
            outside=(*self.outside, *left[True]),
            unknown=self.unknown,
        )

    def raw(self, rows: Sequence[int]) -> list[bytes]:
        """The bytes of these rows as they came."""
        if not rows:
            return []
        if self.records is not None:
            return [self.records[row].rstrip(BLANKS) for row in rows]
        lines = self.block.data.split(b"\n")
        return [lines[int(self.lines[row]) - self.block.first_line].rstrip(BLANKS) for row in rows]

    @property
    def accounted(self) -> int:
        """How many records the block had: those that became rows and those that did not."""
        return int(self.rows.num_rows) + len(self.rejected) + len(self.outside)


def shortened(text: str) -> str:
    """A value for a reason: long enough to recognise it."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}... ({len(text)} characters)"


def rows_where(mask: pa.ChunkedArray | pa.Array) -> list[int]:
    """The indexes at which a mask is true; null is not."""
    # One array: over a chunked array without chunks this kernel ends the process (pyarrow 25).
    rows: list[int] = pc.indices_nonzero(as_array(pc.fill_null(mask, False))).to_pylist()
    return rows
