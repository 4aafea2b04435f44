"""A first load that fits into no single invocation: it ends in time-outs and goes on behind them, in bounded memory."""

from __future__ import annotations

import gzip
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.disk_objects import DiskObjects
from tests.support.extraction import (
    LEDGER,
    LEDGER_SQL,
    ExtractionSandbox,
    ScratchDatabase,
    contract_of,
    extraction_sandbox,
    plenty,
    scratch_database,
)

from ingestion.extract.budget import Budget

FILL = """
INSERT INTO ledger (id, note, created_at, last_updated)
SELECT n, md5(n::text), timestamp '2025-01-01', timestamp '2025-01-01' + n / 1000 * interval '1 s'
FROM generate_series(1, {}) AS n
"""
_ID = re.compile(rb'"id":(\d+)')
_MB = 1 << 20


def run_backlog(
    rows: int = 2_000_000,
    *,
    timeouts: int = 3,
    rows_per_object: int = 100_000,
    progress: Callable[[str], object] = lambda _: None,
) -> dict[str, Any]:
    """Load so many rows through so many forced time-outs, each after its share of the objects.

    ``lost`` and ``twice`` must be 0, ``timeouts`` what was asked for; ``peak_mb`` is memory above what the process held
    before, as the kernel counts it (None where it does not).
    """
    with scratch_database(LEDGER_SQL) as database, tempfile.TemporaryDirectory(prefix="starmend-backlog-") as folder:
        database.run(FILL.format(rows), "VACUUM ANALYZE ledger")
        objects = DiskObjects(Path(folder))
        share = rows // rows_per_object // (timeouts + 1)
        before, start = _reset_peak(), time.monotonic()
        outcomes = []
        for number in range(timeouts):
            # Time that passes with every stored object: over once this pass has stored its share.
            budget = Budget(lambda: float(len(objects)), float((number + 1) * share))
            outcomes.append(_pass(database, objects, rows_per_object, budget))
            progress(f"pass {number + 1}: {outcomes[-1]}, {len(objects)} objects")
        outcomes.append(_pass(database, objects, rows_per_object, plenty()))
        seconds, peak = time.monotonic() - start, _peak()
        return {
            "rows": rows,
            "timeouts": outcomes.count("out of time"),
            "finished": outcomes[-1] == "extracted",
            **_compare(objects, rows),
            "objects": len(objects),
            "seconds": round(seconds, 1),
            "peak_mb": round((peak - before) / _MB, 1) if peak and before else None,
        }


def _pass(database: ScratchDatabase, objects: DiskObjects, rows_per_object: int, budget: Budget) -> str:
    """One invocation, in a container of its own that knows only what the objects and parameters say."""
    table = replace(LEDGER, rows_per_object=rows_per_object)
    sandbox: ExtractionSandbox = extraction_sandbox(contract_of(table), secret=database.secret(), objects=objects)
    result = sandbox.extract(budget=budget)
    sandbox.extraction.close()
    result.raise_failures()
    return result.tables[0].outcome


def _compare(objects: DiskObjects, rows: int) -> dict[str, int]:
    seen = bytearray(rows + 1)
    twice = 0
    for info in objects.list("tables/"):
        stored = objects.read(info.key)
        assert stored is not None
        for text in _ID.findall(gzip.decompress(stored.body)):
            twice += seen[int(text)]
            seen[int(text)] = 1
    return {"lost": rows - sum(seen), "twice": twice}


def _reset_peak() -> int:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(which: str) -> int:
    file = Path("/proc/self/status")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{which}:")), 0)
