"""Rejected lines of a refused block, and the reason for each.

The block is parsed again in small parts. Of a part that is refused, a plain JSON parser finds the records that are no
object or have values of a wrong kind; among the others, values that do not look like their type are tried alone; what
is still refused is halved until bad records stand alone. So the line parser decides, and few bad lines cost little.

A line that holds several whole objects (a producer forgot its newline) is several records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import orjson
import pyarrow as pa

from core.contract.types import ColumnType
from processing.lines.blocks import BOM, Block
from processing.lines.line_parser import JOINED, MOST_JOINED, LineParser, Unparsable, joins_too_many
from processing.lines.nested import DECODER, MOST_NESTED, members, skip_blanks, too_deep
from processing.lines.parsed import BLANKS, Parsed, Rejected, shortened
from processing.lines.values import NOT_FINITE, looks_like

_NULL = type(None)
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str, _NULL),
    "int": (int, _NULL),
    "bigint": (int, _NULL),
    "decimal": (int, float, str, _NULL),
    "boolean": (bool, _NULL),
    "date": (str, _NULL),
    "timestamp": (str, _NULL),
    "double": (int, float, _NULL),
}
_SMALL = 100  # records of a part that are tested one by one
_MOST_EXPLAINED = 100  # of a block's lines whose reason has to be sought field by field
_CONSTANTS = re.compile(b"NaN|Inf")
_FILLED = re.compile(rb"[^ \t\r\n][^\n]*")
_PAIRS = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=list)
_TOO_MANY = f"no JSON: over {MOST_JOINED} objects without a newline between them"
_TOO_DEEP = f"nested deeper than {MOST_NESTED} levels"


def separate_rejects(parser: LineParser, block: Block) -> Parsed:
    """The block's good rows in order, and its bad lines with their reasons."""
    records = list(_records(block))
    pieces: list[pa.Table] = []
    accepted: list[int] = []
    rejected: list[Rejected] = []
    for first, last, rows in _Separation(parser, [raw for _, raw in records]).parts():
        if isinstance(rows, str):
            line, raw = records[first]
            rejected.append(Rejected(line, rows, raw))
        else:
            pieces.append(rows)
            accepted.extend(range(first, last))
    return Parsed(
        block=block,
        rows=pa.concat_tables(pieces).combine_chunks() if pieces else parser.schema.empty_table(),
        lines=np.array([records[row][0] for row in accepted], dtype=np.int64),
        records=[records[row][1] for row in accepted],
        rejected=tuple(rejected),
        unknown=parser.unknown_in([records[row][1] for row in accepted]),
    )


def _records(block: Block) -> Iterator[tuple[int, bytes]]:
    """(line number, bytes) of each record; blank lines are none, and a million of them cost next to nothing."""
    line, counted = block.first_line, 0
    for filled in _FILLED.finditer(block.data):
        line += block.data.count(b"\n", counted, filled.start())
        counted = filled.start()
        record = filled[0].rstrip(BLANKS).removeprefix(BOM)
        if record:
            for single in _objects(record) if JOINED.search(record) else (record,):
                yield line, single


def _objects(record: bytes) -> Sequence[bytes]:
    """The JSON objects that stand one behind the other on a line; the line itself unless all of it is such."""
    try:
        if joins_too_many(record):
            return (record,)
        text = record.decode()
        if too_deep(text):
            return (record,)
        objects, at = [], 0
        while at < len(text):
            value, end = DECODER.raw_decode(text, at)
            if not isinstance(value, dict):
                return (record,)
            objects.append(text[at:end].encode())
            at = skip_blanks(text, end)
        return objects
    except ValueError:
        return (record,)


Separated: TypeAlias = tuple[int, int, pa.Table | str]


