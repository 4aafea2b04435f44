"""Lambda's Python runtime: execution environments made of the uploaded zips, error types, complete logs.

Restores, from the Lambda Developer Guide:

- "Runtime search path", "Lambda execution environment": a function finds its own code before its layers, layers before
  the runtime, and nothing else; code and layers are read-only, ``/tmp`` is as large as its ephemeral storage, more
  memory than it has ends it. Stock runs functions under MiniStack's own interpreter with all that is installed beside
  it (:mod:`local.emulator.execution`).
- "Lambda function errors in Python": the error's ``errorType`` is the exception's class name, so that Step Functions
  can ``Catch`` it by name; a module that cannot be imported is ``Runtime.ImportModuleError``, a result that is no JSON
  ``Runtime.MarshalError``, a process that ends ``Runtime.ExitError``. The environment survives an exception: the next
  invocation is warm (stock: every exception costs a cold start).
- Every line printed before the handler returned belongs to that invocation's log. Stock waits up to 50 ms for lines
  that may not come; a mark at the end of each invocation makes it exact, and a warm call ten times faster.
- "Invocations" while a function is updated: those under way end in the environment that they began in, with the code
  and the configuration of before (Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle").
  Stock ends the process, so that each deployment failed what was being processed.
- The log's REPORT line says the most memory that the environment had.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.emulator.execution.bootstrap import ERROR_KEY
from local.emulator.execution.memory import MIB
from local.emulator.execution.python import FunctionPython, function_python
from local.emulator.execution.worker import Environment, Machine, last
from local.emulator.patching import wrap
from local.emulator.settings import Settings

_invalidating = threading.local()  # ``now``: this thread lets go of environments because their function has changed


def apply(settings: Settings) -> None:
    temporary = Path(tempfile.gettempdir())
    Environment.machine = Machine(
        python=FunctionPython(**json.loads(settings.python)) if settings.python else function_python(),
        layers=Path(settings.layers) if settings.layers else temporary / "layers",
        code=temporary / "code",
    )
    wrap(lambda_runtime, "_worker_class_for", _environment_for)
    wrap(lambda_svc, "_execute_function_warm", _execute_with_error_types)
    wrap(lambda_svc, "_probe_peak_memory_mb", _peak_memory)
    for owner in (lambda_runtime, lambda_svc):  # which has the name of its own
        wrap(owner, "invalidate_worker", _invalidate)
    wrap(lambda_runtime, "kill_workers", _kill_workers)


def _environment_for(stock: Any, config: dict[str, Any]) -> Any:
    return Environment if str(config.get("Runtime", "python")).startswith("python") else stock(config)


def _execute_with_error_types(stock: Any, function: Any, event: Any, request_id: str) -> dict[str, Any]:
    last.peak = None
    result: dict[str, Any] = stock(function, event, request_id)
    body = result.get("body")
    if isinstance(body, dict) and ERROR_KEY in body:
        return _failed({**body[ERROR_KEY], "requestId": request_id}, result.get("log", ""))
    return result


def _invalidate(stock: Any, *args: Any, **kwargs: Any) -> None:
    """Let go of a function's environments: those at work end by themselves."""
    _invalidating.now = True
    try:
        stock(*args, **kwargs)
    finally:
        _invalidating.now = False


def _kill_workers(stock: Any, workers: Iterable[Any]) -> None:
    doomed = list(workers)
    if getattr(_invalidating, "now", False):
        doomed = [each for each in doomed if not (isinstance(each, Environment) and each.retire())]
    stock(doomed)


def _failed(body: dict[str, Any], log: str) -> dict[str, Any]:
    frames = "".join(body.get("stackTrace", ()))
    text = f"[ERROR] {body['errorType']}: {body['errorMessage']}\nTraceback (most recent call last):\n{frames}"
    return {"body": body, "error": True, "log": f"{log}\n{text}" if log else text}


def _peak_memory(stock: Any, function: Any) -> int:
    peak = getattr(last, "peak", None)
    return int(stock(function)) if peak is None else -(-peak // MIB)
