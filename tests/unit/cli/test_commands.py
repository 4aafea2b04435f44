"""The commands: help that imports nothing, examples that can be given, options with one meaning."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import Command

from cli.commands import ENTRIES, command, examples_of

REPOSITORY = Path(__file__).parents[3]
HEAVY = ("boto3", "botocore", "pyarrow", "numpy", "pandas", "pydantic", "yaml", "duckdb", "awswrangler", "requests")
HEAVY += ("exchange_calendars", "cryptography", "sqlglot", "psutil", "pg8000", "aws_lambda_powertools")


def walk(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(given, "commands"):
        yield path, given
        return
    for name, below in given.commands.items():
        yield from walk(below, (*path, name))


ALL = dict(walk(command()))


def imported_by(arguments: list[list[str]]) -> set[str]:
    """The modules that are there after these commands were given in a process of their own."""
    program = (
        "import sys\n"
        "from cli.running import run\n"
        f"for arguments in {arguments!r}:\n"
        "    assert run(arguments) == 0, arguments\n"
        "print('imported', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY / "src"
    )
    return set(done.stdout.rpartition("imported")[2].split())


def test_the_help_of_all_commands_imports_none_of_what_they_do_and_the_first_help_not_even_them() -> None:
    imported = imported_by([["--help"], ["--version"]])
    assert imported & {*HEAVY, "rich", "auditor", "processing", "ingestion", "aws", "deploy", "local"} == set()
    imported = imported_by([[*path, "-h"] for path in ALL])
    assert imported & set(HEAVY) <= {"pydantic"}, "typer reads a command's options with it"


def test_the_first_help_says_of_each_command_what_its_own_help_begins_with() -> None:
    for name, entry in ENTRIES.items():
        text = command().commands[name].help
        assert text.partition("\n")[0] == entry.summary, name
        assert len(entry.summary) <= 66, f"{name} does not fit beside its name"


@pytest.mark.parametrize("path", sorted(ALL), ids=" ".join)
def test_every_command_has_examples_which_its_help_shows_and_which_can_be_given(
    path: tuple[str, ...], starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = starmend(*path, "--help")
    assert (shown.code, shown.err) == (0, "")
    monkeypatch.chdir(REPOSITORY)  # where --contracts has its folder
    assert examples_of(ALL[path])
    for example in examples_of(ALL[path]):
        assert f"  starmend {example}\n" in shown.out
        words = shlex.split(example.partition(" <")[0])
        assert tuple(words[: len(path)]) == path
        arguments = [word if word != "other/contracts" else "contracts" for word in words[len(path) :]]
        ALL[path].make_context("starmend", arguments)


def test_an_option_means_the_same_wherever_it_is() -> None:
    meanings: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path, given in ALL.items():
        for param in given.params:
            for name in param.opts:
                if name.startswith("-") and (path, name) != (("init",), "--from"):  # what a project is made from
                    meanings[name].add((str(param.nargs), param.help))
    assert {name: said for name, said in meanings.items() if len(said) > 1} == {}


def test_every_help_is_as_wide_as_a_terminal_of_80_columns(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for path in ((), *ALL):
        example_lines = {f"    starmend {example}" for example in (examples_of(ALL[path]) if path else ())}
        wide = [line for line in starmend(*path, "--help").out.splitlines() if len(line) > 80]
        assert set(wide) <= example_lines, path
