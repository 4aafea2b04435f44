"""Options that several commands share: one name, one meaning, one help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.completion import complete_dataset, complete_source
from cli.deployed import DEFAULT as DEFAULT
from cli.deployed import DEFAULT_FOLDER as DEFAULT_FOLDER

ENVIRONMENT = "Name of the environment: local, dev, prod, or another file of environments/."


def existing_folder(folder: Path) -> Path:
    """The folder as given; unless one is, that of the project, from wherever in it. Raises ``Misuse``."""
    from core.errors import Misuse
    from deploy.folders import contracts_folder

    if folder == DEFAULT_FOLDER and not folder.is_dir():
        folder = contracts_folder()
    if not folder.is_dir():
        remedy = "Go to a project's folder, or make one: starmend init; or name the folder: --contracts"
        raise Misuse("read contracts", str(folder), "there is no such folder", remedy)
    return folder


Environment = Annotated[str, typer.Option("--env", envvar="STARMEND_DEPLOYMENT", help=ENVIRONMENT)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Dataset = Annotated[str, typer.Option("--dataset", help="Only this dataset.", autocompletion=complete_dataset)]
Source = Annotated[
    str, typer.Option("--table", help="Only this source table of the dataset.", autocompletion=complete_source)
]
From = Annotated[
    str, typer.Option("--from", help="Begin of the range: a day or an instant, ISO 8601, UTC where it names no offset.")
]
To = Annotated[str, typer.Option("--to", help="End of the range, exclusive; written as --from.")]
Full = Annotated[bool, typer.Option("--full", help="All that there is, not only what is new or due.")]
AsDeployed = Annotated[
    bool, typer.Option("--as-deployed", help="Go by the deployed contract where the files here say something else.")
]
AllowDestroy = Annotated[
    bool, typer.Option("--allow-destroy", help="Carry out a plan that takes away what holds data or values.")
]
AllowFewer = Annotated[bool, typer.Option("--allow-fewer", help="Even where keys or newer rows would go.")]
Folder = Annotated[Path, typer.Option("--contracts", help="The folder of contracts.", callback=existing_folder)]
AtScale = Annotated[bool, typer.Option("--at-scale", help="By many functions at once, not here.")]
Resume = Annotated[str, typer.Option("--resume", help="Go on with this run at scale.", metavar="RUN")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
OUTPUT = "The file to write, instead of what is usual."
Output = Annotated[Path, typer.Option("--output", help=OUTPUT)]
LIMIT = "Show no more rows than this; 0: all of them."
Limit = Annotated[int, typer.Option("--limit", min=0, help=LIMIT)]
