"""Floor of every contestant: reading and writing the same data with the same library, and nothing between.

It writes as our objects are written (dictionaries where values repeat, decimals as integers, no statistics of texts):
a floor with the library's slower defaults would flatter whoever is measured against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq
from isal import igzip_lib

from bench.data import REPEATING, SCHEMA

BLOCK_BYTES = 1 << 20
SMALL = 50_000  # rows that threads are not worth starting for


def _write(rows: pa.Table, dictionaries: Sequence[str]) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        compression="snappy",
        use_dictionary=list(dictionaries),
        write_statistics=[field.name for field in SCHEMA if not pa.types.is_string(field.type)],
        store_decimal_as_integer=True,
        store_schema=False,
        row_group_size=131_072,
    )
    return sink.getvalue()


def _gunzip(compressed: bytes) -> bytes:
    """At once, into memory of the right size: gzip's last four bytes say how much it will be."""
    size = int.from_bytes(compressed[-4:], "little")
    return igzip_lib.decompress(compressed, flag=igzip_lib.DECOMP_GZIP, bufsize=size + 1)


def transform(*, path: str, threads: int, **_: object) -> Callable[[], pa.Buffer]:
    """Gunzip, parse with exact types, write. Dates are read as the texts they are."""
    schema = pa.schema(
        [pa.field(field.name, pa.string() if pa.types.is_date(field.type) else field.type) for field in SCHEMA]
    )

    def run() -> pa.Buffer:
        data = _gunzip(Path(path).read_bytes())
        rows = pj.read_json(
            pa.BufferReader(data),
            read_options=pj.ReadOptions(use_threads=threads > 1, block_size=BLOCK_BYTES),
            parse_options=pj.ParseOptions(explicit_schema=schema),
        )
        columns = [rows[field.name].cast(field.type) for field in SCHEMA]
        return _write(pa.Table.from_arrays(columns, schema=SCHEMA), REPEATING)

    return run


def merge(*, partition: str, **_: object) -> Callable[[], pa.Buffer]:
    """Read a partition's Parquet and write it again, with dictionaries for the columns that have one."""
    group = pq.ParquetFile(partition).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    dictionaries = [column.path_in_schema for column in columns if column.has_dictionary_page]

    threads = group.num_rows > SMALL

    def run() -> pa.Buffer:
        with pq.ParquetFile(pa.BufferReader(Path(partition).read_bytes())) as file:
            return _write(file.read(use_threads=threads), dictionaries)

    return run
