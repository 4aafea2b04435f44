"""Scans of objects: Parquet row group by row group, JSON lines object by object, a few of them ahead of the reader."""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import json as pa_json

from core.errors import LostCommit
from starmend_reader.storage import Storage

AHEAD = 4  # row groups, or objects of lines, that are read before they are asked for
FOOTERS_AHEAD = 16
BLOCK = 1 << 20
GZIP = b"\x1f\x8b"
_T = TypeVar("_T")
_R = TypeVar("_R")
Scanned = Mapping[str, pc.Expression]  # the columns that are shown, and what each is of the stored ones
_HELD = "starmend_held"  # beside them: whether a row is held to what statistics do not know


def parquet_batches(
    storage: Storage,
    objects: Iterable[tuple[str, Mapping[str, str | int]]],
    schema: pa.Schema,
    shown: Scanned,
    rows: pc.Expression | None,
    beyond: pc.Expression | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of Parquet objects, each with its partition's values, in order.

    ``schema`` has all columns, the partition's too: one that an object lacks is null, a narrower type is widened. Row
    groups whose statistics exclude all ``rows`` are not read. What is said ``beyond`` that is asked of each row alone.
    """
    form = ds.ParquetFileFormat()

    def row_groups(item: tuple[str, Mapping[str, str | int]]) -> list[tuple[str, ds.Fragment]]:
        key, values = item
        fixed = _together([pc.field(name) == pc.scalar(value) for name, value in values.items()])
        path = storage.path(key)
        with _reading(storage, key):
            whole = form.make_fragment(path, storage.filesystem, partition_expression=fixed)
            return [(key, piece) for piece in whole.split_by_row_group(rows, schema=schema)]

    def read(item: tuple[str, ds.Fragment]) -> pa.Table:
        key, piece = item
        with _reading(storage, key):
            table = piece.to_table(schema=schema, columns={**shown, **held}, filter=rows, use_threads=False)
            return table.filter(table[_HELD]).drop_columns([_HELD]) if held else table

    held = {} if beyond is None else {_HELD: beyond}
    with ThreadPoolExecutor(FOOTERS_AHEAD) as footers, ThreadPoolExecutor(AHEAD) as groups:
        pieces = (piece for groups_of in _ahead(footers, row_groups, objects, FOOTERS_AHEAD) for piece in groups_of)
        for table in _ahead(groups, read, pieces, AHEAD):
            yield from table.to_batches()


def line_batches(
    storage: Storage,
    objects: Iterable[tuple[str, Mapping[str, str | int]]],
    schema: pa.Schema,
    shown: Scanned,
    rows: pc.Expression | None,
) -> Iterator[pa.RecordBatch]:
    """The rows of objects of JSON lines, gzipped or plain, in the same way; fields of no column are passed over."""

    def read(item: tuple[str, Mapping[str, str | int]]) -> pa.Table:
        key, values = item
        stored = pa.schema([each for each in schema if each.name not in values])
        options = pa_json.ParseOptions(explicit_schema=stored, unexpected_field_behavior="ignore")
        with _reading(storage, key):
            stored_object = storage.read(key)
            if stored_object is None:
                raise FileNotFoundError(key)
            body = stored_object.body
            body = gzip.decompress(body) if body.startswith(GZIP) else body
            blocks = pa_json.ReadOptions(block_size=max(len(body), BLOCK))  # no line lies in two
            source = pa.BufferReader(body)
            lines = pa_json.read_json(source, blocks, options) if body else stored.empty_table()
            columns = [
                pa.repeat(pa.scalar(values[each.name], each.type), lines.num_rows)
                if each.name in values
                else lines.column(each.name)
                for each in schema
            ]
            whole = ds.dataset(pa.Table.from_arrays(columns, schema=schema))
            return whole.to_table(columns=dict(shown), filter=rows, use_threads=False)

    with ThreadPoolExecutor(AHEAD) as pool:
        for table in _ahead(pool, read, objects, AHEAD):
            yield from table.to_batches()


def _together(expressions: Sequence[pc.Expression]) -> pc.Expression:
    whole = pc.scalar(True)
    for expression in expressions:
        whole = whole & expression
    return whole


def _ahead(pool: ThreadPoolExecutor, work: Callable[[_T], _R], items: Iterable[_T], most: int) -> Iterator[_R]:
    """The results in order; no more than so many are under way or wait to be taken."""
    waiting: deque[Future[_R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:  # of a reader that stopped, or an error
            each.cancel()


@contextmanager
def _reading(storage: Storage, key: str) -> Iterator[None]:
    try:
        with storage.reaching("read object", key):
            yield
    except FileNotFoundError as error:
        problem = "is not there: it was replaced long ago, and is removed by now, or it was lost"
        remedy = "Read again; if it is named again, ask an operator to run: starmend heal --full"
        raise LostCommit("read object", storage.place(key), problem, remedy) from error
