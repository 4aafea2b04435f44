"""Compiled code of layers and of our own, so that a cold start need not compile: Lambda keeps none of what it compiles.

The files are used whatever the times of their sources (PEP 552, unchecked): zips keep none that Python would believe.
They hold no path of the machine that compiled, and are the same bytes for one release of Python.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from core.errors import InvalidData
from deploy.programs.python import find_python

find_compiler = cache(find_python)
LAYERS_ROOT, CODE_ROOT = "/opt", "/var/task"  # where Lambda unpacks layers and code
_ISOLATED = ("-S", "-s", "-P")  # not -I: it would ignore the seed
_OPTIONS = ("-q", "-q", "-f", "-o", "0", "--invalidation-mode=unchecked-hash")  # 0: as Lambda's Python runs


def compiled(files: Mapping[str, bytes], python: Path, root: str = LAYERS_ROOT) -> dict[str, bytes]:
    """Bytecode of the sources among these files, as the interpreter writes it, by path; they are to lie below ``root``.

    A source that this Python cannot compile has none: it cannot be imported either. Raises :class:`InvalidData` where
    nothing could be compiled though there are sources.
    """
    sources = sorted(name for name in files if name.endswith(".py"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in sources:
            path = folder / source
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[source])
        command = [str(python), *_ISOLATED, "-m", "compileall", *_OPTIONS, "-s", name, "-p", root, name]
        done = subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True)
        bytecode = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")}
    if sources and not bytecode:
        problem = f"compiled nothing: {done.stderr[-200:]}"
        raise InvalidData("compile the packages", str(python), problem, "See whether that Python starts")
    return bytecode
