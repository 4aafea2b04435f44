"""Pack lines into gzip objects of bounded size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
    """Collects lines until an object is full.

    It ends with a line that ``may_end`` one, the last before it is full, or the first behind. Where there is none
    until it is twice as full, it ends with any line.
    """

    def __init__(
        self, *, max_rows: int, max_bytes: int = OBJECT_BYTES, may_end: Callable[[bytes], bool] = lambda _: True
    ) -> None:
        self._may_end = may_end
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
        room = self._room(lines)
        count = room if room == len(lines) else self._end(lines, room)
        if not count:
            return lines
        taken = lines[:count]
        data = b"".join(taken)
        if _QUOTE in data:  # COPY quotes what is not one raw line
            raise PipelineBug("read rows", repr(data[:120]), "a row is not one line", "Report the column's type")
        self._digest.update(data)
        part = self._deflate.compress(data)
        self._parts.append(part)
        self._bytes += len(part)
        self._last_line = taken[-1]
        self.rows += len(taken)
        return lines[len(taken) :]

    @property
    def can_end(self) -> bool:
        """Whether the last line taken may be an object's last."""
        is_twice_full = self.rows >= 2 * self._max_rows or self._bytes >= 2 * self._max_bytes
        return self.rows > 0 and (is_twice_full or self._may_end(self._last_line))

    def _room(self, lines: list[bytes]) -> int:
        """How many of the lines fit; the first one does in any case."""
        count = min(len(lines), max(self._max_rows - self.rows, 0))
        while count and self._bytes + sum(map(len, lines[:count])) + _SLACK > self._max_bytes:
            count //= 2
        return count if count or self.rows else 1

    def _end(self, lines: list[bytes], room: int) -> int:
        """How many of the lines to take, of which not all fit: as many as there is room for, or where it can end."""
        for count in range(room, 0, -1):
            if self._may_end(lines[count - 1]):
                return count
        if self.can_end:
            return 0
        beyond = range(room + 1, len(lines) + 1)
        return next((count for count in beyond if self._may_end(lines[count - 1])), len(lines))

    def finish(self) -> Packed:
        """The lines taken so far as an object; the next object begins."""
        self._parts.append(self._deflate.flush())
        packed = Packed(b"".join(self._parts), self.rows, self._digest.hexdigest(), self._last_line)
        self._reset()
        return packed
