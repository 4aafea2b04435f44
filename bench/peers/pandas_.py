"""json and pandas: what a Lambda with awswrangler does. Amounts stay ``Decimal`` objects, for a double is not money."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.data import KEY, SCHEMA, VERSION

_DATES = [field.name for field in SCHEMA if pa.types.is_date(field.type)]


def _newest(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values([*KEY, VERSION], kind="stable").drop_duplicates(list(KEY), keep="last")


def _write(rows: pd.DataFrame, out: str) -> Path:
    rows.to_parquet(out, engine="pyarrow", compression="snappy", index=False, schema=SCHEMA)
    return Path(out)


def transform(*, path: str, out: str, **_: object) -> Callable[[], Path]:
    """Gzip JSON lines to the newest rows in key order, as a Parquet file."""

    def run() -> Path:
        with gzip.open(path, "rb") as lines:
            rows = pd.DataFrame([json.loads(line, parse_float=Decimal) for line in lines])
        rows[VERSION] = pd.to_datetime(rows[VERSION], format="ISO8601")
        for name in _DATES:
            rows[name] = pd.to_datetime(rows[name], format="%Y-%m-%d").dt.date
        return _write(_newest(rows), out)

    return run


def merge(*, partition: str, batch: str, out: str, **_: object) -> Callable[[], Path]:
    """A partition's Parquet and a batch to the next Parquet."""
    new = pq.read_table(batch).select(SCHEMA.names).to_pandas()

    def run() -> Path:
        return _write(_newest(pd.concat([pd.read_parquet(partition), new])), out)

    return run
