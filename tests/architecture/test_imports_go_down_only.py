"""The rooms of the house and the direction of their imports (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
ROOMS = ("core", "aws", "ingestion", "processing", "auditor", "cli", "local")
LAMBDAS = {"ingestion", "processing", "auditor"}
MAY_IMPORT = {
    "core": set(),
    "aws": {"core"},
    "ingestion": {"core"},
    "processing": {"core"},
    "auditor": {"core"},
    "cli": {"core", "aws", "local", *LAMBDAS},
    "local": {"core", "aws", "cli", *LAMBDAS},
}
# The shell of a function: its entry, and the one place that builds its clients.
SHELLS = ("handler.py", "runtime.py")


def files() -> list[Path]:
    return sorted(path for room in ROOMS for path in (SRC / room).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(SRC)} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SRC)))
def test_a_room_imports_only_from_rooms_below(path: Path) -> None:
    room = path.relative_to(SRC).parts[0]
    allowed = MAY_IMPORT[room] | {room}
    if room in LAMBDAS and path.name in SHELLS:
        allowed = allowed | {"aws"}
    wrong = [name for name in imported(path) if name.split(".")[0] in ROOMS and name.split(".")[0] not in allowed]
    assert not wrong


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SRC)))
def test_only_the_aws_room_and_the_local_stack_know_the_sdk(path: Path) -> None:
    room = path.relative_to(SRC).parts[0]
    if room in ("aws", "local"):
        return
    sdk = {"boto3", "botocore", "s3transfer"}
    assert not [name for name in imported(path) if name.split(".")[0] in sdk]


def clock_and_environment_reads(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text in ("os.environ", "os.getenv", "time.time", "datetime.now", "dt.datetime.now", "date.today"):
                found.append(f"{node.lineno}: {text}")
    return found


@pytest.mark.parametrize("path", sorted((SRC / "core").rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_core_knows_no_clock_and_no_environment(path: Path) -> None:
    assert not clock_and_environment_reads(path)


def test_every_handler_is_thin() -> None:
    handlers = [path for path in files() if path.name == "handler.py"]
    assert handlers
    long = {path.relative_to(SRC): len(path.read_text().splitlines()) for path in handlers}
    assert {path: lines for path, lines in long.items() if lines >= 40} == {}
