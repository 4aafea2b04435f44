"""``starmend init``: a project of one's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import examples
from cli.output import out


@examples("init", "init shop-pipeline")
def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder to make the project in; made where it is not there.")
    ] = Path(),
) -> None:
    """Make a project: contracts, an environment, an example of CI.

    Whatever is there stays untouched: it refuses a folder that holds any of it.
    """
    from deploy.project.files import project_files, refuse_existing, write_files

    refuse_existing(folder)
    files = project_files(folder, {}, year=dt.datetime.now(dt.UTC).year)
    write_files(files)
    for file in files:
        out.print(f"wrote {file}")
    out.print(f"next: {_entering(folder)}starmend contract check")


def _entering(folder: Path) -> str:
    return "" if folder.resolve() == Path.cwd() else f"cd {folder}, then: "
