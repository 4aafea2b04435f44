"""``starmend run``: run a function's handler in this process, for the debugger."""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment
from cli.output import print_json
from core.errors import Misuse

# What each event has to name, as the handlers read it.
NEEDED: Mapping[str, Mapping[str, object]] = {
    "extract": {"dataset": "sales"},
    "request": {"dataset": "quotes", "time": "2026-11-20T15:00:00Z"},
    "pull": {"Records": []},
    "process": {"Records": []},
    "check": {"dataset": "sales"},
}
HANDLERS = {
    "extract": "ingestion.extract.handler",
    "request": "ingestion.request.handler",
    "pull": "ingestion.pull.handler",
    "process": "processing.handler",
    "check": "ingestion.check.handler",
}
MILLISECONDS = 900_000  # Lambda's longest


@examples(
    """run extract '{"dataset": "sales"}'""",
    "run process event.json",
    "run pull - < event.json",
)
def run(
    function: Annotated[str, typer.Argument(help=f"One of: {', '.join(HANDLERS)}.")],
    event: Annotated[str, typer.Argument(help="The event: JSON, a file that holds it, or - for standard input.")],
    environment: Environment = DEFAULT,
) -> None:
    """Run a function's handler in this process, for the debugger.

    It gets what the deployment would tell it; what it answers is printed.
    """
    if function not in HANDLERS:
        raise Misuse("run", function, "no such function", f"Use one of: {', '.join(HANDLERS)}")
    parsed = _event(event)
    _check(function, parsed)
    deployed = deployment(environment)
    os.environ.update(deployed.function_environment)
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", function)
    with NamedTemporaryFile(suffix=".json") as contracts:
        contracts.write(deployed.contracts_text)
        contracts.flush()
        os.environ["STARMEND_CONTRACTS"] = contracts.name
        handler = importlib.import_module(HANDLERS[function]).handle
        print_json(handler(parsed, _context(function)))


def _event(text: str) -> object:
    if text == "-":
        text = sys.stdin.read()
    elif not text.lstrip().startswith(("{", "[")) and Path(text).exists():
        text = Path(text).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise Misuse("read event", text[:80], str(error), "Give JSON, a file, or -") from error


def _check(function: str, event: object) -> None:
    """Raise ``Misuse`` where the event lacks what the handler reads first."""
    needed = {} if function == "check" and isinstance(event, Mapping) and "job" in event else NEEDED[function]
    if not isinstance(event, Mapping):
        raise Misuse("run", function, "its event is no JSON object", f"Such as: {json.dumps(needed)}")
    if missing := [name for name in needed if name not in event]:
        raise Misuse("run", function, f"its event lacks {', '.join(missing)}", f"Such as: {json.dumps(needed)}")


def _context(function: str) -> types.SimpleNamespace:
    """Lambda's context, as far as the handlers and powertools read it."""
    return types.SimpleNamespace(
        function_name=function,
        memory_limit_in_mb=1024,
        invoked_function_arn=f"local:{function}",
        aws_request_id="command",
        get_remaining_time_in_millis=lambda: MILLISECONDS,
    )
