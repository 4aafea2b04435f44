"""Blocks of whole lines, read from the bytes of an ingest object in bounded memory.

An object is gzip (one member or many, as Firehose and appended files make them) or plain; its first two bytes say
which, never its name. A block is about ``BLOCK_BYTES`` of whole lines, whatever the object's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
from isal import igzip_lib

from core.errors import InvalidData
from core.warehouse.order import Bools, Ints

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

BLOCK_BYTES = 2 << 20  # with what is made of it, it stays in a processor's own memory: a seventh faster than 4 MB
READ_BYTES = 1 << 20
LONGEST_LINE_BYTES = 16 << 20  # longer than any row; what takes it apart may need twenty-five times as much memory
KEPT_BYTES = 1 << 20  # of a rejected line, in memory and in quarantine; the ingest object has all of it
LARGEST_BYTES = 512 << 20  # of an object's lines, four times what Firehose gathers: gzip makes 10 GB of 10 MB
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE = b"\x08"  # the only method of gzip, behind the magic number (RFC 1952); no text has it there
BOM = b"\xef\xbb\xbf"
NEWLINE = 10
SPACE = 32  # the bytes below it are control characters


class UnreadableObject(InvalidData):
    """The object's bytes are truncated, corrupt or without end: not even what was read may be trusted."""

    @property
    def reason(self) -> str:
        """``truncated``, ``corrupt`` or ``too_large``."""
        return self.problem.partition(":")[0]


def _unreadable(
    place: str, reason: str, detail: str, remedy: str = "Bring the object back whole; nothing of it was taken"
) -> UnreadableObject:
    return UnreadableObject("read", place, f"{reason}: {detail}", remedy)


@dataclass(frozen=True)
class Block:
    """Whole lines; ``first_line`` is the number of the first of them in the object, from 1."""

    data: bytes
    first_line: int

    @cached_property
    def controls(self) -> Ints:
        """Where its control characters are; newlines are, mostly, all of them."""
        return _places_of(np.frombuffer(self.data, dtype=np.uint8) < SPACE)

    @cached_property
    def breaks(self) -> Ints:
        """Where its newlines are."""
        newline = np.frombuffer(self.data, dtype=np.uint8)[self.controls] == NEWLINE
        return self.controls if newline.all() else self.controls[newline]

    @property
    def lines(self) -> int:
        """Lines in it, a last one without newline and blank ones included."""
        return len(self.breaks) + (not self.data.endswith(b"\n"))


@dataclass(frozen=True)
class LongLine:
    """A line of over ``LONGEST_LINE_BYTES``: its number from 1, its size, and as much of it as is kept."""

    beginning: bytes
    number: int
    size: int


def newlines(data: bytes) -> Ints:
    """The places of all newlines in the bytes."""
    return _places_of(np.frombuffer(data, dtype=np.uint8) == NEWLINE)


def _places_of(rare: Bools) -> Ints:
    """Where a mask is true, as ``np.flatnonzero`` gives it: eight bytes are looked at as one word, for few are."""
    whole = len(rare) // 8 * 8
    words = np.flatnonzero(rare[:whole].view(np.uint64) != 0)
    within = np.flatnonzero(rare[:whole].reshape(-1, 8)[words])
    return np.append(words[within >> 3] * 8 + (within & 7), np.flatnonzero(rare[whole:]) + whole)


def line_blocks(stream: BinaryIO, *, place: str, content_hash: Hash | None = None) -> Iterator[Block | LongLine]:
    """The object's lines, in order. Raises ``UnreadableObject`` at the point where it is truncated or corrupt.

    A byte order mark at the very start is dropped. ``content_hash`` takes every uncompressed byte.
    """
    line = 1
    for data, size in _cut(
        _without_mark(_hashed(_as_text(_bounded(_uncompressed(stream, place), place), place), content_hash))
    ):
        if size:
            yield LongLine(data, line, size)
            line += 1
        else:
            block = Block(data, line)
            yield block
            line += block.lines


Cut: TypeAlias = tuple[bytes, int]  # whole lines and 0, or the beginning of a line and its size


