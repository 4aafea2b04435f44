"""Answers to the auditor's questions about a database: fingerprints of its rows, and their keys and versions.

Reads only. Each answer comes from one snapshot of its own, and no statement is longer than the extraction's own limit.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from core.audit.key_values import canonical_keys, key_values
from core.audit.source_check import (
    NO_VALUE,
    REFUSED,
    UNFIT,
    UNPLACED,
    WAITING,
    CountBuckets,
    DescribeTables,
    FindWaiting,
    ListInUse,
    ListUnplaced,
    LocateRows,
    RowsQuestion,
    buckets_to_data,
    lists_to_data,
    pairs_schema,
    question_from_data,
    rows_schema,
    shapes_to_data,
    unplaced_schema,
)
from core.errors import InvalidData, PipelineBug
from core.json import UNREADABLE
from core.landing.content import HashList
from core.landing.former_names import list_now
from core.landing.ingest_objects import Position
from core.ports import ObjectWriter
from core.time import parse_instant
from core.warehouse.order import as_array, one_zero
from ingestion.engines.failures import StatementTimeOut
from ingestion.engines.port import TableReading
from ingestion.extract.flow import Extraction, Promised
from ingestion.extract.table import horizon_of

BLOCK_BYTES = 4 << 20
MOST_OTHERS = 2_000  # relations beside the contract's that are named


def answer(extraction: Extraction, question: Mapping[str, Any], records: ObjectWriter) -> dict[str, Any]:
    """The answer to a question (``core.audit.source_check``), JSON-ready.

    Where the database refuses this table (it is gone, lacks what the contract promises, may not be read) the answer is
    ``{"refused": why}``. Raises ``InvalidData`` where it is no question, ``OutOfReach`` where nobody answers.
    """
    try:
        asked = question_from_data(question)
    except UNREADABLE as error:
        raise InvalidData("check source", repr(dict(question))[:200], str(error)) from error
    extraction.renew()
    extraction.session()  # what every table needs fails by itself
    try:
        if isinstance(asked, DescribeTables):
            return _described(extraction)
        if isinstance(asked, FindWaiting):
            return {WAITING: _waiting(extraction, asked)}
        return _answer(extraction, asked, records)
    except (InvalidData, PipelineBug) as error:
        return {REFUSED: str(error)}


def _described(extraction: Extraction) -> dict[str, Any]:
    """The columns of the dataset's tables, and the relations beside them."""
    session, engine = extraction.session(), extraction.engine
    described = engine.described(session, extraction.source.tables)
    schemas, ours = ({getattr(table, name) for table in described.values()} for name in ("schema", "relation"))
    listed = [table.relation for table in engine.listed(session) if table.schema in schemas]
    others = [relation for relation in listed if relation not in ours][:MOST_OTHERS]
    return shapes_to_data({name: table.columns for name, table in described.items()}, others)


def _waiting(extraction: Extraction, asked: FindWaiting) -> list[str]:
    """The tables of which rows wait for their extraction, or may come yet, and those that show nothing of themselves.

    What a transaction that is still open writes is not visible, and may lie before any instant that is past the safe
    horizon. The horizon is asked for before the rows: what ends meanwhile shows in one or the other.
    """
    promised: Promised | None = None
    waiting = []
    for name, since in asked.since.items():
        try:
            if promised is None or promised.session.closed:
                promised = extraction.promised(
                    [table for table in extraction.source.tables if table.name in asked.since]
                )
            waits = _waits(extraction, promised, name, since, asked)
        except (InvalidData, PipelineBug, StatementTimeOut):
            waits = True
        if waits:
            waiting.append(name)
    return waiting


def _waits(extraction: Extraction, promised: Promised, name: str, since: str, asked: FindWaiting) -> bool:
    session, reading = promised.session, extraction.reading_of(promised.catalog, name)
    start, until = Position(parse_instant(since), asked.after.get(name)), parse_instant(asked.until)
    horizon = horizon_of(promised.bound, reading, extraction.source)
    if horizon is None or horizon < until or (reading.written_elsewhere and not extraction.source.lookback):
        return True
    extraction.engine.catch_up(session)
    return reading.has_rows_between(session, start, until, seconds=extraction.statement_seconds)


def _answer(extraction: Extraction, asked: RowsQuestion, records: ObjectWriter) -> dict[str, Any]:
    session, reading = extraction.reading(asked.table)
    seconds = extraction.statement_seconds
    extraction.engine.catch_up(session)  # the pass that read these rows may have asked another replica, or the primary
    lists = _lists(extraction, reading, asked)
    if isinstance(asked, CountBuckets):
        counted = reading.fingerprints(session, asked, seconds=seconds, lists=[*lists.values()])
        unplaced = {UNPLACED: counted.unplaced} if asked.beyond else {}
        return {"spans": buckets_to_data(counted.spans), **unplaced, **_named(lists, reading)}
    if isinstance(asked, LocateRows):
        keys = canonical_keys(reading.table, asked.keys)
        schema = rows_schema(reading.table, [*reading.table.key, *asked.columns])
        batches = reading.columns_of(session, keys, asked.columns, seconds=seconds)
    elif isinstance(asked, ListUnplaced):
        schema = unplaced_schema(reading.table, lists)
        batches = reading.unplaced(session, asked, seconds=seconds, lists=[*lists.values()])
    else:
        schema = pairs_schema(reading.table, lists)
        batches = reading.pairs(session, asked, seconds=seconds, lists=[*lists.values()])
    rows = _list(batches, schema, records, asked.target, reading.table.key)
    return {"object": asked.target, "rows": rows, **_named(lists, reading)}


