"""Rows that the server cannot print, refused alone: the others come, and of each of them a line that names it.

A row may hold bytes of no text (in a database of encoding SQL_ASCII), a document that cannot be converted, a number out
of range, more than a gigabyte of text, a page that is corrupt. Such a value ends the whole COPY. Then the rows from
there on are asked for in pieces, halved until the row stands alone; its line has its key and its times, and in place of
the value that cannot be printed an object that says why: ``{"note": {"unprintable": "invalid byte sequence ...
(22021)"}}``, which is no value of any column, so that processing puts the line into quarantine. A row whose key cannot
be printed is refused with its table.

A key that is asked for may be no value of its column's type any more: an enum's value was renamed, a type was narrowed.
No row has it, and the others are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.audit.key_values import canonical_keys
from core.contract.model import Field
from core.landing.ingest_objects import KeyValue, Position
from core.landing.source_lines import parse_line, resume_point
from ingestion.engines.failures import UnprintableValue
from ingestion.engines.port import Session
from ingestion.engines.postgresql.select import Reading, among, copy_values, copy_where, in_snapshot
from ingestion.engines.postgresql.select import within as within_interval

FIRST_PIECE, LARGEST_PIECE = 256, 65_536  # rows that are asked for in pieces before the rest is tried whole again
Lines = Generator[list[bytes]]


def possible_keys(
    reading: Reading, session: Session, keys: Sequence[Sequence[KeyValue]], *, seconds: float
) -> list[Sequence[KeyValue]]:
    """The keys that are values of their columns' types; what the server refuses is halved until it stands alone."""
    try:
        for _ in session.copy(in_snapshot(reading, copy_values(reading, keys), seconds=session.at_most(seconds))):
            pass
    except UnprintableValue:
        half = len(keys) // 2
        parts = (keys[:half], keys[half:]) if half else ()
        return [key for part in parts for key in possible_keys(reading, session, part, seconds=seconds)]
    return [*keys]


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints rows of a table, piece by piece where it has to. ``seconds`` bound each statement."""

    reading: Reading
    session: Session
    seconds: float
    checked_at: datetime | None = None

    def interval(self, start: Position, until: datetime) -> Lines:
        """The rows from ``start`` on whose cursor is before ``until``, in order of (cursor, key)."""
        size = FIRST_PIECE
        while True:
            last = b""
            try:
                for batch in self._copied(within_interval(self.reading, start, until), self.reading.fields):
                    last = batch[-1]
                    yield batch
                return
            except UnprintableValue as error:
                refusal = error
            start = self._behind(last) if last else start
            condition = within_interval(self.reading, start, until)
            stubs = self._stubs(condition, at_most=size)
            if not stubs:
                raise refusal
            yield from self._pieces(stubs, f"{condition} AND ")
            start, size = self._behind(stubs[-1]), min(size * 4, LARGEST_PIECE)

    def keys(self, keys: Sequence[Sequence[KeyValue]]) -> Lines:
        """The rows that have one of these keys."""
        condition = among(self.reading, keys)
        try:
            batches = [*self._copied(condition, self.reading.fields, ordered=False)]
        except UnprintableValue:
            known = possible_keys(self.reading, self.session, keys, seconds=self.seconds)
            stubs = self._stubs(among(self.reading, known)) if known else []
            batches = [*self._pieces(stubs, "")] if stubs else []
        yield from batches

    def _pieces(self, stubs: Sequence[bytes], within: str) -> Lines:
        """The rows of these places, in their order; those that have left them meanwhile are left out."""
        key_names = self.reading.table.key
        rows = [parse_line(stub) for stub in stubs]
        keys = canonical_keys(
            self.reading.table, [[row[name] for name in key_names] for row in rows], timezone=self.reading.timezone
        )
        condition = f"{within}{among(self.reading, keys)}"
        try:
            lines = [*self._copied(condition, self.reading.fields)]
        except UnprintableValue as error:
            if len(stubs) == 1:
                yield [self._refused(stubs[0], condition, error)]
                return
            half = len(stubs) // 2
            yield from self._pieces(stubs[:half], within)
            yield from self._pieces(stubs[half:], within)
        else:
            yield from lines

    def _refused(self, stub: bytes, condition: str, error: UnprintableValue) -> bytes:
        """The line of a row of which some value cannot be printed."""
        place = {field.name for field in self.reading.place_fields}
        others = [field for field in self.reading.fields if field.name not in place]
        broken = [field for field in others if self._is_unprintable(condition, field)]
        # A document may be anything, so that an object in its place would be a value.
        named = next((field for field in [*broken, *others] if field.type.name != "json"), None)
        if named is None:
            raise error
        reason = f"{', '.join(field.name for field in broken) or 'the row'}: {error.problem}"
        return stub.rstrip()[:-1] + f",{json.dumps(named.name)}:{json.dumps({'unprintable': reason})}}}\n".encode()

    def _is_unprintable(self, condition: str, field: Field) -> bool:
        try:
            for _ in self._copied(condition, [field], ordered=False):
                pass
        except UnprintableValue:
            return True
        return False

    def _stubs(self, condition: str, *, at_most: int = 0) -> list[bytes]:
        """Lines of the rows' keys and times alone."""
        batches = self._copied(condition, self.reading.place_fields, at_most=at_most)
        return [line for batch in batches for line in batch]

    def _behind(self, line: bytes) -> Position:
        return Position(*resume_point(self.reading.table, line, timezone=self.reading.timezone))

    def _copied(self, condition: str, fields: Sequence[Field], *, ordered: bool = True, at_most: int = 0) -> Lines:
        statement = copy_where(
            self.reading, condition, fields, checked_at=self.checked_at, ordered=ordered, at_most=at_most
        )
        return self.session.copy(in_snapshot(self.reading, statement, seconds=self.session.at_most(self.seconds)))
