"""``starmend init``: a project of one's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import examples
from cli.output import FINDINGS, FINE, out

Source = Annotated[str, typer.Option("--from", help="Propose contracts for a database: postgresql://user@host/name.")]
Sample = Annotated[
    str, typer.Option("--from-sample", help="Propose a feed from an answer in JSON: a file, or an address to ask.")
]


@examples(
    "init",
    "init shop-pipeline",
    "init shop --from postgresql://reader@db.example.org/shop",
    "init weather --from-sample answer.json",
)
def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder to make it in; this one unless another is named.")
    ] = Path(),
    source: Source = "",
    sample: Sample = "",
) -> None:
    """Make a project: contracts, an environment, an example of CI.

    Whatever is there stays untouched: it refuses a folder that holds any of it. With --from it reads the catalog of a
    database and some of its rows, and proposes contracts; with --from-sample it proposes a feed from one answer of an
    API. Each guess says why, and all of it is to be edited.
    """
    from cli.contract import print_problems
    from core.authoring.load import examine
    from deploy.project.files import project_files, refuse_existing, write_files

    now = dt.datetime.now(dt.UTC)
    refuse_existing(folder)
    files = project_files(folder, _proposed(source, sample, now), year=now.year)
    write_files(files)
    for file in files:
        out.print(f"wrote {file}")
    contracts, problems = examine(folder / "contracts", today=now.date())
    print_problems(problems)
    out.print(f"{len(list(contracts.tables()))} tables of the warehouse are promised")
    out.print(f"next: {_entering(folder)}starmend contract check")
    raise typer.Exit(FINDINGS if problems else FINE)


def _proposed(source: str, sample: str, now: dt.datetime) -> dict[str, str]:
    """The contracts by file name; none where nothing is named to propose them from."""
    from cli.proposing import propose_database, read_address
    from cli.sampling import propose_sample

    contracts = propose_database(read_address(source), now=now) if source else {}
    return contracts | (propose_sample(sample, now=now) if sample else {})


def _entering(folder: Path) -> str:
    return "" if folder.resolve() == Path.cwd() else f"cd {folder}, then: "
