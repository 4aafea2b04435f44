"""``starmend`` as somebody at a terminal gives it, in this process: exit code, standard output, standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that gives one command after the other."""

    def give(*arguments: str) -> CommandResult:
        monkeypatch.setattr("sys.argv", ["starmend", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = int(ended.value.code or 0)
        if "--json" in arguments and code in (FINE, FINDINGS):
            json.loads(printed.out)  # one document and nothing else, whatever there was to do
        return CommandResult(code, printed.out, printed.err)

    return give
