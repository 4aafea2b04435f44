"""Running one command: the only place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer
from typer.exceptions import TyperException

from cli.commands import by_its_name, command
from core.errors import BadContract, Misuse, StarmendError, UnknownTable

USAGE, FAILURE, INTERRUPTED, CLOSED_PIPE = 2, 3, 130, 141
DEBUG = "--debug"


class ClosedPipe(Exception):
    """Whoever read the output has gone: nobody is there to be told of it."""


def run(arguments: Sequence[str]) -> int:
    """Give the command; its exit code. Only ``--debug`` lets a traceback be seen."""
    debug, given = _without_debug(arguments)
    _never_fail_to_encode()
    try:
        return _give(given)
    except ClosedPipe:
        _discard_output()
        return CLOSED_PIPE
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except TyperException as error:
        return _misused(error)
    except StarmendError as error:
        if debug:
            raise
        _complain(str(error))
        return USAGE if isinstance(error, BadContract | UnknownTable | Misuse) else FAILURE
    except Exception as error:
        if debug:
            raise
        problem = f"{type(error).__name__}: {error}".rstrip(": ")
        _complain(f"this should not have happened: {problem}. Give it again with --debug, and report what it prints")
        return FAILURE


def _give(arguments: Sequence[str]) -> int:
    try:
        code = command().main(args=by_its_name(arguments), prog_name="starmend", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ClosedPipe from error
    return code if isinstance(code, int) else 0


def _without_debug(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether ``--debug`` is among the options, wherever it stands before ``--``, and the arguments without it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != DEBUG]
    return len(options) < end, [*options, *arguments[end:]]


def _misused(error: TyperException) -> int:
    """Say what cannot be meant, and where help is."""
    context = getattr(error, "ctx", None)
    if context is None:
        _complain(error.format_message())
    elif type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error.format_message()}\n")
    else:
        _complain(f"{_ended(error.format_message())} Help: {context.command_path} --help")
    return USAGE


def _complain(text: str) -> None:
    line = " ".join(text.split("\n")) if "\n" in text else text
    with suppress(BrokenPipeError):
        sys.stderr.write(f"error: {line}\n")


def _never_fail_to_encode() -> None:
    """What the terminal's encoding does not have is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Let the interpreter's last flush go nowhere, which would complain of the pipe again."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def _ended(text: str) -> str:
    """The text as a sentence of its own."""
    return text if text.endswith(("?", "!", ".")) else f"{text}."
