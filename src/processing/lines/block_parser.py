"""Parser of blocks: JSON lines become typed rows and rejected lines.

A valid block takes one call of the line parser. A block that it refuses is parsed in parts, and only the lines that it
refuses alone are rejected: one poison line costs one block.
"""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import SourceTable
from processing.lines.blocks import LONGEST_LINE_BYTES, Block, LongLine
from processing.lines.line_parser import LineParser, Unparsable, opens_everywhere
from processing.lines.parsed import Parsed, Rejected, rows_where
from processing.lines.rejects import separate_rejects
from processing.lines.values import says_not_finite


class BlockParser:
    """Parses the blocks of one object, several at once if need be.

    It remembers whether lines have fields that no contract knows, to save time: no block's result depends on it.
    """

    def __init__(self, parser: LineParser) -> None:
        self._parser = parser
        self._required = tuple(field.name for field in parser.source.fields if field.required)
        self._doubles = {
            field.name: (field.name, *field.was) for field in parser.source.fields if field.type.name == "double"
        }
        self._drifted = False

    def parse(self, block: Block | LongLine) -> Parsed:
        """The block's rows and rejected lines; the order of lines is kept."""
        if isinstance(block, LongLine):
            reason = f"too long: {block.size} bytes, over {LONGEST_LINE_BYTES >> 20} MiB"
            rejected = Rejected(block.number, reason, block.beginning, block.size)
            nothing = self._parser.schema.empty_table()
            return Parsed(Block(b"", block.number), nothing, np.empty(0, dtype=np.int64), rejected=(rejected,))
        if not opens_everywhere(block.data, block.breaks):  # a bad line, a blank one: nothing can read it as it is
            return self._valid(separate_rejects(self._parser, block))
        try:
            return self._valid(self._clean(block))
        except Unparsable:
            return self._valid(separate_rejects(self._parser, block))

    def _clean(self, block: Block) -> Parsed:
        data = self._parser.prepared(block.data)
        lines = block if data is block.data else Block(data, block.first_line)
        rows = None if self._drifted else self._without_unknown(lines)
        unknown: frozenset[str] = frozenset()
        if rows is None:
            rows = self._parser.read(lines.data, lines.lines, breaks=lines.breaks)
            unknown = self._parser.unknown_in(lines.data.split(b"\n"))
            self._drifted = bool(unknown)
        return Parsed(block, rows, np.arange(block.first_line, block.first_line + rows.num_rows), unknown=unknown)

    def _without_unknown(self, lines: Block) -> pa.Table | None:
        """The rows of lines that the contract knows every field of; None where others are among them, or bad ones."""
        rows = self._parser.read_fast(lines)
        if rows is not None:
            return rows
        try:
            return self._parser.read(lines.data, lines.lines, strict=True, breaks=lines.breaks)
        except Unparsable:
            return None

    def _valid(self, parsed: Parsed) -> Parsed:
        """The rows that have every required field and no number that was too large to read; the others are rejected."""
        bad: dict[int, str] = {}
        for name, written in self._doubles.items():
            rows = rows_where(pc.invert(pc.is_finite(parsed.rows.column(name))))
            may_be = name in self._parser.wild_doubles
            for row, raw in zip(rows, parsed.raw(rows), strict=True):
                if not (may_be and any(says_not_finite(raw, each) for each in written)):
                    bad.setdefault(row, f"{name}: not a finite number")
        for name in self._required:
            column = parsed.rows.column(name)
            if column.null_count:
                for row in rows_where(column.is_null()):
                    bad.setdefault(row, f"{name}: required, but missing or null")
        return parsed.without(bad)


@functools.lru_cache(maxsize=256)
def _line_parser(source: SourceTable, timezone: str, threads: bool) -> LineParser:
    return LineParser(source, timezone=timezone, threads=threads)


def parser_for(source: SourceTable, *, timezone: str = "UTC", threads: bool = False) -> BlockParser:
    """A fresh parser for an object of a source table; what is costly to build is shared within the process."""
    return BlockParser(_line_parser(source, timezone, threads))
