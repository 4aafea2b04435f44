"""docs/commands.md against the command itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.commands import command

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^### `starmend ([a-z -]+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = dict(SECTION.findall(PAGE))
EVERYWHERE = {"--help", "--json", "--env"}


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name, one in below.items():
        yield from walk(one, (*path, name))


COMMANDS = dict(walk(command()))


def options(command: click.Command) -> set[str]:
    return {name for param in command.params for name in param.opts if name.startswith("--")}


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_section_names_the_options_that_there_are(name: str) -> None:
    named = set(re.findall(r"--[a-z][a-z-]*", SECTIONS[name]))
    there = options(COMMANDS[name])
    assert there - EVERYWHERE <= named, "the page leaves options out"
    assert named <= there | {"--help"}, "the page names options that are not there"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help
    assert all(getattr(param, "help", None) for param in COMMANDS[name].params if isinstance(param, click.Option))


def test_the_targets_that_the_page_names_are_the_makefile_s() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", PAGE)) <= targets


def test_what_alarms_runbook_and_makefile_tell_people_to_type_exists() -> None:
    """A command that is not there would be no help at three at night."""
    files = [*(REPOSITORY / "terraform").rglob("*.tf"), *(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "Makefile"]
    unknown = {(file.name, words) for file in files for words in typed(file) if not exists(words)}
    assert unknown == set()


def typed(file: Path) -> set[tuple[str, ...]]:
    """The first words after ``starmend`` in a file; of a page, in its code alone."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        text = "\n".join(re.findall(r"`([^`]+)`", text))
    found = re.findall(r"(?:(?<!inject )\bstarmend|\$\(STARMEND\)) ([a-z]+)(?: ([a-z]+))?\b", text)
    return {tuple(word for word in words if word) for words in found}


def exists(words: tuple[str, ...]) -> bool:
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    if words[0] in groups:
        return len(words) == 1 or " ".join(words) in COMMANDS
    return words[0] in COMMANDS