def _lists(extraction: Extraction, reading: TableReading, asked: RowsQuestion) -> dict[int, HashList]:
    """The lists asked for, as far as the table still has their columns."""
    if isinstance(asked, LocateRows):
        return {}
    table = reading.table.name
    numbers = [number or extraction.lists.number(table, reading.hash_list) for number in asked.lists]
    known = {number: extraction.lists.known(table, number) for number in numbers}
    lists = {number: list_now(reading.table, columns) for number, columns in known.items() if columns is not None}
    return {number: columns for number, columns in lists.items() if reading.can_hash(columns)}


def _named(lists: Mapping[int, HashList], reading: TableReading) -> dict[str, Any]:
    """The lists in the answer's order, and whether this server is the one that each names."""
    if not lists:
        return {}
    now = reading.hash_list
    wanted = {name for name, _ in now.columns}
    return lists_to_data(
        ListInUse(number, columns.server == now.server, tuple(sorted(wanted - {name for name, _ in columns.columns})))
        for number, columns in lists.items()
    )


def _list(
    batches: Iterable[list[bytes]], schema: pa.Schema, records: ObjectWriter, target: str, key: Sequence[str]
) -> int:
    """The rows in a Parquet object; returns how many. What is no value of its column's type is null.

    A ``key`` has the values by which the warehouse knows its rows. Where one has a null, ``UNFIT`` has the whole of it.
    """
    body = io.BytesIO()
    unfit: list[str | None] = []
    with pq.ParquetWriter(body, schema, compression="zstd") as writer:
        for block in _blocks(batches):
            table, keys = _parsed(block, schema, key)
            for name in key:
                place, field = table.schema.get_field_index(name), table.schema.field(name)
                table = table.set_column(place, field, one_zero(table.column(name)))
            unfit += keys
            writer.write_table(table)
    if any(unfit):
        whole = pq.read_table(pa.BufferReader(body.getvalue())).append_column(UNFIT, pa.array(unfit, pa.string()))
        body = io.BytesIO()
        pq.write_table(whole, body, compression="zstd")
    records.write(target, body.getvalue())
    return len(unfit)


def _blocks(batches: Iterable[list[bytes]]) -> Iterable[bytes]:
    held: list[bytes] = []
    size = 0
    for lines in batches:
        held += lines
        size += sum(map(len, lines))
        if size > BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _parsed(block: bytes, schema: pa.Schema, key: Sequence[str]) -> tuple[pa.Table, list[str | None]]:
    """CSV as the columns' own types, and for each row its key, as JSON, where that is none of them."""
    try:
        table = _read(block, schema)
    except pa.ArrowInvalid:  # a value is none of its column's type
        return _fitted(_read(block, pa.schema([(name, pa.string()) for name in schema.names])), schema, key)
    return table, [None] * table.num_rows


def _read(block: bytes, schema: pa.Schema) -> pa.Table:
    is_text = all(pa.types.is_string(kind) for kind in schema.types)  # then a null is told from an empty text
    return csv.read_csv(
        pa.BufferReader(block),
        read_options=csv.ReadOptions(column_names=schema.names, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=pa.string() in schema.types),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            true_values=["1"],
            false_values=["0"],
            strings_can_be_null=is_text,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )


def _fitted(texts: pa.Table, schema: pa.Schema, key: Sequence[str]) -> tuple[pa.Table, list[str | None]]:
    """Texts as the columns' own types."""
    columns = [_cast(as_array(texts.column(field.name)), field.type) for field in schema]
    table = pa.table(columns, schema=schema)
    unfit: list[str | None] = [None] * table.num_rows
    nulls = [np.asarray(table.column(name).is_null()) for name in key]
    for row in np.flatnonzero(np.logical_or.reduce(nulls)).tolist():
        whole = [
            texts.column(name)[row].as_py().removeprefix(NO_VALUE)
            if lacks[row]
            else key_values(table.column(name).slice(row, 1).chunk(0))[0]
            for name, lacks in zip(key, nulls, strict=True)
        ]
        unfit[row] = json.dumps(whole)
    return table, unfit


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values of texts, null where one is no value: halved until it stands alone."""
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return pa.nulls(1, kind)
        half = len(texts) // 2
        return pa.concat_arrays([_cast(texts.slice(0, half), kind), _cast(texts.slice(half), kind)])
