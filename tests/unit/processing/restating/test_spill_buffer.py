"""The buffer of rows by partition, in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from processing.restating.spill_buffer import SpillBuffer


def test_rows_put_aside_come_back_in_order_from_memory_and_disk(tmp_path: Path) -> None:
    buffer = SpillBuffer(tmp_path, budget=2000)
    for number in range(50):
        buffer.add(f"part={number % 3}", pa.table({"n": list(range(number, number + 20))}))
    assert list(tmp_path.iterdir())
    assert buffer.paths == ("part=0", "part=1", "part=2")
    for part in range(3):
        rows = buffer.rows(f"part={part}")
        assert rows is not None
        assert rows.column("n").to_pylist() == [m for n in range(part, 50, 3) for m in range(n, n + 20)]
    assert buffer.rows("part=3") is None
