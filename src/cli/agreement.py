"""Agreement of whoever gives a command, before something is changed."""

from __future__ import annotations

import sys

import typer

from cli.output import FINE, say
from core.errors import Misuse


def able_to_agree(yes: bool, question: str) -> None:
    """Raise ``Misuse`` where ``--yes`` was not given and nobody is there to be asked."""
    if not (yes or sys.stdin.isatty()):
        raise Misuse("ask", question, "nobody can answer here", "Give --yes, or AUTO_APPROVE=1 to make")


def agree(yes: bool, question: str) -> None:
    """Ask, unless ``--yes`` was given; the command ends where the answer is no."""
    if yes:
        return
    able_to_agree(yes, question)
    if not typer.confirm(question, err=True):
        say("nothing was changed")
        raise typer.Exit(FINE)
