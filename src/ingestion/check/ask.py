"""Answers to the auditor's questions about a database: fingerprints of its rows, and their keys and versions.

Reads only. Each answer comes from one snapshot of its own, and no statement is longer than the extraction's own limit.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from core.audit.fingerprint import MODULUS, Fingerprint
from core.audit.source_check import (
    CountBuckets,
    LocateRows,
    buckets_to_data,
    pairs_schema,
    question_from_data,
    rows_schema,
)
from core.errors import InvalidData
from core.ports import ObjectWriter
from core.time import parse_instant
from ingestion.check.last_seen import typed_keys
from ingestion.extract.flow import Extraction
from ingestion.postgres.fingerprints import copy_columns, copy_pairs, count_buckets
from ingestion.postgres.select import Reading, in_snapshot

BLOCK_BYTES = 4 << 20


def answer(extraction: Extraction, question: Mapping[str, Any], records: ObjectWriter) -> dict[str, Any]:
    """The answer to a question (``core.audit.source_check``), JSON-ready.

    Raises ``InvalidData`` where it is no question, ``UnknownTable`` or ``MissingColumns`` where the database lacks what
    the contract promises, ``OutOfReach`` where it does not answer.
    """
    try:
        asked = question_from_data(question)
    except (ValueError, TypeError) as error:
        raise InvalidData("check source", repr(dict(question))[:200], str(error)) from error
    reading = extraction.reading(asked.table)
    if isinstance(asked, CountBuckets):
        return {"spans": buckets_to_data(tuple(_count(extraction, reading, asked)))}
    if isinstance(asked, LocateRows):
        keys = typed_keys(reading.table, asked.keys)
        schema = rows_schema(reading.table, [*reading.table.key, *asked.columns])
        statement = copy_columns(reading, keys, asked.columns)
    else:
        schema = pairs_schema(reading.table)
        statement = copy_pairs(reading, asked.span, column=asked.column, buckets=asked.buckets, wanted=asked.wanted)
    return {"object": asked.target, "rows": _list(extraction, reading, statement, schema, records, asked.target)}


def _count(extraction: Extraction, reading: Reading, asked: CountBuckets) -> list[dict[int, Fingerprint]]:
    if not asked.spans:
        return []
    statement, span_of = count_buckets(
        reading, asked.spans, column=asked.column, until=parse_instant(asked.until), buckets=asked.buckets
    )
    rows = extraction.session().query(in_snapshot(reading, statement, seconds=extraction.statement_seconds))
    answers: list[dict[int, Fingerprint]] = [{} for _ in asked.spans]
    for stretch, bucket, count, newest, total in rows:
        span = span_of[stretch - 1]
        if span is not None:
            answers[span][bucket] = Fingerprint(count, _microseconds(newest), int(total) % MODULUS)
    return answers


def _microseconds(at: Any) -> int:
    return int(pa.scalar(at, pa.timestamp("us")).cast(pa.int64()).as_py())


def _list(
    extraction: Extraction, reading: Reading, statement: str, schema: pa.Schema, records: ObjectWriter, target: str
) -> int:
    """The statement's rows in a Parquet object; returns how many."""
    batches = extraction.session().copy(in_snapshot(reading, statement, seconds=extraction.statement_seconds))
    body = io.BytesIO()
    rows = 0
    with pq.ParquetWriter(body, schema, compression="snappy") as writer:
        for block in _blocks(batches):
            table = _parsed(block, schema)
            rows += table.num_rows
            writer.write_table(table)
    records.write(target, body.getvalue())
    return rows


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


def _parsed(block: bytes, schema: pa.Schema) -> pa.Table:
    """CSV as the columns' own types; texts may hold line breaks."""
    return csv.read_csv(
        pa.BufferReader(block),
        read_options=csv.ReadOptions(column_names=schema.names, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=pa.string() in schema.types),
        convert_options=csv.ConvertOptions(
            column_types=schema, true_values=["1"], false_values=["0"], strings_can_be_null=False
        ),
    )
