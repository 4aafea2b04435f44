"""polars, in the fastest form that we found: streamed, texts read as texts and converted afterwards.

Its JSON reader refuses decimals, so amounts go through doubles: exact here, for they have at most 15 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.data import KEY, SCHEMA, VERSION

_DECIMAL = pl.Decimal(15, 2)
_READ = {"int64": pl.Int64, "int32": pl.Int32, "decimal128(15, 2)": pl.Float64}


def _converted() -> list[pl.Expr]:
    columns = []
    for field in SCHEMA:
        column = pl.col(field.name)
        if str(field.type).startswith("decimal"):
            columns.append(column.cast(_DECIMAL))
        elif str(field.type).startswith("date"):
            columns.append(column.str.to_date("%Y-%m-%d"))
        elif str(field.type).startswith("timestamp"):
            columns.append(column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us"))
    return columns


def _newest(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The last version of every key, in key order."""
    followed = pl.lit(True)
    for name in KEY:
        followed = followed & (pl.col(name) == pl.col(name).shift(-1))
    return rows.sort([*KEY, VERSION]).filter(~followed.fill_null(False))


def transform(*, path: str, out: str, **_: object) -> Callable[[], Path]:
    """Gzip JSON lines to the newest rows in key order, as a Parquet file."""
    schema = {field.name: _READ.get(str(field.type), pl.String) for field in SCHEMA}

    def run() -> Path:
        rows = pl.scan_ndjson(path, schema=schema).with_columns(_converted())
        _newest(rows).sink_parquet(out, compression="snappy")
        return Path(out)

    return run


def merge(*, partition: str, batch: str, out: str, **_: object) -> Callable[[], Path]:
    """A partition's Parquet and a batch to the next Parquet."""
    new = pl.read_parquet(batch)

    def run() -> Path:
        rows = pl.concat([pl.read_parquet(partition), new.select(SCHEMA.names)])
        _newest(rows.lazy()).collect().write_parquet(out, compression="snappy")
        return Path(out)

    return run
