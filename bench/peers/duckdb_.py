"""DuckDB, in the fastest form that we found: one window over the sorted rows instead of one for each key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from bench.data import KEY, SCHEMA, VERSION

_TYPES = {
    "int64": "BIGINT",
    "int32": "INTEGER",
    "decimal128(15, 2)": "DECIMAL(15,2)",
    "string": "VARCHAR",
    "date32[day]": "DATE",
    "timestamp[us]": "TIMESTAMP",
}
_KEY = ", ".join(KEY)


def _newest(source: str) -> str:
    """The last version of every key, in key order."""
    window = f"lead(({_KEY})) OVER (ORDER BY {_KEY}, {VERSION})"
    return f"SELECT * FROM {source} QUALIFY ({_KEY}) IS DISTINCT FROM {window} ORDER BY {_KEY}"


def _writer(connection: duckdb.DuckDBPyConnection, query: str, out: str) -> Callable[[], Path]:
    def run() -> Path:
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION snappy)")
        return Path(out)

    return run


def transform(*, path: str, out: str, threads: int, **_: object) -> Callable[[], Path]:
    """Gzip JSON lines to the newest rows in key order, as a Parquet file."""
    columns = ", ".join(f"'{field.name}': '{_TYPES[str(field.type)]}'" for field in SCHEMA)
    source = f"read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})"
    return _writer(duckdb.connect(config={"threads": threads}), _newest(source), out)


def merge(*, partition: str, batch: str, out: str, threads: int, **_: object) -> Callable[[], Path]:
    """A partition's Parquet and a batch to the next Parquet."""
    connection = duckdb.connect(config={"threads": threads})
    connection.register("incoming", pq.read_table(batch).select(SCHEMA.names))
    connection.execute("CREATE TEMP TABLE batch AS SELECT * FROM incoming")
    source = f"(SELECT * FROM read_parquet('{partition}') UNION ALL SELECT * FROM batch)"
    return _writer(connection, _newest(source), out)