def _cut(chunks: Iterator[bytes]) -> Iterator[Cut]:
    """Runs of whole lines, and the lines that are too long. No more of an unfinished line is held than may be one."""
    pieces: list[bytes] = []
    size = unfinished = passed = 0  # bytes in the pieces, of them behind the last newline, of the long line so far
    beginning = b""
    for chunk in chunks:
        if passed:
            end = chunk.find(b"\n")
            passed += len(chunk) if end < 0 else end
            if end < 0:
                continue
            yield beginning, passed
            passed, chunk = 0, chunk[end + 1 :]
        end = chunk.rfind(b"\n") + 1
        unfinished = len(chunk) - end if end else unfinished + len(chunk)
        pieces.append(chunk)
        size += len(chunk)
        if unfinished > LONGEST_LINE_BYTES:
            data, start = b"".join(pieces), size - unfinished
            yield from _apart(data[:start])
            beginning, passed = data[start : start + KEPT_BYTES], unfinished
            data, pieces, size, unfinished = b"", [], 0, 0
        elif end and size - unfinished >= BLOCK_BYTES // 2:
            yield from _apart(b"".join([*pieces[:-1], memoryview(chunk)[:end]]))
            pieces, size = [chunk[end:]], unfinished
    if passed:
        yield beginning, passed
    yield from _apart(b"".join(pieces))


def _apart(data: bytes) -> Iterator[Cut]:
    """Lines, with those apart that are too long: they had all come before they were seen to be so."""
    start = 0
    if len(data) > LONGEST_LINE_BYTES:
        ends = newlines(data) if data.endswith(b"\n") else np.append(newlines(data), len(data))
        sizes = np.diff(ends, prepend=-1) - 1
        for number in np.flatnonzero(sizes > LONGEST_LINE_BYTES).tolist():
            size, end = int(sizes[number]), int(ends[number])
            if start < end - size:
                yield data[start : end - size], 0
            yield data[end - size : min(end, end - size + KEPT_BYTES)], size
            start = end + 1
    if start < len(data):
        yield data[start:], 0


def _bounded(chunks: Iterator[bytes], place: str) -> Iterator[bytes]:
    """The same chunks, up to as many bytes as the function has time for."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > LARGEST_BYTES:
            detail = f"its lines are over {LARGEST_BYTES >> 20} MiB, uncompressed"
            raise _unreadable(place, "too_large", detail, "Write its lines into several objects")
        yield chunk


def _hashed(chunks: Iterator[bytes], content_hash: Hash | None) -> Iterator[bytes]:
    for chunk in chunks:
        if content_hash is not None:
            content_hash.update(chunk)
        yield chunk


def _as_text(chunks: Iterator[bytes], place: str) -> Iterator[bytes]:
    """The same chunks; refused where the first bytes are those of gzip in gzip, or of gzip with one of them damaged."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) > len(GZIP_MAGIC):
            break
    if head.startswith(GZIP_MAGIC):
        raise _unreadable(place, "corrupt", "it is gzip in gzip")
    if head[2:3] == DEFLATE and (head[:1] == GZIP_MAGIC[:1] or head[1:2] == GZIP_MAGIC[1:]):
        raise _unreadable(place, "corrupt", f"it is gzip with a damaged head: it begins with 0x{head[:4].hex()}")
    if head:
        yield head
    yield from chunks


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:  # the mark may come in pieces
        head += chunk
        if len(head) >= len(BOM):
            break
    if head:
        yield head.removeprefix(BOM)
    yield from chunks


def _uncompressed(stream: BinaryIO, place: str) -> Iterator[bytes]:
    head = _read_at_least(stream, len(GZIP_MAGIC) + len(BOM))
    if head.startswith(GZIP_MAGIC):
        yield from _gunzipped(stream, head, place)
        return
    while head:
        yield head
        head = stream.read(READ_BYTES)


def _gunzipped(stream: BinaryIO, given: bytes, place: str) -> Iterator[bytes]:
    member = None
    while True:
        if member is None:
            given = given.lstrip(b"\0")  # padding between members, as tape and block writers leave it
            while not given:
                if not (given := stream.read(READ_BYTES)):
                    return
                given = given.lstrip(b"\0")
            member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        elif member.needs_input and not given and not (given := stream.read(READ_BYTES)):
            raise _unreadable(place, "truncated", "the gzip stream ends before its end")
        try:
            out = member.decompress(given, max_length=BLOCK_BYTES)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub declares a value, not a class
            raise _unreadable(place, "corrupt", f"the gzip stream is broken: {error}") from error
        given = b""
        if out:
            yield out
        if member.eof:
            given, member = member.unused_data, None


def _read_at_least(stream: BinaryIO, count: int) -> bytes:
    """The first bytes; a stream may give fewer than asked for."""
    head = stream.read(READ_BYTES)
    while len(head) < count and (more := stream.read(READ_BYTES)):
        head += more
    return head
