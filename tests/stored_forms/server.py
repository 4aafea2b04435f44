"""A database in memory that answers what extraction and checks ask, statement by statement."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from core.audit.fingerprint import bucket_numbers, fingerprints, key_hashes, microseconds
from core.audit.source_check import WAITING, buckets_to_data, shapes_to_data
from core.contract.model import HASH, HASH_LIST, SourceTable
from core.errors import OutOfReach
from core.sources.catalog import CatalogColumn, SourceType

Row = dict[str, Any]
_TYPES = {
    "int": ("integer", "N"),
    "string": ("text", "S"),
    "timestamp": ("timestamp without time zone", "D"),
    "decimal": ("numeric", "N"),
    "boolean": ("boolean", "B"),
}
_TIME = re.compile(r"CAST\(E'([^']+)' AS timestamp without time zone\)")
_NUMBER = re.compile(r"CAST\(E'(\d+)' AS integer\)")
_CHECKED = re.compile(r"CAST\(E'([^']+)' AS text\) AS checked_at")
_LISTED = re.compile(r"(\d+) AS starmend_list")
_TABLE = re.compile(r'FROM "public"\."(\w+)"')


class Server:
    """Rows by table and key. ``silent``: so many questions for the horizon get no answer."""

    def __init__(self, tables: Mapping[str, SourceTable], now: Callable[[], dt.datetime]) -> None:
        self.tables = tables
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in tables}
        self.now = now
        self.silent = 0
        self.answer: list[tuple[int, dt.datetime]] = []

    def open(self) -> Session:
        return Session(self)

    def still_names(self, _session: object) -> bool:
        return True

    def put(self, table: str, row: Row) -> None:
        """Insert or replace a row; its key is the first column."""
        self.rows[table][next(iter(row.values()))] = row

    def some(self, table: str, span: Mapping[str, str], column: str) -> list[tuple[int, dt.datetime]]:
        """Key and version of the rows in the span of a time column."""
        low, high = (_naive(span.get(name) or fallback) for name, fallback in (("start", "0001"), ("end", "9999")))
        rows = self.rows[table].items()
        return [(key, row["last_updated"]) for key, row in sorted(rows) if not column or low <= row[column] < high]

    def count(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``CountBuckets``."""
        until = _naive(question["until"])
        counted = []
        for span in question["spans"]:
            some = [one for one in self.some(question["table"], span, question.get("column", "")) if one[1] < until]
            hashes, versions = _hashed(some)
            counted.append(fingerprints(hashes, versions, question["buckets"]))
        return {"spans": buckets_to_data(tuple(counted))}

    def describe(self) -> dict[str, Any]:
        """The answer to ``DescribeTables``."""
        columns = {
            name: [
                CatalogColumn(field.name, SourceType("text"), _TYPES[field.type.name][0], not field.required, number)
                for number, field in enumerate(table.fields, start=1)
                if not field.added
            ]
            for name, table in self.tables.items()
        }
        return shapes_to_data(columns, [])

    def waiting(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``FindWaiting``."""
        until = _naive(question["until"])
        return {
            WAITING: [
                table
                for table, since in question["since"].items()
                if any(_naive(since) <= row["last_updated"] < until for row in self.rows[table].values())
            ]
        }

    def prepare(self, question: Mapping[str, Any]) -> None:
        """The rows that the next ``ListPairs`` or ``LocateRows`` (of a key of one column, and a time) is to get."""
        if question["kind"] == "locate_rows":
            (column,), rows = question["columns"], self.rows[question["table"]]
            self.answer = [(key, rows[key][column]) for (key,) in question["keys"] if key in rows]
            return
        some = self.some(question["table"], question["span"], question.get("column", ""))
        numbers = bucket_numbers(_hashed(some)[0], question["buckets"]).tolist()
        self.answer = [one for one, number in zip(some, numbers, strict=True) if number in question["wanted"]]


def _hashed(some: list[tuple[int, dt.datetime]]) -> tuple[Any, Any]:
    keys = pa.array([key for key, _ in some], pa.int32())
    return key_hashes([keys]), microseconds(pa.array([version for _, version in some], pa.timestamp("us")))


class Session:
    """One connection with it."""

    place, closed = "books", False

    def __init__(self, server: Server) -> None:
        self._server = server

    def close(self) -> None:
        """Nothing is held."""

    def allow(self, seconds: float) -> None:
        """Nothing takes any time."""

    def at_most(self, seconds: float) -> float:
        return seconds

    def primary(self) -> None:
        """It is no replica."""

    def query(self, statement: str) -> list[list[Any]]:
        if "pg_stat_activity" in statement:
            if self._server.silent:
                self._server.silent -= 1
                raise OutOfReach("query", self.place, "no answer")
            return [[self._server.now(), "reader", False, None, True, *[None] * 5, False, 0, 0, None, None, None]]
        if "server_version_num" in statement:
            return [[18, "UTF8", "ca5e"]]
        if "pg_attribute" in statement:
            return [
                [name, "public", name, False, False, False, *_column(field.name, field.type.name)]
                for name, table in self._server.tables.items()
                if f"E'{name}'" in statement
                for field in table.fields
                if not field.added
            ]
        return [[0]]  # rows without a place

    def copy(self, statement: str) -> Generator[list[bytes]]:
        if "row_to_json" not in statement:
            yield [f"{key},{version}\n".encode() for key, version in self._server.answer]
            return
        table = _TABLE.findall(statement)[0]
        condition = statement.partition(" AS stored WHERE ")[2]
        checked = _CHECKED.findall(statement)
        extra = {"checked_at": checked[0]} if checked else {}
        rows = sorted(self._server.rows[table].items(), key=lambda item: (item[1]["last_updated"], item[0]))
        number = int(_LISTED.findall(statement)[0])
        lines = [
            _line({**row, HASH_LIST: number, HASH: content_of(row), **extra})
            for key, row in rows
            if _is_wanted(key, row, condition)
        ]
        if lines:
            yield lines


def content_of(row: Row) -> int:
    """A hash of the row's content, which only has to differ where rows do."""
    return int.from_bytes(hashlib.sha256(_line(row)).digest()[:8], "little", signed=True)


def _column(name: str, kind: str) -> list[Any]:
    spelling, category = _TYPES[kind]
    return [name, spelling, spelling, -1, category, True, 0, spelling]


def _is_wanted(key: int, row: Row, condition: str) -> bool:
    numbers = [int(one) for one in _NUMBER.findall(condition)]
    if " IN (" in condition:
        return key in numbers
    low, high, *after = [_naive(one) for one in _TIME.findall(condition)]
    version = row["last_updated"]
    return low <= version < high and (not after or (version, key) > (after[0], numbers[0]))


def _line(row: Row) -> bytes:
    """As ``row_to_json`` prints it."""
    return ("{" + ",".join(f'"{name}":{_value(value)}' for name, value in row.items()) + "}\n").encode()


def _value(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value.isoformat() if isinstance(value, dt.datetime) else value)


def _naive(text: str) -> dt.datetime:
    if len(text) == 4:
        return dt.datetime(int(text), 1, 1)  # noqa: DTZ001
    return dt.datetime.fromisoformat(text).replace(tzinfo=None)
