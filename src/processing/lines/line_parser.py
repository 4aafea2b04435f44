"""Parser of JSON lines: one call that accepts a run of lines as typed rows, or refuses it.

It is pyarrow's parser with an explicit schema, so decimals are exact (``processing.lines.decimals``), and a row's fate
never depends on its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pj

from core.contract.model import SourceTable
from core.landing.former_names import under_new_names, with_former_names
from core.warehouse.arrow_types import line_schema
from core.warehouse.order import Ints, one_zero
from processing.lines.blocks import BLOCK_BYTES, Block, newlines
from processing.lines.decimals import MOST_WRITTEN, too_small, wide
from processing.lines.fast_lines import LEAST_LINES, read_fast_lines
from processing.lines.instants import in_days, in_utc, in_years
from processing.lines.nested import nested_as_text
from processing.lines.values import bare_doubles

JOINED = re.compile(rb"}[ \t\r]*{")
THREAD_BYTES = 1 << 20
MOST_JOINED = BLOCK_BYTES // 3  # objects without a newline between them: no more than a block has lines
_OPENS = re.compile(rb"[ \t\r\n]*{")
OPENING, CLOSING = ord("{"), ord("}")


class Unparsable(ValueError):
    """The parser refuses these lines; at least one of them is bad."""


class LineParser:
    """Reads lines of one source table.

    ``timezone`` is that of timestamps which carry none. ``threads`` lets large blocks use several cores. ``written`` is
    the source table with the names that lines may have for its fields, former ones too.
    """

    def __init__(self, source: SourceTable, *, timezone: str = "UTC", threads: bool = False) -> None:
        self.source = source
        self.schema = line_schema(source)
        self.written = with_former_names(source)
        self._as_written = line_schema(self.written)
        self._timezone = timezone
        self._threads = threads
        self._known = frozenset(self._as_written.names)
        self._double_keys = tuple(name for name in source.key if source.field(name).type.name == "double")
        self._nested = tuple(_named(self.written, "json"))
        # A database's double may be infinite or no number at all; a feed's then says nothing, and is refused.
        self.wild_doubles = tuple(_named(self.written, "double")) if source.keeps_content else ()
        # Timestamps with and without zone are read alike and land in UTC; only where "without zone" means another
        # zone must the text be read. Dates the parser reads from numbers only, so they come as texts.
        self._timestamps = tuple(_named(self.written, "timestamp"))
        self._local = () if timezone == "UTC" else self._timestamps
        as_read = dict.fromkeys((*self._local, *_named(self.written, "date")), pa.string())
        self._wire = pa.schema(
            [pa.field(field.name, as_read.get(field.name, field.type)) for field in self._as_written]
        )
        self._decimals = frozenset(_named(self.written, "decimal"))
        as_parsed = {name: wide(self._as_written.field(name).type) for name in self._decimals}
        self._parsed = pa.schema([pa.field(field.name, as_parsed.get(field.name, field.type)) for field in self._wire])
        self._to_cast = bool(as_read or as_parsed)
        as_cut = dict.fromkeys(self._local, pa.string())
        self._cut = pa.schema([pa.field(field.name, as_cut.get(field.name, field.type)) for field in self._as_written])
        self._alone: dict[str, LineParser] = {}

    def prepared(self, data: bytes) -> bytes:
        """Lines as ``read`` takes them: newlines alone between them, nested values as the text they are.

        A database's infinite doubles lose their quotation marks.
        """
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        data = nested_as_text(data, self._nested, documents=self.source.keeps_content) if self._nested else data
        return bare_doubles(data, self.wild_doubles) if self.wild_doubles else data

    def read_fast(self, block: Block) -> pa.Table | None:
        """The same as ``read`` in less than half of the time, for many lines of one form; else None."""
        if len(block.breaks) < LEAST_LINES or len(block.controls) != len(block.breaks) or not _is_text(block.data):
            return None
        if joins_too_many(block.data):  # within a text too: the line parser refuses it
            return None
        rows = read_fast_lines(block.data, self._cut, block.breaks)
        try:
            return None if rows is None else self._typed(rows)
        except pa.ArrowInvalid:
            return None

    def read(self, data: bytes, lines: int, *, strict: bool = False, breaks: Ints | None = None) -> pa.Table:
        """Parse lines: ``lines`` rows in the schema of the source table. ``breaks``: where the newlines are, if known.

        Raises ``Unparsable`` when any line is not exactly one JSON object with fields of the promised types; with
        ``strict`` also when a line has a field that no contract knows.
        """
        breaks = newlines(data) if breaks is None else breaks
        if not _is_text(data):
            raise Unparsable("no UTF-8")
        # Before Arrow sees them: a first line of null and two more lines of anything end the process (pyarrow 25.0.1).
        if not (_OPENS.match(data) and _braced(data, breaks)):
            raise Unparsable("not one object per line")
        if joins_too_many(data):
            raise Unparsable("too many objects without a newline between them")  # Arrow would make a row of each
        if self._decimals and too_small(data, self._decimals):
            raise Unparsable(f"an exponent below -{MOST_WRITTEN}")
        try:
            rows = pj.read_json(
                pa.BufferReader(data),
                read_options=pj.ReadOptions(use_threads=self._threads, block_size=self._block_size(data, breaks)),
                parse_options=pj.ParseOptions(
                    explicit_schema=self._parsed,
                    # Never "infer": a deeply nested unknown field would overflow the stack and end the process.
                    unexpected_field_behavior="error" if strict else "ignore",
                ),
            )
            # The parser reads on over newlines and over objects on one line: as many rows as lines, and a brace on
            # both sides of each newline, leave one whole object per line.
            if rows.num_rows != lines:
                raise Unparsable("not one object per line")
            return self._typed(rows)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise Unparsable(str(error)) from error

    def _block_size(self, data: bytes, breaks: Ints) -> int:
        """The bytes that Arrow parses at once; a line may not reach over more than two such blocks."""
        if not self._threads or len(data) <= THREAD_BYTES:
            return len(data) + 1
        longest = int(np.diff(breaks, prepend=-1, append=len(data)).max())
        return THREAD_BYTES if longest <= THREAD_BYTES else len(data) + 1

    def accepts(self, name: str, text: str) -> bool:
        """Whether a text is a value of one field, whatever the others are."""
        if name not in self._alone:
            source = replace(self.source, key=(), fields=(replace(self.written.field(name), was=()),))
            self._alone[name] = LineParser(source, timezone=self._timezone)
        alone = self._alone[name]
        try:
            alone.read(alone.prepared(b"{%s:%s}" % (orjson.dumps(name), text.encode())), 1)
        except Unparsable:
            return False
        return True

    def unknown_in(self, records: Sequence[bytes]) -> frozenset[str]:
        """The names of all fields that the contract does not know. A record that is no JSON has none."""
        seen: set[str] = set()
        for record in records:
            try:
                seen.update(orjson.loads(record))
            except (orjson.JSONDecodeError, TypeError):
                continue
        return frozenset(seen - self._known)

    def _typed(self, rows: pa.Table) -> pa.Table:
        rows = under_new_names(self._cast(rows), self.source)
        for name in self._double_keys:
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, rows.schema.field(place), one_zero(rows.column(place)))
        return rows

    def _cast(self, rows: pa.Table) -> pa.Table:
        if not self._to_cast:
            for name in self._timestamps:
                in_years(rows.column(name))
            return rows.select(self._as_written.names)
        columns = []
        for field in self._as_written:
            column = rows.column(field.name)
            if field.name in self._local:
                column = in_utc(column, self._timezone)
            if column.type != field.type:
                column = in_days(column) if pa.types.is_date(field.type) else column.cast(field.type)
            columns.append(in_years(column) if pa.types.is_temporal(field.type) else column)
        return pa.table(columns, names=self._as_written.names)


def _is_text(data: bytes) -> bool:
    """Whether it is UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def joins_too_many(data: bytes) -> bool:
    """Whether more objects stand one behind the other than there is memory for."""
    if data.count(b"}") <= MOST_JOINED:
        return False
    return next(islice(JOINED.finditer(data), MOST_JOINED, None), None) is not None


def _braced(data: bytes, breaks: Ints) -> bool:
    """Whether every newline but one at the end lies between a closing and an opening brace."""
    content = np.frombuffer(data, dtype=np.uint8)
    return opens_everywhere(data, breaks) and bool((content[_inner(data, breaks) - 1] == CLOSING).all())


def opens_everywhere(data: bytes, breaks: Ints) -> bool:
    """Whether an opening brace follows every newline but one at the end."""
    content = np.frombuffer(data, dtype=np.uint8)
    return bool((content[_inner(data, breaks) + 1] == OPENING).all())


def _inner(data: bytes, breaks: Ints) -> Ints:
    return breaks[:-1] if data.endswith(b"\n") else breaks


def _named(source: SourceTable, *kinds: str) -> list[str]:
    return [field.name for field in source.fields if field.type.name in kinds]
