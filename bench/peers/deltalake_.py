"""deltalake (delta-rs): appends to one table with a partition column, conflicts retried by the library itself."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake

from bench.data import KEY, SCHEMA

_TABLE = "line_item"
_RETRIES = 1_000


def _address(bucket: str) -> tuple[str, dict[str, str]]:
    options = {
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": os.environ["AWS_REGION"],
        "AWS_ALLOW_HTTP": "true",
        "aws_conditional_put": "etag",
    }
    return f"s3://{bucket}/{_TABLE}", options


def _in_partition(rows: pa.Table, number: int) -> pa.Table:
    return rows.append_column(pa.field("p", pa.int32()), pa.array([number] * rows.num_rows, pa.int32()))


def create(*, bucket: str) -> None:
    """An empty table."""
    from bench.peers.bucket import make

    make(bucket)
    address, options = _address(bucket)
    schema = SCHEMA.append(pa.field("p", pa.int32()))
    DeltaTable.create(address, schema, partition_by=["p"], storage_options=options)


def commits(*, bucket: str, batches: str, writer: int, partitions: int, rows: int, **_: object) -> Callable[[], None]:
    """One writer's batches, one after another, each into a partition that chance names."""
    address, options = _address(bucket)
    every = pq.read_table(batches).cast(SCHEMA)
    chance = random.Random(writer)
    again = CommitProperties(max_commit_retries=_RETRIES)

    def run() -> None:
        for number in range(every.num_rows // rows):
            batch = _in_partition(every.slice(number * rows, rows), chance.randrange(partitions))
            write_deltalake(address, batch, mode="append", storage_options=options, commit_properties=again)

    return run


def committed_keys(*, bucket: str, **_: object) -> pa.Table:
    """The keys of all rows of the table's current version."""
    address, options = _address(bucket)
    return DeltaTable(address, storage_options=options).to_pyarrow_table(columns=list(KEY))
