"""docs/your-own-data.md: each of its commands is one, and a project comes of the first of them.

``tests/scenarios/test_your_own_data.py`` types all of them on a stack.
"""

from __future__ import annotations

import datetime as dt
import shlex
from pathlib import Path

import click
import pytest
from tests.support.commands import Command, commands
from tests.support.extraction import scratch_database
from tests.support.foreign_databases import foreign_database
from tests.support.public_apis import Api, answering
from tests.support.scripted_server import scripted_server
from tests.support.sources import shared_server
from tests.support.typed_pages import commands_of, exported

from cli.commands import by_its_name, command
from core.authoring.load import load

PAGE = Path(__file__).parents[3] / "docs/your-own-data.md"
COMMANDS = [line for line in commands_of(PAGE) if line.startswith("starmend ")]
OTHERS = ("starmend", "export", "cd", "pipx")
SEED = 8


@pytest.mark.parametrize("line", dict.fromkeys(COMMANDS))
def test_each_command_of_the_page_can_be_meant(line: str) -> None:
    words = by_its_name(shlex.split(line)[1:])
    found: click.Command = command()
    while below := getattr(found, "commands", None):
        assert words[0] in below, f"no such command: {words[0]}"
        found, words = below[words[0]], words[1:]
    found.make_context(found.name, list(words))  # refuses options and arguments that there are not


def test_the_page_types_nothing_that_its_reader_was_not_given() -> None:
    lines = commands_of(PAGE)
    assert {line.partition(" ")[0] for line in lines} == set(OTHERS)
    named = {name for line in lines for name in exported(line)}
    asked = {word.strip('"') for line in lines for word in line.replace("fact_$", "$").split() if "$" in word}
    assert {word.lstrip("$") for word in asked if word.lstrip("$").isidentifier()} <= named


@pytest.mark.database
def test_a_project_comes_of_the_page_s_first_commands_for_a_database_and_an_api_that_nobody_has_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    starmend: Command = commands(monkeypatch, capsys)
    server = shared_server()
    dump = foreign_database(SEED, reader=server.extractor.user)
    api = Api(dt.datetime.now(dt.UTC), 3600)
    monkeypatch.chdir(tmp_path)
    with scratch_database(*dump.statements) as database, scripted_server(answering("open_meteo", api, str)) as served:
        reader = f"{server.extractor.user}:{server.extractor.password}@{server.host}:{server.direct_port}"
        given = {"DATABASE": f"postgresql://{reader}/{database.dbname}", "ANSWER": answer_address(served.url)}
        for line in COMMANDS[: COMMANDS.index("starmend contract show") + 1]:
            words = [given.get(word.removeprefix("$"), word) for word in shlex.split(line)]
            said = starmend(*words[1:])
            assert said.code == 0, f"{line}: {said.out}{said.err}"
            if words[1] == "init":
                monkeypatch.chdir(tmp_path / "shop")
    assert {file.name for file in Path("contracts").iterdir()} == {f"{database.dbname}.yaml", "n_127_0_0_1.yaml"}
    contract = load(Path("contracts"), today=dt.datetime.now(dt.UTC).date()).dataset(database.dbname)
    assert len(contract.needed_source.tables) == len(dump.tables), "all but the one that has no key"


def answer_address(url: str) -> str:
    """The address of an answer with two days of hours, ten days ago."""
    first = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=10)
    days = f"start_date={first}&end_date={first + dt.timedelta(days=1)}"
    return f"{url}/v1/archive?latitude=51.47&longitude=-0.45&hourly=temperature_2m,precipitation&{days}"
