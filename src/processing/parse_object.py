"""Parsing of one ingest object: star rows by partition, rejected lines, and an account of every line.

Pure but for the stream it reads. Blocks are parsed, shaped and checked one after another, so that beside the star rows
no more than a block of the object is in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa

from core.contract.model import Contract, Table
from core.landing.ingest_objects import ContentPromise
from core.warehouse.keys import partition_rows
from core.warehouse.order import as_array
from processing.check import broken_rules, outside_promise
from processing.lines.block_parser import BlockParser, parser_for
from processing.lines.blocks import UnreadableObject, line_blocks
from processing.lines.memory import give_memory_back
from processing.lines.parsed import Parsed, Rejected, shortened
from processing.plan import SourcePlan
from processing.read_ahead import map_ahead
from processing.shape import Origin, shape

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

WORKERS = 2  # threads that parse blocks, where there are cores for them
RUN_BYTES = 32 << 20  # of blocks' rows that are joined on the way
LARGE_BYTES = 64 << 20  # of rows: from here on it matters when memory goes back, which costs as much as to join them
MOST_OUTSIDE = 1000  # lines outside of the promise that are kept in quarantine; the ingest object has all of them
MOST_REJECTED_BYTES = 32 << 20  # of each kind, kept in memory until the batch is done
REJECTED_BYTES = 200  # that a rejected line takes beside its content
MOST_UNKNOWN = 500  # fields that a receipt names, for an object may have a new one in every line
MOST_ROWS_BYTES = 384 << 20  # of an object's star rows; written they take as much again
SORTED_BYTES = 32  # that a row takes while rows are sorted, however narrow it is
MOST_JUDGED = 10_000  # bad lines of an object that is read on although most of its lines are bad


@dataclass(frozen=True, slots=True)
class Part:
    """Rows for one partition (its path below the table's folder)."""

    table: Table
    path: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class ParsedObject:
    """The rows and rejected lines of an object. ``lines_in`` = ``accepted`` + ``rejected_lines`` + ``outside_lines``.

    Of a line that holds several records (a newline is missing) each counts as a line. Those that are outside of the
    promise (from before the first partition) are no bad lines and halt nothing; the first of them are among
    ``rejected``. ``halted`` says why nothing of it may be committed (then there are no parts); ``rejected`` are the
    rejected lines, all of them unless the object is halted. Times are in milliseconds.
    """

    lines_in: int
    accepted: int
    rejected_lines: int
    outside_lines: int = 0
    rows_out: int = 0
    parts: tuple[Part, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unknown: tuple[str, ...] = ()
    halted: str = ""
    read_ms: float = 0.0
    shape_ms: float = 0.0


def parse_object(
    stream: BinaryIO,
    plan: SourcePlan,
    origin: Origin,
    *,
    place: str,
    now: datetime,
    timer: Callable[[], float],
    threads: bool = False,
    promise: ContentPromise | None = None,
) -> ParsedObject:
    """Read, shape and check an object. ``timer`` counts seconds; ``threads`` lets the parser use several cores.

    An object whose content is not as its writer's ``promise`` says is halted.
    """
    work = _Work(plan, origin, now, parser_for(plan.source, timezone=origin.timezone, threads=threads))
    started, shaping = timer(), 0.0
    broken = ""
    try:
        content_hash = None if promise is None else hashlib.sha256()
        blocks = line_blocks(stream, place=place, content_hash=content_hash)
        for parsed in (
            map_ahead(work.parser.parse, blocks, workers=WORKERS) if threads else map(work.parser.parse, blocks)
        ):
            before = timer()
            work.shape(parsed)
            shaping += timer() - before
            if work.is_hopeless() or work.too_many_rows():
                break
        else:
            broken = work.broken_promise(promise, content_hash)
    except UnreadableObject as error:
        broken = error.problem
    before = timer()
    halted = broken or work.too_many_rejected() or work.too_many_rows()
    parts = () if halted else work.parts()
    ended = timer()
    shaping += ended - before
    return ParsedObject(
        lines_in=work.lines,
        accepted=work.accepted,
        rejected_lines=work.rejected_lines,
        outside_lines=work.outside_lines,
        rows_out=sum(part.rows.num_rows for part in parts),
        parts=parts,
        rejected=tuple(sorted([*work.rejected.lines, *work.outside.lines], key=lambda rejected: rejected.line)),
        unknown=tuple(shortened(name) for name in sorted(work.unknown)[:MOST_UNKNOWN]),
        halted=halted,
        read_ms=(ended - started - shaping) * 1000,
        shape_ms=shaping * 1000,
    )


@dataclass
class _Rows:
    """The rows of a table, block after block. Those of many blocks are joined on the way (``runs``).

    Memory that is given back between thousands of small arrays stays with the process until the last of them goes.
    """

    runs: list[pa.Table] = field(default_factory=list)
    blocks: list[pa.Table] = field(default_factory=list)
    waiting: int = 0
    num_rows: int = 0

    def add(self, rows: pa.Table) -> None:
        """Put the rows of a block behind the others."""
        self.blocks.append(rows)
        self.num_rows += rows.num_rows
        self.waiting += rows.nbytes
        if self.waiting > RUN_BYTES:
            self.runs.append(_joined(self.blocks))
            self.waiting = 0

    def joined(self) -> pa.Table:
        """All rows, each column one array. They are handed out: none is left here."""
        tables = [*self.runs, *self.blocks]
        self.runs.clear()
        self.blocks.clear()
        return _joined(tables)


@dataclass
class _Kept:
    """Lines that became no rows, up to so many bytes of them."""

    lines: list[Rejected] = field(default_factory=list)
    size: int = 0

    def add(self, rejected: Rejected) -> bool:
        """Keep a line; False where there is no room for it."""
        size = len(rejected.raw) + REJECTED_BYTES
        if self.size + size > MOST_REJECTED_BYTES:
            return False
        self.lines.append(rejected)
        self.size += size
        return True


@dataclass
class _Work:
    """The state of parsing one object: what its blocks gave so far. ``is_cut``: not all rejected lines are kept."""

    plan: SourcePlan
    origin: Origin
    now: datetime
    parser: BlockParser
    accepted: int = 0
    rejected_lines: int = 0
    outside_lines: int = 0
    rejected: _Kept = field(default_factory=_Kept)
    outside: _Kept = field(default_factory=_Kept)
    is_cut: bool = False
    unknown: set[str] = field(default_factory=set)
    rows_bytes: int = 0
    shaped: dict[str, _Rows] = field(default_factory=dict)

    def shape(self, parsed: Parsed) -> None:
        """Add the star rows of a block; a row that one table refuses is refused by all, for its line is one."""
        bad: dict[int, str] = {}
        outside: dict[int, str] = {}
        blocks = {}
        for table in (*self.plan.facts, *self._own_dimensions()):
            shaped = shape(table, parsed.rows, self.origin)
            for reasons in (shaped.bad, broken_rules(table, shaped.rows, now=self.now)):
                for row, reason in reasons.items():
                    bad.setdefault(row, reason)
            outside |= outside_promise(table, shaped.rows)
            blocks[table.name] = shaped.rows
        valid = parsed.without(bad, outside)
        left = bad.keys() | outside.keys()
        keep = np.ones(parsed.rows.num_rows, dtype=bool)
        keep[list(left)] = False
        for table in self.plan.facts:
            rows = blocks[table.name]
            self._keep(table, rows.filter(pa.array(keep)) if left else rows)
        if self.plan.current is not None:
            self._keep(self.plan.current, valid.rows)
        self._account(valid)

    def _keep(self, table: Table, rows: pa.Table) -> None:
        self.shaped.setdefault(table.name, _Rows()).add(rows)
        self.rows_bytes += rows.nbytes + SORTED_BYTES * rows.num_rows

    def _own_dimensions(self) -> tuple[Table, ...]:
        return tuple(table for table in self.plan.dimensions if table.source == self.plan.source.name)

    @property
    def lines(self) -> int:
        """The lines that were read."""
        return self.accepted + self.rejected_lines + self.outside_lines

    def _account(self, valid: Parsed) -> None:
        """Count the records of a block, and keep those that became no row as far as their bytes have room."""
        self.accepted += valid.rows.num_rows
        self.rejected_lines += len(valid.rejected)
        self.outside_lines += len(valid.outside)
        self.unknown |= valid.unknown if len(self.unknown) < MOST_UNKNOWN else set()
        for rejected in valid.rejected:
            self.is_cut |= not self.rejected.add(rejected.kept())
        for rejected in valid.outside[: MOST_OUTSIDE - len(self.outside.lines)]:
            self.outside.add(rejected.kept())

    def is_hopeless(self) -> bool:
        """Whether so many lines are bad already that the rest of the object need not be read."""
        return (self.rejected_lines >= max(MOST_JUDGED, self.plan.contract.quarantine_minimum) or self.is_cut) and bool(
            self.too_many_rejected()
        )

    def broken_promise(self, promise: ContentPromise | None, content_hash: Hash | None) -> str:
        """Why the object, read to its end, is not the one that was written; or nothing."""
        if promise is None or content_hash is None:
            return ""
        if content_hash.hexdigest() != promise.sha256:
            return "altered: the sha256 of its lines is another than its metadata say"
        if self.lines == promise.rows:
            return ""
        return f"altered: it has {self.lines} lines, and {promise.rows} by its metadata"

    def too_many_rejected(self) -> str:
        """Why the object is halted, or nothing: a bad release must not empty itself into quarantine."""
        contract: Contract = self.plan.contract
        share = self.rejected_lines / max(1, self.lines)
        kept = self.rejected.lines
        first = f"; first: line {kept[0].line}: {kept[0].reason}" if kept else ""
        if self.rejected_lines >= contract.quarantine_minimum and share > contract.quarantine_share:
            return f"quarantine: {share:.1%} of the lines are bad, over {contract.quarantine_share:.0%}{first}"
        if self.is_cut:
            return f"quarantine: over {MOST_REJECTED_BYTES} bytes of bad lines{first}"
        return ""

    def too_many_rows(self) -> str:
        """Why the rest of the object need not be read, or nothing: its rows would take all of the function's memory."""
        if self.rows_bytes <= MOST_ROWS_BYTES:
            return ""
        rows = sum(table.num_rows for table in self.shaped.values())
        return f"too_large: its first {rows} rows take over {MOST_ROWS_BYTES >> 20} MiB; write it into several objects"

    def parts(self) -> tuple[Part, ...]:
        """The star rows by table and partition. They are handed out once: the state keeps none of them."""
        tables = [*self.plan.facts, *([self.plan.current] if self.plan.current else [])]
        return tuple(
            Part(table, path, rows)
            for table in tables
            for path, rows in partition_rows(table, self.shaped.pop(table.name, _Rows()).joined()).items()
        )


def _joined(tables: list[pa.Table]) -> pa.Table:
    """The rows of all tables, each column one array. The list is emptied, for what was joined is let go on the way."""
    if not tables:
        return pa.table({})
    schema = tables[0].schema
    is_large = sum(table.nbytes for table in tables) > LARGE_BYTES
    if is_large:
        give_memory_back()
    columns = [[table.column(number) for table in tables] for number in range(len(schema))]
    tables.clear()
    joined: list[pa.Array] = []
    for parts in columns:
        joined.append(as_array(pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)))
        parts.clear()
        if is_large:
            pa.default_memory_pool().release_unused()  # or the joined ones would come on top of what was let go
    return pa.Table.from_arrays(joined, schema=schema)
