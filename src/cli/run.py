"""``starmend run``: run a function's handler in this process, for the debugger."""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from cli.deployed import DEFAULT, deployment
from cli.output import Environment, print_json
from core.errors import InvalidData

HANDLERS = {
    "extract": "ingestion.extract.handler",
    "request": "ingestion.request.handler",
    "pull": "ingestion.pull.handler",
    "process": "processing.handler",
    "check": "ingestion.check.handler",
}
MILLISECONDS = 900_000  # Lambda's longest


def run(
    function: Annotated[str, typer.Argument(help=f"One of: {', '.join(HANDLERS)}.")],
    event: Annotated[str, typer.Argument(help="The event: JSON, a file that holds it, or - for standard input.")],
    environment: Environment = DEFAULT,
) -> None:
    """Run a function's handler here, with what the deployment would tell it, and print what it answers."""
    if function not in HANDLERS:
        raise InvalidData("run", function, "no such function", f"Use one of: {', '.join(HANDLERS)}")
    deployed = deployment(environment)
    os.environ.update(deployed.function_environment)
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", function)
    with NamedTemporaryFile(suffix=".json") as contracts:
        contracts.write(deployed.contracts_text)
        contracts.flush()
        os.environ["STARMEND_CONTRACTS"] = contracts.name
        handler = importlib.import_module(HANDLERS[function]).handle
        print_json(handler(_event(event), _context(function)))


def _event(text: str) -> object:
    if text == "-":
        text = sys.stdin.read()
    elif not text.lstrip().startswith(("{", "[")) and Path(text).exists():
        text = Path(text).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidData("read event", text[:80], str(error), "Give JSON, a file, or -") from error


def _context(function: str) -> types.SimpleNamespace:
    """Lambda's context, as far as the handlers and powertools read it."""
    return types.SimpleNamespace(
        function_name=function,
        memory_limit_in_mb=1024,
        invoked_function_arn=f"local:{function}",
        aws_request_id="command",
        get_remaining_time_in_millis=lambda: MILLISECONDS,
    )
