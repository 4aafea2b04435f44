"""Pack lines into gzip objects of bounded size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from isal import isal_zlib

from core.errors import PipelineBug

OBJECT_BYTES = 8_000_000  # compressed, at most; only a single longer line makes a bigger object
_LEVEL = 1  # keeps up with a COPY on one core, as zlib's and every higher level do not
_GZIP = 31  # window bits that ask for a gzip header; without a time in it, so that equal lines are equal bytes
_QUOTE = b"\x01"
# What deflate may hold back or add: its input window and a few bytes for each block that it cannot compress.
_SLACK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Packed:
    """An object's body and facts about its lines. ``sha256`` is of the uncompressed lines, in hex."""

    body: bytes = field(repr=False)
    rows: int
    sha256: str
    last_line: bytes = field(repr=False)


class Packer:
    """Collects lines until an object is full."""

    def __init__(self, *, max_rows: int, max_bytes: int = OBJECT_BYTES) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._reset()

    def _reset(self) -> None:
        self._deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._digest = hashlib.sha256()
        self._parts: list[bytes] = []
        self._bytes = 0
        self._last_line = b""
        self.rows = 0

    def add(self, lines: list[bytes]) -> list[bytes]:
        """Take as many of the lines as fit; returns the others, which fit into the next object."""
        taken = lines[: self._max_rows - self.rows]
        data = b"".join(taken)
        while taken and self._bytes + len(data) + _SLACK > self._max_bytes:
            taken = taken[: len(taken) // 2]
            data = b"".join(taken)
        if not taken:
            if self.rows:
                return lines
            taken, data = lines[:1], lines[0]
        if _QUOTE in data:  # COPY quotes what is not one raw line
            raise PipelineBug("read rows", repr(data[:120]), "a row is not one line", "Report the column's type")
        self._digest.update(data)
        part = self._deflate.compress(data)
        self._parts.append(part)
        self._bytes += len(part)
        self._last_line = taken[-1]
        self.rows += len(taken)
        return lines[len(taken) :]

    def finish(self) -> Packed:
        """The lines taken so far as an object; the next object begins."""
        self._parts.append(self._deflate.flush())
        packed = Packed(b"".join(self._parts), self.rows, self._digest.hexdigest(), self._last_line)
        self._reset()
        return packed
