"""Questions about a database and their answers, between the auditor, which compares, and the check function.

A question is about one source table below an instant (``until``), in spans of one of its time columns, or whole. First
come the fingerprints of every bucket (``core.audit.fingerprint``), and then, of unequal buckets only, the pairs of key
and version, which travel as a Parquet object: the key's columns under their own names, and ``VERSION``. Rows that the
source has no more in a span are looked for by key, for they may have moved to another. Rows without a place in time
(their time of change is null, infinite, before Christ or in the future) are in no fingerprint: they are counted, and
listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from core.audit.fingerprint import Fingerprint
from core.contract.codec import from_data, to_data
from core.contract.model import RESERVED, SourceTable
from core.landing.ingest_objects import Keys, KeyValue
from core.sources.catalog import CatalogColumn
from core.warehouse.arrow_types import arrow_type

VERSION = "version"
PLACE = "place"
UNFIT = f"{RESERVED}unfit"  # in a listing: the key, as JSON, where the contract's types have no value for it
NO_VALUE = "\x01"  # in the listing's CSV, before a value that is none of its column's type
UNPLACED = "unplaced"  # in an answer: how many rows have no place in time, at most ``MOST_UNPLACED``
MOST_UNPLACED = 10_000
REFUSED = "refused"  # in an answer: why the database shows nothing of this table; the others it may show
WAITING = "waiting"  # in an answer: the tables that rows wait in
NOW = 0  # as the number of a list


@dataclass(frozen=True, slots=True)
class Span:
    """Rows whose time lies in ``[start, end)``, ISO 8601 in UTC; with both empty, all rows."""

    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class CountBuckets:
    """The fingerprints of rows older than ``until``, per span and bucket. ``column`` is the time that spans bound.

    ``lists`` are the numbers of the lists of columns (``core.landing.content``) under which the content's hashes are
    summed too; ``NOW`` is the one that extraction hashes by at present. With ``beyond``, the rows are counted that have
    no place in time before it.
    """

    dataset: str
    table: str
    spans: tuple[Span, ...]
    buckets: int
    until: str
    column: str = ""
    lists: tuple[int, ...] = ()
    beyond: str = ""
    kind: str = "count_buckets"


@dataclass(frozen=True, slots=True)
class LocateRows:
    """Key and ``columns`` of the rows that have one of these keys, wherever they are, into the object ``target``."""

    dataset: str
    table: str
    keys: Keys
    columns: tuple[str, ...]
    target: str
    kind: str = "locate_rows"


@dataclass(frozen=True, slots=True)
class ListPairs:
    """Key and version of every row of some buckets, into the object ``target``; rows from ``until`` on are included.

    With ``lists``, the hashes of the rows' content under these too, as far as they can be computed still.
    """

    dataset: str
    table: str
    span: Span
    buckets: int
    wanted: tuple[int, ...]
    target: str
    column: str = ""
    lists: tuple[int, ...] = ()
    kind: str = "list_pairs"


@dataclass(frozen=True, slots=True)
class ListUnplaced:
    """Key, ``column`` and hashes of the rows that have no place in time before ``beyond``, into the object ``target``.

    ``MOST_UNPLACED`` rows at most, and none without a key.
    """

    dataset: str
    table: str
    beyond: str
    target: str
    column: str = ""
    lists: tuple[int, ...] = ()
    kind: str = "list_unplaced"


@dataclass(frozen=True, slots=True)
class DescribeTables:
    """The columns that the source has of the contract's tables, and the relations beside them in the same schemas."""

    dataset: str
    tables: tuple[str, ...]
    kind: str = "describe_tables"


@dataclass(frozen=True, slots=True)
class FindWaiting:
    """Which tables have rows that an extraction has yet to bring: from ``since`` (by table) on and before ``until``.

    Of a table whose newest object was cut: behind the row of the key ``after`` at that time. A table that the database
    does not show counts among them.
    """

    dataset: str
    since: Mapping[str, str]
    until: str
    after: Mapping[str, tuple[KeyValue, ...]] = field(default_factory=dict)
    kind: str = "find_waiting"


RowsQuestion = CountBuckets | ListPairs | LocateRows | ListUnplaced
Question = RowsQuestion | DescribeTables | FindWaiting


def question_to_data(question: Question) -> dict[str, Any]:
    """A question as JSON-ready data."""
    return {**to_data(question), "kind": question.kind}


