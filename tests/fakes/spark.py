"""Spark in this process: the few of its methods that a driver calls, over lists of Arrow batches.

``tests/spark`` runs the same driver on Spark itself. Tasks are carried out one after another; a shuffle deals records
out in any order, and a task may be done twice, or die after it has done half (``loses``) and be done again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

TYPES = {"int": pa.int32(), "bigint": pa.int64(), "string": pa.string(), "binary": pa.binary()}
Batches = list[pa.RecordBatch]
Task = Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]]


class Killed(Exception):
    """The task's process is gone."""


class MemorySpark:
    """A session. ``loses`` is asked before each batch that a task gives whether its process dies there."""

    def __init__(self, *, seed: int = 0, cores: int = 2, loses: Callable[[], bool] = lambda: False) -> None:
        self.random = random.Random(seed)
        self.loses = loses
        self.settings: dict[str, str] = {}
        self.sparkContext = SimpleNamespace(defaultParallelism=cores, parallelize=_Dealt)
        self.conf = SimpleNamespace(set=self.settings.__setitem__)

    def createDataFrame(self, rows: _Dealt | Sequence[tuple[Any, ...]], columns: str) -> MemoryFrame:  # noqa: N802
        schema = pa.schema([(name, TYPES[kind]) for name, kind in map(str.split, columns.split(","))])
        parts = rows.parts if isinstance(rows, _Dealt) else [list(rows)]
        return MemoryFrame(self, schema, [[_batch(part, schema)] if part else [] for part in parts])


class _Dealt:
    def __init__(self, values: Sequence[Any], slices: int) -> None:
        self.parts = [list(values[number::slices]) for number in range(slices)]

    def flatMap(self, function: Callable[[Any], Iterable[Any]]) -> _Dealt:  # noqa: N802
        dealt = _Dealt([], 1)
        dealt.parts = [[each for value in part for each in function(value)] for part in self.parts]
        return dealt


class MemoryFrame:
    """Batches by partition; a task is done as soon as it is asked for."""

    def __init__(self, session: MemorySpark, schema: pa.Schema, parts: list[Batches]) -> None:
        self.session, self.schema, self.parts = session, schema, parts

    def mapInArrow(self, function: Task, columns: str) -> MemoryFrame:  # noqa: N802
        schema = pa.schema([(name, TYPES[kind]) for name, kind in map(str.split, columns.split(","))])
        return MemoryFrame(self.session, schema, [self._done(function, part) for part in self.parts])

    def _done(self, function: Task, part: Batches) -> Batches:
        while True:
            given = []
            try:
                for batch in function(iter(part)):
                    if self.session.loses():
                        raise Killed
                    given.append(batch)
            except Killed:
                continue
            return given

    def union(self, other: MemoryFrame) -> MemoryFrame:
        return MemoryFrame(self.session, self.schema, self.parts + other.parts)

    def repartition(self, count: int, column: str) -> MemoryFrame:
        rows = list(self._rows())
        self.session.random.shuffle(rows)
        dealt: list[list[tuple[Any, ...]]] = [[] for _ in range(count)]
        place = self.schema.get_field_index(column)
        for row in rows:
            dealt[hash(row[place]) % count].append(row)
        return MemoryFrame(self.session, self.schema, [self._cut(part) for part in dealt])

    def sortWithinPartitions(self, column: str) -> MemoryFrame:  # noqa: N802
        place = self.schema.get_field_index(column)
        parts = [sorted(_rows_of(part), key=lambda row: row[place]) for part in self.parts]
        return MemoryFrame(self.session, self.schema, [self._cut(part) for part in parts])

    def collect(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(**dict(zip(self.schema.names, row, strict=True))) for row in self._rows()]

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        return (row for part in self.parts for row in _rows_of(part))

    def _cut(self, rows: Sequence[tuple[Any, ...]]) -> Batches:
        size = int(self.session.settings["spark.sql.execution.arrow.maxRecordsPerBatch"])
        return [_batch(rows[first : first + size], self.schema) for first in range(0, len(rows), size)]


def _rows_of(part: Batches) -> Iterator[tuple[Any, ...]]:
    for batch in part:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _batch(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
