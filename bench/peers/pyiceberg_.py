"""pyiceberg with the Glue catalog: appends to one table with an identity partition, conflicts retried with jitter."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import CommitFailedException

from bench.data import KEY, SCHEMA

_NAME = "bench.line_item"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.06, 1.0
# Many short waits: a commit that is tried again by the library itself costs less than a new append.
_PROPERTIES = {"commit.retry.num-retries": "50", "commit.retry.min-wait-ms": "20", "commit.retry.max-wait-ms": "400"}


logging.getLogger("pyiceberg").setLevel(logging.ERROR)


def _catalog(bucket: str) -> Catalog:
    endpoint, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]
    access, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    return load_catalog(
        "glue",
        **{
            "type": "glue",
            "glue.endpoint": endpoint,
            "glue.region": region,
            "glue.access-key-id": access,
            "glue.secret-access-key": secret,
            "s3.endpoint": endpoint,
            "s3.region": region,
            "s3.access-key-id": access,
            "s3.secret-access-key": secret,
            "warehouse": f"s3://{bucket}/iceberg",
        },
    )


def _in_partition(rows: pa.Table, number: int) -> pa.Table:
    return rows.append_column(pa.field("p", pa.int32()), pa.array([number] * rows.num_rows, pa.int32()))


def create(*, bucket: str) -> None:
    """An empty table."""
    from bench.peers.bucket import make

    make(bucket)
    catalog = _catalog(bucket)
    catalog.create_namespace("bench")
    schema = SCHEMA.append(pa.field("p", pa.int32()))
    table = catalog.create_table(_NAME, schema=schema, properties=_PROPERTIES)
    with table.update_spec() as update:
        update.add_identity("p")


def commits(*, bucket: str, batches: str, writer: int, partitions: int, rows: int, **_: object) -> Callable[[], None]:
    """One writer's batches, one after another, each into a partition that chance names."""
    table = _catalog(bucket).load_table(_NAME)
    every = pq.read_table(batches).cast(SCHEMA)
    chance = random.Random(writer)

    def run() -> None:
        for number in range(every.num_rows // rows):
            batch = _in_partition(every.slice(number * rows, rows), chance.randrange(partitions))
            tries = 0
            while True:
                try:
                    table.append(batch)
                    break
                except CommitFailedException:
                    tries += 1
                    time.sleep(chance.random() * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries, 5)))
                    table.refresh()

    return run


def committed_keys(*, bucket: str, **_: object) -> pa.Table:
    """The keys of all rows of the table's current snapshot."""
    return _catalog(bucket).load_table(_NAME).scan(selected_fields=KEY).to_arrow()
