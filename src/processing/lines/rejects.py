"""The slow road: which lines of a refused block are bad, and why.

The judge stays the parser of the fast road. Looking at each record with a plain JSON parser only says where to cut:
runs of records that look right are judged together and halved until the bad ones stand alone; records that look wrong
are judged alone at once. A line that holds several whole objects (a producer forgot its newline) is several records.
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
from processing.lines.line_parser import Judge, Unparsable
from processing.lines.nested import members
from processing.lines.parsed import Parsed, Rejected

_NULL = type(None)
_LOOKS: dict[str, tuple[type, ...]] = {
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


def sift(judge: Judge, block: Block) -> Parsed:
    """The block's good rows in order, and its bad lines with their reasons."""
    records = list(_records(block))
    looks = _Looks(judge.source)
    wrong = [looks.wrong(judge.prepared(raw)) for _, raw in records]
    pieces: list[pa.Table] = []
    accepted: list[int] = []
    rejected: list[Rejected] = []
    for start, end, suspect in _runs(wrong):
        for first, last, rows in _judged(judge, [raw for _, raw in records[start:end]], start):
            if rows is None:
                line, raw = records[first]
                rejected.append(Rejected(line, suspect or explain(judge, raw), raw))
            else:
                pieces.append(rows)
                accepted.extend(range(first, last))
    return Parsed(
        block=block,
        rows=pa.concat_tables(pieces).combine_chunks() if pieces else judge.schema.empty_table(),
        lines=np.array([records[one][0] for one in accepted], dtype=np.int64),
        records=[records[one][1] for one in accepted],
        rejected=tuple(rejected),
        unknown=judge.unknown_in([records[one][1] for one in accepted]),
    )


def _records(block: Block) -> Iterator[tuple[int, bytes]]:
    """(line number, bytes) of each record; blank lines are none."""
    for offset, line in enumerate(block.data.split(b"\n")):
        record = line.strip(b" \t\r").removeprefix(BOM)
        if record:
            for one in _objects(record) if b"}{" in record.replace(b" ", b"") else (record,):
                yield block.first_line + offset, one


def _objects(record: bytes) -> Sequence[bytes]:
    """The JSON objects that stand one behind the other on a line; the line itself unless all of it is such."""
    try:
        text = record.decode()
        found, at = [], 0
        while at < len(text):
            value, end = _DECODER.raw_decode(text, at)
            if not isinstance(value, dict):
                return (record,)
            found.append(text[at:end].encode())
            at = end + len(text[end:]) - len(text[end:].lstrip())
        return found
    except (ValueError, RecursionError):
        return (record,)


_DECODER = json.JSONDecoder()


def _runs(wrong: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, what looks wrong): each wrong record alone, the right ones between them together."""
    start = 0
    for at, reason in enumerate(wrong):
        if reason:
            if start < at:
                yield start, at, ""
            yield at, at + 1, reason
            start = at + 1
    if start < len(wrong):
        yield start, len(wrong), ""


def _judged(judge: Judge, records: Sequence[bytes], offset: int) -> Iterator[tuple[int, int, pa.Table | None]]:
    """(first, last, rows) of each part that the judge accepts; rows is None for one record that it refuses."""
    try:
        rows = judge.read(judge.prepared(b"\n".join(records)), len(records))
        yield offset, offset + len(records), rows
    except Unparsable:
        if len(records) == 1:
            yield offset, offset + 1, None
            return
        middle = len(records) // 2
        yield from _judged(judge, records[:middle], offset)
        yield from _judged(judge, records[middle:], offset + middle)


class _Looks:
    """What a record must look like to be worth judging among others."""

    def __init__(self, source: SourceTable) -> None:
        self._expected = [(field.name, field.type, frozenset(_LOOKS[field.type.name])) for field in source.fields]

    def wrong(self, record: bytes) -> str:
        """Why the record looks bad, or nothing."""
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


def explain(judge: Judge, record: bytes) -> str:
    """Why the judge refuses a record that looks right: the first field that it refuses alone."""
    text = judge.prepared(record).decode()
    values: dict[str, str] = {}
    for name, start, end in members(text):
        if name in values:
            return f"{name}: given twice"
        values[name] = text[start:end]
    for field in judge.source.fields:
        try:
            judge.read(b"{%s:%s}" % (json.dumps(field.name).encode(), values.get(field.name, "null").encode()), 1)
        except Unparsable:
            return misfit(field.name, values[field.name], field.type)
    return "refused by the parser"


def misfit(name: str, text: str, kind: ColumnType) -> str:
    return f"{name}: {shortened(text)} is no {kind}"


def as_json(value: Any) -> str:
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
