"""dlt as its documentation has it: dictionaries into a merge with a primary key and a de-duplicating sort.

The destination is DuckDB, for dlt's files know no merge without a table format; the rows go from there to Parquet.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa

from bench.data import KEY, SCHEMA, VERSION


def _hints() -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for field in SCHEMA:
        if pa.types.is_decimal(field.type):
            hints[field.name] = {"data_type": "decimal", "precision": 15, "scale": 2}
        elif pa.types.is_date(field.type):
            hints[field.name] = {"data_type": "date"}
        elif pa.types.is_timestamp(field.type):
            hints[field.name] = {"data_type": "timestamp", "timezone": False, "precision": 6}
        elif field.type == pa.int32():
            hints[field.name] = {"data_type": "bigint", "precision": 32}
    hints[VERSION]["dedup_sort"] = "desc"
    return hints


def transform(*, path: str, out: str, **_: object) -> Callable[[], Path]:
    """Gzip JSON lines to the newest rows in key order, as a Parquet file."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    folder = Path(tempfile.mkdtemp(dir=Path(out).parent))

    @dlt.resource(name="line_item", primary_key=list(KEY), write_disposition="merge", columns=_hints())
    def lines() -> Iterator[list[dict[str, Any]]]:
        with gzip.open(path, "rb") as file:
            yield [json.loads(line, parse_float=Decimal) for line in file]

    def run() -> Path:
        database = folder / "line_orders.duckdb"
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(database)), dataset_name="bench"
        )
        pipeline.run(lines(), loader_file_format="parquet").raise_on_failed_jobs()
        names, key = ", ".join(SCHEMA.names), ", ".join(KEY)
        query = f"SELECT {names} FROM bench.line_item ORDER BY {key}"
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION snappy)")
        return Path(out)

    return run
