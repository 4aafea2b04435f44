"""Time to import the processing Lambda's code, beyond the interpreter itself."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time

from bench.options import Options
from bench.race import ROOT
from bench.record import Record

MODULE = "processing.handler"
HEAVY = ("pandas", "awswrangler")
_LOADED = f"import sys, json, {MODULE}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"


class HeavyImport(AssertionError):
    """The hot path imports what costs half a second and is not needed there."""


def cold_import_processing(options: Options) -> Record:
    """Turns of ``import processing.handler`` and of nothing, each in a fresh interpreter with its bytecode cached."""
    loaded = json.loads(_python(_LOADED))
    if imported := [name for name in HEAVY if name in loaded]:
        raise HeavyImport(f"{MODULE} imports {', '.join(imported)}")
    bare, whole = [], []
    before = _busy()
    for _ in range(5 if options.quick else 15):
        bare.append(_milliseconds("pass"))
        whole.append(_milliseconds(f"import {MODULE}"))
    busy = (_busy() - before) / len(bare)
    return Record.of_times(
        "cold_import_processing",
        statistics.median(whole) - statistics.median(bare),
        details={
            "bare_ms": round(statistics.median(bare), 1),
            "turns": len(bare),
            "cpu_ms_both": round(busy, 1),
            "fastest": round(min(whole) - min(bare), 1),
            "packages": [name for name in loaded if name not in sys.stdlib_module_names and name[0] != "_"],
        },
    )


def _busy() -> float:
    """Milliseconds of the cores that ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _milliseconds(code: str) -> float:
    start = time.perf_counter()
    _python(code)
    return (time.perf_counter() - start) * 1000


MEASURES = {"cold_import_processing": cold_import_processing}
