"""Wheels that a lock file pins by hash, for a platform that need not be this machine's.

Every wheel that was ever fetched is kept in the user's cache, and pip checks its hash again each time: a machine that
has built once needs no package index.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidData, OutOfReach

LAMBDA_PYTHON = "3.12"
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}  # Lambda's name of each, and the wheels'
# Wheels for any glibc up to this one run on Lambda: Amazon Linux 2023 has 2.34, and nobody builds for a later one.
_NEWEST_GLIBC = 28
_OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
_REQUIREMENT = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?P<hashes>(?:\s+(?:\\\n)?\s*--hash=\S+)+)", re.M
)


@dataclass(frozen=True)
class Platform:
    """Python and machine that packages are for. ``architecture`` None: this machine and its running Python."""

    python: str = LAMBDA_PYTHON
    architecture: str | None = "x86_64"

    def __post_init__(self) -> None:
        if self.architecture is not None and self.architecture not in ARCHITECTURES:
            remedy = f"Use one of: {', '.join(ARCHITECTURES)}"
            raise InvalidData("choose a platform", self.architecture, "is no architecture of Lambda", remedy)

    @classmethod
    def of_this_machine(cls) -> Platform:
        """The platform of the running Python, whatever it is."""
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}", None)

    @property
    def name(self) -> str:
        """A folder's name that no other platform has."""
        return f"python{self.python}-{self.architecture or sys.platform}"

    @property
    def pip_options(self) -> list[str]:
        """How pip is told to choose wheels."""
        if self.architecture is None:
            return []
        machine = ARCHITECTURES[self.architecture]
        glibcs = range(_NEWEST_GLIBC, 4, -1)
        tags = [f"manylinux_2_{minor}_{machine}" for minor in glibcs]
        tags += [f"{_OLD_NAMES[minor]}_{machine}" for minor in glibcs if minor in _OLD_NAMES]
        return ["--implementation=cp", f"--python-version={self.python}", *(f"--platform={tag}" for tag in tags)]


LAMBDA = Platform()


@dataclass(frozen=True)
class Pin:
    """A locked package: its version, and the hashes of the files that may stand for it."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={value}" for value in self.hashes)])


def read_pins(lock: Path) -> dict[str, Pin]:
    """A lock file's pins by normalised name; :class:`InvalidData` where a pin has no hash, or there is none at all."""
    text = lock.read_text(encoding="utf-8")
    pins = {}
    for requirement in _REQUIREMENT.finditer(text):
        name = normalised(requirement["name"])
        pins[name] = Pin(name, requirement["version"], tuple(re.findall(r"--hash=(\S+)", requirement["hashes"])))
    if not pins or len(pins) != len(re.findall(r"^[A-Za-z0-9]", text, re.M)):
        raise InvalidData("read a lock", lock.name, "has pins without hashes", "Lock it again, as CONTRIBUTING.md says")
    return pins


def normalised(name: str) -> str:
    """A package's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch_wheels(pins: Mapping[str, Pin], platform: Platform, folder: Path) -> list[Path]:
    """Put the wheels of these pins into the folder, and return them sorted.

    Raises :class:`OutOfReach` where one is neither in the cache nor to be had from the package index.
    """
    kept = wheel_cache()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirements:
        requirements.write("".join(f"{pin}\n" for pin in pins.values()))
        requirements.flush()
        problem = _download(folder, requirements.name, platform, ["--no-index", f"--find-links={kept}"])
        if problem:
            problem = _download(folder, requirements.name, platform, [f"--find-links={kept}"])
    if problem:
        remedy = "Connect to the package index once; the layers do not change until their locks do"
        raise OutOfReach("package the layers", ", ".join(pins), problem, remedy)
    wheels = sorted(folder.glob("*.whl"))
    _keep(wheels, kept)
    return wheels


def wheel_cache() -> Path:
    """The folder of all wheels that were fetched; it may be emptied at any time."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "starmend" / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download(folder: Path, requirements: str, platform: Platform, options: Sequence[str]) -> str:
    """What pip said last when it failed; nothing when it did not."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", *platform.pip_options, *options]
    done = subprocess.run(
        [*command, f"--dest={folder}", f"--requirement={requirements}"], capture_output=True, text=True
    )
    return " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]) if done.returncode else ""


def _keep(wheels: Sequence[Path], kept: Path) -> None:
    for wheel in wheels:
        if not (kept / wheel.name).exists():
            fresh = kept / f"{wheel.name}.{os.getpid()}-{threading.get_ident()}"  # two layers may share a wheel
            fresh.write_bytes(wheel.read_bytes())
            fresh.replace(kept / wheel.name)
