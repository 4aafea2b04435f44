"""Buffer of rows by partition, in memory up to a budget and beyond it on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

BUDGET = 256 << 20


class SpillBuffer:
    """Rows by partition path. ``folder`` is for the buffer alone; its owner removes it. ``budget`` is in bytes."""

    def __init__(self, folder: Path, *, budget: int = BUDGET) -> None:
        self._folder = folder
        self._budget = budget
        self._waiting: dict[str, list[pa.Table]] = {}
        self._files: dict[str, list[Path]] = {}
        self._size = 0
        self._written = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """The partitions that have rows, sorted."""
        return tuple(sorted({*self._waiting, *self._files}))

    def add(self, path: str, rows: pa.Table) -> None:
        """Add rows of a partition; beyond the budget all rows in memory go to disk."""
        self._waiting.setdefault(path, []).append(rows)
        self._size += rows.nbytes
        if self._size > self._budget:
            self._spill()

    def rows(self, path: str) -> pa.Table | None:
        """All rows of a partition, in the order in which they came; None where none came."""
        parts = [_read(file) for file in self._files.get(path, ())] + self._waiting.get(path, [])
        return pa.concat_tables(parts) if parts else None

    def _spill(self) -> None:
        for path, parts in self._waiting.items():
            file = self._folder / f"{self._written}.arrow"
            self._written += 1
            rows = pa.concat_tables(parts)
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
                writer.write_table(rows)
            self._files.setdefault(path, []).append(file)
        self._waiting, self._size = {}, 0


def _read(file: Path) -> pa.Table:
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()
