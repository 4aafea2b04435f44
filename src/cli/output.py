"""Output of the command: tables for people, ``--json`` for programs, progress on long work, errors on one line."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

FINE, FINDINGS, USAGE, FAILURE = 0, 1, 2, 3

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Environment = Annotated[
    str, typer.Option("--env", envvar="STARMEND_DEPLOYMENT", help="The deployment to speak to: local, dev, prod.")
]

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """One line on standard error, however long it is."""
    err.print(text, highlight=False, markup=False, soft_wrap=True)


def show(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Rows as one table, or as a JSON array; all rows have the same keys."""
    if as_json:
        print_json(rows)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in rows[0] if rows else ("nothing",):
        numeric = bool(rows) and isinstance(rows[0][name], int | Decimal | float)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*[_cell(value) for value in row.values()])
    out.print(table)


def print_json(value: Any) -> None:
    """Decimals as text (exact), times as ISO 8601."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "item"):  # a numpy scalar
        return value.item()
    return str(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


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
            err.print(f"{title} ({(dt.datetime.now(dt.UTC) - began).total_seconds():.1f} s)", highlight=False)
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
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield Steps(progress)