def question_from_data(data: Mapping[str, Any]) -> Question:
    """Read what ``question_to_data`` gave. Raises ``ValueError`` on a kind that this release does not know."""
    kinds: Mapping[str, type] = {
        "count_buckets": CountBuckets,
        "list_pairs": ListPairs,
        "locate_rows": LocateRows,
        "list_unplaced": ListUnplaced,
        "describe_tables": DescribeTables,
        "find_waiting": FindWaiting,
    }
    kind = kinds.get(str(data.get("kind")))
    if kind is None:
        raise ValueError(f"no question: {dict(data)!r}")
    return from_data(kind, dict(data))  # type: ignore[no-any-return]


Buckets = Mapping[int, Fingerprint]  # by number


def buckets_to_data(spans: tuple[Buckets, ...]) -> list[list[list[int]]]:
    """The fingerprints of each span as JSON-ready rows: bucket, rows, newest version, sum, sums of the content."""
    return [
        [[bucket, of.rows, of.newest, of.sum, *of.content] for bucket, of in sorted(span.items())] for span in spans
    ]


def buckets_from_data(data: list[list[list[int]]]) -> tuple[Buckets, ...]:
    """Read what ``buckets_to_data`` gave."""
    return tuple({row[0]: Fingerprint(row[1], row[2], row[3], tuple(row[4:])) for row in span} for span in data)


def shapes_to_data(tables: Mapping[str, Sequence[CatalogColumn]], others: Sequence[str]) -> dict[str, Any]:
    """The answer to ``DescribeTables``, JSON-ready. Zones are no part of a shape, and no earlier release reads them."""
    shapes = {name: [replace(column, zones=()) for column in columns] for name, columns in tables.items()}
    return {"tables": to_data(shapes), "others": list(others)}


def shapes_from_data(answer: Mapping[str, Any]) -> tuple[dict[str, tuple[CatalogColumn, ...]], tuple[str, ...]]:
    """Read what ``shapes_to_data`` gave."""
    tables = {
        name: tuple(from_data(CatalogColumn, column) for column in columns)
        for name, columns in answer["tables"].items()
    }
    return tables, tuple(answer["others"])


@dataclass(frozen=True, slots=True)
class ListInUse:
    """A list under which the source computed hashes. ``ours``: this server hashes by it, or would with its columns.

    A hash that another server's version computed proves a row where it is equal, and nothing where it is not.
    ``lacking`` are the columns that the contract has by now and the list has not: rows of it were read without them.
    """

    number: int
    ours: bool
    lacking: tuple[str, ...] = ()


def lists_to_data(lists: Iterable[ListInUse]) -> dict[str, Any]:
    """The part of an answer that names its lists, in the order of its sums; empty where it has none."""
    known = list(lists)
    named = [[each.number, each.ours] for each in known]
    lacking = {str(each.number): list(each.lacking) for each in known if each.lacking}
    return {**({"lists": named} if named else {}), **({"lacking": lacking} if lacking else {})}


def lists_from_data(answer: Mapping[str, Any]) -> tuple[ListInUse, ...]:
    """Read what ``lists_to_data`` gave."""
    lacking = answer.get("lacking", {})
    return tuple(
        ListInUse(number, ours, tuple(lacking.get(str(number), ()))) for number, ours in answer.get("lists", ())
    )


def pairs_schema(source: SourceTable, lists: Iterable[int] = ()) -> pa.Schema:
    """The columns of a pairs object: the key's, the version, and the hash under each list."""
    return _hashed(source, VERSION, lists)


def unplaced_schema(source: SourceTable, lists: Iterable[int] = ()) -> pa.Schema:
    """The columns of an object of rows without a place: the key's, the time that slices bound, the hashes."""
    return _hashed(source, PLACE, lists)


def _hashed(source: SourceTable, time: str, lists: Iterable[int]) -> pa.Schema:
    schema = rows_schema(source, source.key).append(pa.field(beside_key(source, time), pa.timestamp("us")))
    for number in lists:
        schema = schema.append(pa.field(content_column(number), pa.int64()))
    return schema


def beside_key(source: SourceTable, name: str) -> str:
    """What ``VERSION`` and ``PLACE`` are called beside the key's columns, one of which may have that name itself."""
    return f"{RESERVED}{name}" if name in source.key else name


def content_column(number: int) -> str:
    """The column of a pairs object with the hashes under a list."""
    return f"content {number}"


def rows_schema(source: SourceTable, names: Iterable[str]) -> pa.Schema:
    """These columns of a source table, under their own names."""
    return pa.schema([pa.field(name, arrow_type(source.field(name).type)) for name in names])
