"""Memory of a reader that streams: it does not grow with the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice, product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.support.lake import MemoryLake, shipped_contracts
from tests.support.lake_folder import write_lake

from core.warehouse.arrow_types import stored_schema
from core.warehouse.footer import Footer
from core.warehouse.pointer import object_key, object_name, pointer_body, pointer_key
from deploy.folders import ROOT
from processing.partitions.parquet import ROW_GROUP, encode

PARTITIONS, ROWS = 16, 3 * ROW_GROUP
READS = """
import json, resource, sys
import pyarrow as pa
from pathlib import Path
from tests.support.lake_folder import lake_in

rows = lake_in(Path(sys.argv[1])).read("fact_quote")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = size = 0
for batch in rows.batches():
    count, size = count + batch.num_rows, size + batch.nbytes
print(json.dumps({
    "rows": count, "bytes": size, "arrow": pa.default_memory_pool().max_memory(),
    "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
}))
"""


@pytest.fixture
def large_table(tmp_path: Path) -> Path:
    """Partitions that all name the same rows: what is read is as much as if they were others."""
    table = shipped_contracts().table("fact_quote")
    minutes = np.datetime64("2026-01-01", "us") + np.arange(ROWS).astype("timedelta64[s]")
    prices = pa.array(np.arange(ROWS)).cast(pa.decimal128(25, 6)).cast(pa.decimal128(18, 6))
    columns = {
        "minute": pa.array(minutes),
        "trade_date": pa.array(minutes).cast(pa.timestamp("s")).cast(pa.date32(), safe=False),
        "price": prices,
        "provider_time": pa.array(minutes),
        "provenance": pa.repeat(pa.scalar("observed"), ROWS),
        "fetched_at": pa.array(minutes),
    }
    schema = stored_schema(table)
    rows = pa.table([columns[name] for name in schema.names], schema=schema)
    body = encode(rows, Footer("fact_quote", "", 1, "merge", ROWS), key=table.stored_key)
    memory = MemoryLake(shipped_contracts())
    places = islice(product(("2026-10", "2026-11"), table.partition_by[0].values), PARTITIONS)
    for number, (month, symbol) in enumerate(places):
        partition = f"fact_quote/symbol={symbol}/month={month}"
        key = object_key(partition, object_name(1, f"{number:032x}"))
        memory.partitions._put(key, body)
        memory.partitions._put(pointer_key(partition), pointer_body(memory.partitions.bucket, key))
    write_lake(memory, tmp_path)
    return tmp_path


def test_a_table_larger_than_the_memory_is_read_whole(large_table: Path) -> None:
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(
        [sys.executable, "-c", READS, str(large_table)], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["rows"] == PARTITIONS * ROWS
    assert seen["bytes"] > 400_000_000
    assert seen["arrow"] < seen["bytes"] / 4
    assert seen["grown"] < seen["bytes"] / 4
