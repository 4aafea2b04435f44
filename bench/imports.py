"""Cold imports: what a function's handler imports when an environment starts, from the packages that are deployed.

Code and layers are unpacked from the built zips and imported under Lambda's Python with nothing else on its path. As on
Lambda, no bytecode can be written beside them, so that what the zips hold none of is compiled each time. Processor time
is what counts: it does not depend on who else is busy, and imports wait for nothing.
"""

from __future__ import annotations

import atexit
import json
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bench.options import Options
from bench.record import Record

HEAVY = ("pandas", "awswrangler")
ALONE = "import pyarrow, boto3"
SOURCES = Path(__file__).resolve().parents[1] / "src"
_LOADED = "import sys, json, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"


class HeavyImport(AssertionError):
    """A handler imports what costs half a second and is needed by some events alone."""


def handlers() -> dict[str, str]:
    """The functions' handler modules by their names in the figures: ``ingestion.pull`` is ``pull``."""
    modules = [
        ".".join(path.relative_to(SOURCES).with_suffix("").parts) for path in sorted(SOURCES.glob("*/**/handler.py"))
    ]
    return {module.removesuffix(".handler").removeprefix("ingestion."): module for module in modules}


@dataclass(frozen=True, slots=True)
class Turn:
    """What a fresh interpreter printed, and its milliseconds: of the processors, and on the clock."""

    printed: str
    cpu: float
    clock: float


@dataclass(frozen=True, slots=True)
class Deployed:
    """Lambda's Python that finds the deployed packages alone: the code's folder, and that of the layers."""

    python: Path
    code: Path
    layers: Path

    def run(self, script: str) -> Turn:
        # -B: neither folder can be written on Lambda.
        begin = f"import sys; sys.path[:0] = [{str(self.code)!r}, {str(self.layers)!r}]"
        command = [str(self.python), "-I", "-S", "-B", "-c", f"{begin}\n{script}"]
        before, started = _busy(), time.perf_counter()
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return Turn(printed, _busy() - before, (time.perf_counter() - started) * 1000)

    def packages(self, module: str) -> list[str]:
        """What of the layers the import of a module loads."""
        held = {path.name.partition(".")[0] for path in self.layers.iterdir()}
        return [name for name in json.loads(self.run(_LOADED.format(module=module)).printed) if name in held]


@cache
def deployed() -> Deployed:
    """Code and layers as they are built for Lambda, unpacked into a folder that goes at the end."""
    from deploy.folders import ROOT
    from deploy.layers.build import build_layers
    from deploy.layers.wheels import LAMBDA_PYTHON
    from deploy.packaging import build_code_zip
    from deploy.programs.python import find_python

    python = find_python(LAMBDA_PYTHON)
    if python is None:
        raise RuntimeError(f"cold imports are measured under Python {LAMBDA_PYTHON}, which this machine lacks")
    folder = Path(tempfile.mkdtemp(prefix="starmend-bench-imports-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    contracts = folder / "contracts.json"
    contracts.write_text("{}", encoding="utf-8")
    shutil.unpack_archive(build_code_zip(folder / "code.zip", contracts).file, folder / "task")
    for _, layer in build_layers(ROOT / "build/layers"):
        shutil.unpack_archive(layer, folder / "opt")
    return Deployed(python, folder / "task", folder / "opt/python")


def cold_import(options: Options, *, name: str, module: str) -> Record:
    """Turns of the import, of pyarrow and boto3 alone from the same layers, and of nothing; the least counts."""
    function = deployed()
    packages = function.packages(module)
    if imported := [package for package in HEAVY if package in packages]:
        raise HeavyImport(f"{module} imports {', '.join(imported)}")
    scripts = {"nothing": "pass", "alone": ALONE, "whole": f"import {module}"}
    for script in scripts.values():
        function.run(script)  # reads everything into the page cache
    turns: dict[str, list[Turn]] = {kind: [] for kind in scripts}
    for _ in range(4 if options.quick else 9):
        for kind, script in scripts.items():
            turns[kind].append(function.run(script))
    cpu = {kind: min(turn.cpu for turn in taken) for kind, taken in turns.items()}
    clock = {kind: statistics.median(turn.clock for turn in taken) for kind, taken in turns.items()}
    return Record.of_times(
        name,
        cpu["whole"] - cpu["nothing"],
        unit="ms CPU",
        peers={ALONE: cpu["alone"] - cpu["nothing"]},
        details={
            "turns": len(turns["whole"]),
            "interpreter": round(cpu["nothing"], 1),
            "median_on_the_clock": round(clock["whole"] - clock["nothing"], 1),
            "packages": packages,
        },
    )


def _busy() -> float:
    """Milliseconds of the cores that ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


MEASURES = {
    (name := f"cold_import_{short.replace('.', '_')}"): partial(cold_import, name=name, module=module)
    for short, module in handlers().items()
}
