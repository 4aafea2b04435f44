"""Ends of a command: exit codes, one line for an error, silence where somebody has gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer
from tests.support.commands import Command

from cli.commands import ENTRIES, Entry
from core.errors import BadContract, InvalidData, Misuse, NotDeployed, OutOfReach, PipelineBug, UnknownTable

SOURCES = Path(__file__).parents[3] / "src"


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A command ``end`` that raises what it is given."""

    def of(error: BaseException) -> None:
        def end() -> NoReturn:
            raise error

        holder = typer.Typer(rich_markup_mode=None, add_completion=False)
        holder.command("end")(end)
        monkeypatch.setattr(Entry, "load", lambda *_: typer.main.get_command(holder))

    monkeypatch.setitem(ENTRIES, "end", Entry("nowhere:end", "End."))
    return of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misuse("do", "it", "cannot be meant", "Mean it"), 2),
        (UnknownTable("find", "dim_nothing", "is unknown"), 2),
        (BadContract("read", "a.yaml: key", "is bad", "Write it"), 2),
        (InvalidData("read", "it", "is wrong"), 3),
        (NotDeployed("find", "dev", "is not there", "Deploy it"), 3),
        (OutOfReach("ask", "it", "does not answer"), 3),
        (PipelineBug("do", "it", "is impossible"), 3),
    ],
)
def test_an_error_of_ours_is_one_line_and_its_code(
    error: Exception, code: int, ends_with: Any, starmend: Command
) -> None:
    ends_with(error)
    said = starmend("end")
    assert (said.code, said.out, said.err) == (code, "", f"error: {error}\n")


def test_an_error_that_nobody_foresaw_is_one_line_too_and_its_traceback_is_there_for_who_asks(
    ends_with: Any, starmend: Command
) -> None:
    ends_with(KeyError("dataset"))
    said = starmend("end")
    assert (said.code, said.err.count("\n"), "Traceback" in said.err) == (3, 1, False)
    assert "KeyError: 'dataset'. Give it again with --debug" in said.err
    for given in (("--debug", "end"), ("end", "--debug")):
        with pytest.raises(KeyError, match="dataset"):
            starmend(*given)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_says_nothing(interruption: BaseException, ends_with: Any, starmend: Command) -> None:
    ends_with(interruption)
    said = starmend("end")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_a_mistyped_command_or_option_says_where_help_is(starmend: Command) -> None:
    said = starmend("quer")
    assert (said.code, said.err) == (
        2,
        "error: No such command 'quer'. Did you mean 'query'? Help: starmend --help\n",
    )
    said = starmend("audit", "--nothing")
    assert (said.code, said.err) == (2, "error: No such option: --nothing. Help: starmend audit --help\n")


@pytest.mark.parametrize("given", [("contract", "show", "--json"), ("--help",)])
def test_where_the_reader_has_gone_it_ends_in_silence(given: tuple[str, ...]) -> None:
    program = [sys.executable, "-c", "from cli.main import main; main()", *given]
    running = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=SOURCES.parent)
    assert running.stdout
    assert running.stderr
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() in (1, 141)
