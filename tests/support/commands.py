"""``starmend`` as somebody at a terminal gives it, in this process: exit code, standard output, standard error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cli.main import main
from cli.output import FINDINGS, FINE


@dataclass(frozen=True)
class CommandResult:
    """The answer of a command: exit code and both outputs."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The document that ``--json`` printed."""
        assert self.out, self.err
        return json.loads(self.out)


Command = Callable[..., CommandResult]


@contextmanager
def a_process_of_its_own() -> Iterator[None]:
    """What a command sets in its environment ends with it: else the next test's would speak to its emulator."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that gives one command after the other."""

    def give(*arguments: str) -> CommandResult:
        monkeypatch.setattr("sys.argv", ["starmend", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended, a_process_of_its_own():
            main()
        printed = capsys.readouterr()
        code = int(ended.value.code or 0)
        if "--json" in arguments and code in (FINE, FINDINGS):
            json.loads(printed.out)  # one document and nothing else, whatever there was to do
        return CommandResult(code, printed.out, printed.err)

    return give