class _Separation:
    """The records of a block, and the tests that find bad ones among them.

    A test gives the reason why a record is bad, of which it is sure, or nothing.
    """

    def __init__(self, parser: LineParser, records: Sequence[bytes]) -> None:
        self._parser = parser
        self._records = records
        self._lines = parser.prepared(b"\n".join(records)).split(b"\n")
        self._types = {field.name: field.type for field in parser.written.fields}
        self._kinds = [
            (name, kind, frozenset(_KINDS[kind.name])) for name, kind in self._types.items() if kind.name != "json"
        ]
        self._tests: tuple[Callable[[bytes], str], ...] = (self._wrong_kind, self._wrong_value)
        self._refused: dict[tuple[str, str], bool] = {}
        self._explanations = 0

    def parts(self) -> Iterator[Separated]:
        """(first, last, rows) of each part that the parser accepts; the reason instead for a record that it refuses."""
        count = len(self._records)
        for start in range(0, count, _SMALL):
            yield from self._parsed(start, min(start + _SMALL, count), partial(self._tested, number=0))

    def _parsed(
        self, first: int, last: int, otherwise: Callable[[int, int], Iterator[Separated]]
    ) -> Iterator[Separated]:
        """The records as one part if the parser accepts them together."""
        rows = self._read(first, last)
        if rows is not None:
            yield first, last, rows
        else:
            yield from otherwise(first, last)

    def _tested(self, start: int, end: int, number: int) -> Iterator[Separated]:
        if number == len(self._tests):
            yield from self._halved(start, end)
            return
        reasons = [self._tests[number](self._records[at]) for at in range(start, end)]
        for first, last, reason in _runs(reasons, start):
            if reason:
                yield first, last, reason
            else:
                yield from self._parsed(first, last, partial(self._tested, number=number + 1))

    def _halved(self, start: int, end: int) -> Iterator[Separated]:
        """The parts of records that are refused together for a reason that no test finds."""
        if end - start == 1:
            yield start, end, self._explanation(self._records[start])
            return
        middle = (start + end) // 2
        yield from self._parsed(start, middle, self._halved)
        yield from self._parsed(middle, end, self._halved)

    def _read(self, first: int, last: int) -> pa.Table | None:
        try:
            return self._parser.read(b"\n".join(self._lines[first:last]), last - first)
        except Unparsable:
            return None

    def _wrong_kind(self, record: bytes) -> str:
        """A record that is no JSON, no object, or has a value of another kind than its field's type."""
        if joins_too_many(record):
            return _TOO_MANY
        try:
            value = orjson.loads(record)
        except orjson.JSONDecodeError as error:
            return "" if _is_nearly_json(record) and self._accepts(record) else _no_json(record, error)
        if type(value) is not dict:
            return f"no JSON object: {shortened(record.decode())}"
        for name, kind, kinds in self._kinds:
            if type(value.get(name)) not in kinds and not (
                name in self._parser.wild_doubles and value.get(name) in NOT_FINITE
            ):
                text = record.decode()
                return misfit(name, _TOO_DEEP if too_deep(text) else _written(text)[name], kind)
        return ""

    def _accepts(self, record: bytes) -> bool:
        try:
            self._parser.read(self._parser.prepared(record), 1)
        except Unparsable:
            return False
        return True

    def _wrong_value(self, record: bytes) -> str:
        """A record with a value that does not look like its type, and is refused alone; or with a field twice."""
        text = record.decode()
        if too_deep(text):
            return "" if self._accepts(record) else _TOO_DEEP
        try:
            pairs = _PAIRS.decode(text)
        except ValueError:  # it is what Arrow alone reads, all of it, or it would be no JSON
            return ""
        seen: set[str] = set()
        for name, value in pairs:
            kind = self._types.get(name)
            if kind is None:
                continue
            if name in seen:
                return f"{name}: given twice"
            seen.add(name)
            if type(value) is str and not looks_like(value, kind):
                written = _written(text)[name]
                if self._refuses(name, written):
                    return misfit(name, written, kind)
        return ""

    def _refuses(self, name: str, text: str) -> bool:
        """Whether the parser refuses a value alone; it is asked once for each."""
        if (name, text) not in self._refused:
            self._refused[name, text] = not self._parser.accepts(name, text)
        return self._refused[name, text]

    def _explanation(self, record: bytes) -> str:
        """Why the parser refuses a record that passes all tests: the first field that it refuses alone."""
        self._explanations += 1
        if self._explanations <= _MOST_EXPLAINED:
            for name, text in _written(self._parser.prepared(record).decode()).items():
                if name in self._types and self._refuses(name, text):
                    return misfit(name, text, self._types[name])
        return "refused by the parser"


def _is_nearly_json(record: bytes) -> bool:
    """Whether it may be what Arrow reads beside JSON (``NaN``, ``-Inf``), or is nested too deep to be looked at."""
    if _CONSTANTS.search(record):
        return True
    try:
        text = record.decode()
        if not too_deep(text):
            DECODER.decode(text)
    except ValueError:
        return False
    return True


def _runs(reasons: Sequence[str], offset: int) -> Iterator[tuple[int, int, str]]:
    """(start, end, reason): each record with a reason alone, the others between them together."""
    start = 0
    for at, reason in enumerate(reasons):
        if reason:
            if start < at:
                yield offset + start, offset + at, ""
            yield offset + at, offset + at + 1, reason
            start = at + 1
    if start < len(reasons):
        yield offset + start, offset + len(reasons), ""


def _written(text: str) -> dict[str, str]:
    """The fields of a JSON object, and the text of each value."""
    return {name: text[start:end] for name, start, end in members(text)}


def misfit(name: str, text: str, kind: ColumnType) -> str:
    """The reason of a value that is not of its type."""
    return f"{name}: {shortened(text)} is no {kind}"


def _no_json(record: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text = record.decode()
    except UnicodeDecodeError as broken:
        return f"no UTF-8: byte {broken.start} is 0x{record[broken.start]:02x}"
    return _TOO_DEEP if too_deep(text) else f"no JSON: {shortened(error.msg)}"
