"""Rejected lines of a refused block, and the reason for each.

A plain JSON parser only suggests where to divide the block; the line parser decides. Runs of records without suspicion
are parsed together and halved until the bad ones stand alone; suspect records are parsed alone at once. A line that
holds several whole objects (a producer forgot its newline) is several records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from core.contract.model import SourceTable
from core.contract.types import ColumnType
from processing.lines.blocks import BOM, Block
from processing.lines.line_parser import LineParser, Unparsable
from processing.lines.nested import members
from processing.lines.parsed import Parsed, Rejected

_NULL = type(None)
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str, _NULL),
    "json": (str, _NULL),
    "int": (int, _NULL),
    "bigint": (int, _NULL),
    "decimal": (int, float, str, _NULL),
    "boolean": (bool, _NULL),
    "date": (str, _NULL),
    "timestamp": (str, _NULL),
    "double": (int, float, _NULL),
}
_LONGEST_QUOTE = 80


def separate_rejects(parser: LineParser, block: Block) -> Parsed:
    """The block's good rows in order, and its bad lines with their reasons."""
    records = list(_records(block))
    expected = _ExpectedTypes(parser.source)
    suspicions = [expected.mismatch(parser.prepared(raw)) for _, raw in records]
    pieces: list[pa.Table] = []
    accepted: list[int] = []
    rejected: list[Rejected] = []
    for start, end, suspect in _runs(suspicions):
        for first, last, rows in _parts(parser, [raw for _, raw in records[start:end]], start):
            if rows is None:
                line, raw = records[first]
                rejected.append(Rejected(line, suspect or explain(parser, raw), raw))
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
    """(line number, bytes) of each record; blank lines are none."""
    for offset, line in enumerate(block.data.split(b"\n")):
        record = line.strip(b" \t\r").removeprefix(BOM)
        if record:
            for single in _objects(record) if b"}{" in record.replace(b" ", b"") else (record,):
                yield block.first_line + offset, single


def _objects(record: bytes) -> Sequence[bytes]:
    """The JSON objects that stand one behind the other on a line; the line itself unless all of it is such."""
    try:
        text = record.decode()
        objects, at = [], 0
        while at < len(text):
            value, end = _DECODER.raw_decode(text, at)
            if not isinstance(value, dict):
                return (record,)
            objects.append(text[at:end].encode())
            at = end + len(text[end:]) - len(text[end:].lstrip())
        return objects
    except (ValueError, RecursionError):
        return (record,)


_DECODER = json.JSONDecoder()


def _runs(suspicions: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, suspicion): each suspect record alone, the others between them together."""
    start = 0
    for at, reason in enumerate(suspicions):
        if reason:
            if start < at:
                yield start, at, ""
            yield at, at + 1, reason
            start = at + 1
    if start < len(suspicions):
        yield start, len(suspicions), ""


def _parts(parser: LineParser, records: Sequence[bytes], offset: int) -> Iterator[tuple[int, int, pa.Table | None]]:
    """(first, last, rows) of each part that the parser accepts; rows is None for one record that it refuses."""
    try:
        rows = parser.read(parser.prepared(b"\n".join(records)), len(records))
        yield offset, offset + len(records), rows
    except Unparsable:
        if len(records) == 1:
            yield offset, offset + 1, None
            return
        middle = len(records) // 2
        yield from _parts(parser, records[:middle], offset)
        yield from _parts(parser, records[middle:], offset + middle)


class _ExpectedTypes:
    """The types that a record's values must have to be worth parsing among others."""

    def __init__(self, source: SourceTable) -> None:
        self._expected = [(field.name, field.type, frozenset(_JSON_TYPES[field.type.name])) for field in source.fields]

    def mismatch(self, record: bytes) -> str:
        """The reason to suspect the record, or nothing."""
        try:
            value = orjson.loads(record)
        except orjson.JSONDecodeError as error:
            return _no_json(record, error)
        if type(value) is not dict:
            return f"no JSON object: {shortened(as_json(value))}"
        for name, kind, types in self._expected:
            if type(value.get(name)) not in types:
                return misfit(name, as_json(value[name]), kind)
        return ""


def explain(parser: LineParser, record: bytes) -> str:
    """Why the parser refuses a record without a suspicion: the first field that it refuses alone."""
    text = parser.prepared(record).decode()
    values: dict[str, str] = {}
    for name, start, end in members(text):
        if name in values:
            return f"{name}: given twice"
        values[name] = text[start:end]
    for field in parser.source.fields:
        try:
            parser.read(b"{%s:%s}" % (json.dumps(field.name).encode(), values.get(field.name, "null").encode()), 1)
        except Unparsable:
            return misfit(field.name, values[field.name], field.type)
    return "refused by the parser"


def misfit(name: str, text: str, kind: ColumnType) -> str:
    """The reason of a value that is not of its type."""
    return f"{name}: {shortened(text)} is no {kind}"


def as_json(value: Any) -> str:
    """A value as a reason shows it."""
    return json.dumps(value, ensure_ascii=False)


def shortened(text: str) -> str:
    """A value for a reason: long enough to recognise it."""
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}... ({len(text)} characters)"


def _no_json(record: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        record.decode()
    except UnicodeDecodeError as broken:
        return f"no UTF-8: byte {broken.start} is 0x{record[broken.start]:02x}"
    return f"no JSON: {shortened(error.msg)}"
