"""Output of the command: tables for people, ``--json`` for programs, progress on long work, errors on one line."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli.rows.cells import is_number, said_cell
from cli.rows.table import Heading, table_lines
from core.errors import Misuse

if TYPE_CHECKING:
    from rich.progress import Progress

FINE, FINDINGS, USAGE, FAILURE = 0, 1, 2, 3
SHOWN = 10  # findings and the like that are shown of many

# Text is text: no markup, no emoji codes, no colours guessed from it, and no line is folded.
out = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
err = Console(markup=False, highlight=False, emoji=False, soft_wrap=True, stderr=True)


def say(text: str) -> None:
    """One line on standard error, however long it is."""
    err.print(text)


def width() -> int:
    """Columns of the terminal (``COLUMNS`` wins); 80 in a pipe."""
    return shutil.get_terminal_size(fallback=(80, 24)).columns


def show(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Rows as one table below its title, or as a JSON array; all rows have the same keys."""
    if as_json:
        print_json(rows)
        return
    out.print(title, style="bold")
    for line in said_lines(rows):
        sys.stdout.write(f"{line}\n")


def show_first(title: str, rows: Sequence[Mapping[str, Any]], *, total: str) -> None:
    """The first ten of many rows, and how many there are of them all: ``total`` says that in words."""
    show(title, rows[:SHOWN], as_json=False)
    shown = f"; the first {SHOWN} are shown, all of them: --json" if len(rows) > SHOWN else ""
    if rows:
        out.print(f"{total}{shown}")


def said_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a table of what a command has to say; ``nothing`` where that is nothing."""
    if not rows:
        yield "nothing"
        return
    headings = [
        Heading(name.replace("_", " "), numeric=any(is_number(row[name]) for row in rows)) for name in rows[0]
    ]  # fmt: skip
    cells = ([said_cell(value) for value in row.values()] for row in rows)
    yield from table_lines(headings, cells, width=width(), wrap=True)


def print_json(value: Any) -> None:
    """Decimals as text (exact), times as ISO 8601."""
    sys.stdout.write(json.dumps(value, indent=2, default=json_value) + "\n")


def json_value(value: Any) -> Any:
    """What JSON has no form for, as text that loses nothing."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "item"):  # a numpy scalar
        return value.item()
    return str(value)


def write_file(file: Path, text: str, *, operation: str) -> None:
    """Write a file that appears when it is whole, and its folder. Raises ``Misuse`` where it cannot be written."""
    fresh = file.parent / f"{file.name}.new"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)
    except (OSError, ValueError) as error:  # the latter: a name that none can be
        with suppress(OSError, ValueError):
            fresh.unlink(missing_ok=True)
        problem = getattr(error, "strerror", None) or str(error)
        raise Misuse(operation, str(file), problem, "Name a file that can be written") from error


class Steps:
    """Progress of long work: spinners and bars on a terminal, plain lines elsewhere."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    @contextmanager
    def step(self, title: str, *, total: int | None = None) -> Iterator[Step]:
        """Show a piece of work while it runs; where there is no terminal, print its seconds at its end."""
        if self._progress is None:
            began = dt.datetime.now(dt.UTC)
            yield Step(None, None)
            say(f"{title} ({(dt.datetime.now(dt.UTC) - began).total_seconds():.1f} s)")
            return
        task = self._progress.add_task(title, total=total)
        yield Step(self._progress, task)
        known = self._progress.tasks[self._progress.task_ids.index(task)].total or 1
        self._progress.update(task, total=known, completed=known)
        self._progress.stop_task(task)


class Step:
    """A running step of long work."""

    def __init__(self, progress: Progress | None, task: Any) -> None:
        self._progress, self._task = progress, task

    def update(self, *, done: int | None = None, total: int | None = None, title: str | None = None) -> None:
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total, description=title)


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress on standard error, so that standard output stays clean for ``--json``."""
    if not err.is_terminal:
        yield Steps(None)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield Steps(progress)
