"""Python that functions run under: Lambda's version where this machine has it, else the one that runs us."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import OutOfReach
from deploy.layers.wheels import ARCHITECTURES, LAMBDA_PYTHON, Platform
from deploy.programs.python import find_python
from local.emulator.execution import bootstrap

BOOTSTRAP = bootstrap.__file__
ISOLATED = ("-I", "-S", "-X", "utf8")  # no variable, no user's and no site's packages are looked at; text is UTF-8


@dataclass(frozen=True)
class FunctionPython:
    """An interpreter, its version such as ``3.12``, and why it cannot shut functions in ("": it can)."""

    executable: str
    version: str
    open_because: str

    @property
    def platform(self) -> Platform:
        """What the functions' layers have to be built for, so that this interpreter can import them."""
        return Platform(self.version, _architecture()) if _architecture() else Platform.of_this_machine()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What differs from Lambda on this machine, a sentence each; to be said once."""
        other = f"functions run under Python {self.version}, for this machine has no {LAMBDA_PYTHON}, which is Lambda's"
        unshut = f"functions see this machine's files ({self.open_because}); whether they change their code is checked"
        return tuple(
            text for text, holds in ((other, self.version != LAMBDA_PYTHON), (unshut, bool(self.open_because))) if holds
        )


@cache
def function_python() -> FunctionPython:
    """Lambda's version where :func:`find_python` finds it and packages for it can be chosen, else this process's own.

    Raises :class:`OutOfReach` where neither starts.
    """
    lambdas = find_python(LAMBDA_PYTHON) if _architecture() else None
    for executable in (lambdas, getattr(sys, "_base_executable", sys.executable)):
        if executable and (python := _probed(str(executable))):
            return python
    raise OutOfReach("find a Python for functions", sys.executable, "does not start", f"Install Python {LAMBDA_PYTHON}")


def _architecture() -> str | None:
    """Lambda's name of this machine's processor; None where wheels for Lambda do not run here."""
    names = {wheel: name for name, wheel in ARCHITECTURES.items()}
    return names.get(platform.machine()) if sys.platform == "linux" else None


def _probed(executable: str) -> FunctionPython | None:
    with tempfile.TemporaryDirectory() as folder:
        command = [executable, *ISOLATED, BOOTSTRAP, "--probe", str(Path(folder) / "probe")]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
    return FunctionPython(**json.loads(done.stdout)) if done.returncode == 0 else None
