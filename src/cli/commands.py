"""The commands that there are; each is imported when it is given, so that help costs no imports."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where it is defined (``module:attribute``), and the first line of its help."""

    place: str
    summary: str

    def load(self, name: str) -> Any:
        """The command, its examples below its help; a group with all its commands."""
        module, _, attribute = self.place.partition(":")
        defined = getattr(importlib.import_module(module), attribute)
        if isinstance(defined, typer.Typer):
            group = typer.main.get_group(defined)
            group.name = name
            for command in group.commands.values():
                _show_examples(command)
            return group
        holder = typer.Typer(add_completion=False, rich_markup_mode=None)
        holder.command(name)(defined)
        command = typer.main.get_command(holder)
        _show_examples(command)
        return command


SECTIONS: dict[str, dict[str, Entry]] = {
    "Contracts and deployments": {
        "init": Entry("cli.init:init", "Make a project: contracts, an environment, an example of CI."),
        "contract": Entry("cli.contract:app", "Check, show and render the contracts."),
        "deploy": Entry("cli.deploy:app", "Put the pipeline into an AWS account, change it there, remove it."),
        "secret": Entry("cli.secret:app", "Fill the secrets that the contracts name."),
    },
    "On this machine": {
        "up": Entry("cli.local:up", "Start the local stack; on one that runs, apply what changed."),
        "down": Entry("cli.local:down", "Stop the local stack and remove what it left, its data too."),
        "local": Entry("cli.local:app", "Run the whole pipeline on this machine."),
    },
    "Looking": {
        "status": Entry("cli.status:status", "Say whether all is complete, and until when each table is."),
        "why": Entry("cli.stories:why", "Tell how a point or a row came to be, or why it is missing."),
        "trace": Entry("cli.stories:trace", "Tell what an object brought, and where its rows are now."),
        "alarms": Entry("cli.alarms:app", "See what the admins were called for; silence what is known."),
        "report": Entry("cli.report:report", "Write one HTML page that says whether numbers are complete."),
        "query": Entry("cli.query:query", "Ask Athena in SQL."),
        "tables": Entry("cli.tables:tables", "List the tables and views that can be queried."),
        "describe": Entry("cli.tables:describe", "Show a table's grain, key, partitions and columns."),
        "costs": Entry("cli.costs:costs", "Show what the deployment costs, by its own tags."),
    },
    "Running": {
        "extract": Entry("cli.extract:extract", "Take in what the sources have that is new, now."),
        "process": Entry("cli.process:process", "Process what has come in and has no receipt yet."),
        "backfill": Entry("cli.extract:backfill", "Bring in what the sources have of a range."),
        "reset": Entry("cli.reset:reset", "Forget how far a table's extraction has come; ask first."),
    },
    "Finding and healing": {
        "audit": Entry("cli.audit:audit", "Look for what is missing or broken; repair nothing."),
        "audits": Entry("cli.audits:app", "See the audits that there were, what each found and did."),
        "heal": Entry("cli.heal:heal", "Find, repair, prove: run the deployed auditor and watch it."),
        "verify": Entry("cli.verify:verify", "Prove the certificates again from the objects alone."),
        "proof": Entry("cli.proof:app", "Prove by signature that the past was not rewritten."),
    },
    "Mending": {
        "mirror": Entry("cli.mirror:app", "Keep Iceberg tables over the star's objects, for every engine."),
        "quarantine": Entry("cli.quarantine:app", "Look at refused lines, and process their objects again."),
        "replay": Entry("cli.replay:replay", "Process ingest objects again."),
        "rebuild": Entry("cli.warehouse:rebuild", "Make a table anew from the ingest objects alone."),
        "rollback": Entry("cli.warehouse:rollback", "Bring an earlier version of a partition back."),
        "vacuum": Entry("cli.warehouse:vacuum", "Remove objects that no reader can be reading."),
        "pause": Entry("cli.pauses:pause", "Pause a dataset: it is not asked for, and owes nothing new."),
        "resume": Entry("cli.pauses:resume", "Resume a dataset: it is asked for again, and catches up."),
        "run": Entry("cli.run:run", "Run a function's handler in this process, for the debugger."),
    },
}
# Names that commands had, which still give them.
FORMER: dict[tuple[str, ...], tuple[str, ...]] = {("local", "up"): ("up",), ("local", "down"): ("down",)}
ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


def by_its_name(arguments: Sequence[str]) -> list[str]:
    """The arguments, with a command's former name replaced by the one it has."""
    return [*FORMER.get(tuple(arguments[:2]), arguments[:2]), *arguments[2:]]


class Commands(MutableMapping[str, Any]):
    """Commands by name; looking one up imports it."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = ENTRIES[name].load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in ENTRIES

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


class Starmend(TyperGroup):
    """The command itself: a group whose help knows the commands without importing any."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write the commands by what they are for."""
        width = max(len(name) for name in ENTRIES)
        for section, entries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), entry.summary) for name, entry in entries.items()])


_HELP = """A self-healing star-schema pipeline: operate it, query it, prove it.

\b
Examples:
  starmend status
  starmend query "select * from dim_currency" --format csv
  starmend audit --dataset quotes --from 2026-11-20 --to 2026-11-21

Exit codes: 0 fine, 1 findings, 2 misuse or a bad contract, 3 failure.
"""


def command() -> Any:
    """The whole command, with nothing imported of what its commands do."""
    app = typer.Typer(
        cls=Starmend,
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_everywhere)
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"starmend {version('starmend')}")
        raise typer.Exit


def _everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show an error's traceback; goes with every command.")] = False,
) -> None: ...


def group(text: str) -> typer.Typer:
    """A command that has commands; ``text`` is the first line of its help."""
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


Body = Callable[..., None]


def examples(*lines: str) -> Callable[[Body], Body]:
    """Examples of a command, which its help shows as they are written here (without ``starmend``)."""

    def keep(body: Body) -> Body:
        body.examples = lines  # type: ignore[attr-defined]
        return body

    return keep


def examples_of(command: Any) -> tuple[str, ...]:
    """The examples of a loaded command, without ``starmend``."""
    return tuple(getattr(command.callback, "examples", ()))


def _show_examples(command: Any) -> None:
    lines = "\n".join(f"  starmend {example}" for example in examples_of(command))
    command.epilog = f"\b\nExamples:\n{lines}" if lines else None
