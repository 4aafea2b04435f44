"""Records of a shuffle: rows of a partition on their way from those who read objects to those who commit.

Rows travel as one block of Arrow's own format, so that no engine's types come between: what was parsed is what is
merged, byte by byte. A block names no columns; both ends know them by the contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from core.warehouse.footer import SourceRef
from processing.restating.history import Refusal

MOST_BYTES = 4 << 20  # of a block, so that a batch of them fits into any worker's memory
BATCH = 64  # blocks
BEGIN, REFUSED, ROWS = range(3)  # in the order in which a job sees them

SCHEMA = pa.schema(
    [
        pa.field("job", pa.int32()),
        pa.field("kind", pa.int32()),
        pa.field("name", pa.string()),
        pa.field("about", pa.string()),
        pa.field("rows", pa.binary()),
    ]
)
COLUMNS = "job int, kind int, name string, about string, rows binary"  # the same, as Spark writes it


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the job with this number.

    ``name`` is the job's key (``BEGIN``), an object's (``REFUSED``) or a partition's path (``ROWS``). ``about``: JSON.
    """

    job: int
    kind: int
    name: str
    about: str = ""
    rows: bytes | None = None


def begin(job: int, key: str) -> Record:
    """The first record of every job: it is there also where no object has rows of it."""
    return Record(job, BEGIN, key)


def refused(job: int, key: str, refusal: Refusal | None) -> Record:
    """An object that was refused, wholly or in part; None: it was listed, and is gone."""
    about = None if refusal is None else {"lines": refusal.lines, "halted": refusal.halted}
    return Record(job, REFUSED, key, json.dumps(about))


def refusal_of(record: Record) -> Refusal | None:
    """What ``refused`` was told."""
    about = json.loads(record.about)
    return None if about is None else Refusal(record.name, about["lines"], about["halted"])


def blocks_of(job: int, path: str, rows: pa.Table, sources: Sequence[SourceRef]) -> Iterator[Record]:
    """The rows of a partition and the objects that they come from, in blocks."""
    pieces = max(1, -(-rows.nbytes // MOST_BYTES))
    size = max(1, -(-rows.num_rows // pieces))
    about = json.dumps([[source.key, source.etag, source.rows] for source in sources])
    for first in range(0, rows.num_rows, size):
        [batch] = rows.slice(first, size).combine_chunks().to_batches()
        yield Record(job, ROWS, path, about, batch.serialize().to_pybytes())
        about = "[]"


def rows_of(record: Record, schema: pa.Schema) -> tuple[pa.Table, list[SourceRef]]:
    """What ``blocks_of`` was told, in the columns of this schema."""
    batch = pa.ipc.read_record_batch(pa.py_buffer(record.rows), schema)
    return pa.Table.from_batches([batch], schema), [SourceRef(*source) for source in json.loads(record.about)]


def to_batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    """The records as Arrow batches of ``SCHEMA``."""
    waiting: list[Record] = []
    for record in records:
        waiting.append(record)
        if len(waiting) == BATCH:
            yield _batch(waiting)
            waiting = []
    if waiting:
        yield _batch(waiting)


def from_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[Record]:
    """The records of Arrow batches, in their order."""
    for batch in batches:
        columns: list[list[Any]] = [batch.column(name).to_pylist() for name in SCHEMA.names]
        yield from (Record(*values) for values in zip(*columns, strict=True))


def _batch(records: Sequence[Record]) -> pa.RecordBatch:
    columns = [[getattr(record, field.name) for record in records] for field in SCHEMA]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )
