"""Lambda's Python runtime: error types, module search path, and logs that are complete when the answer is.

Restores, from the Lambda Developer Guide:

- "Lambda function errors in Python": the error's ``errorType`` is the exception's class name, so that Step Functions
  can ``Catch`` it by name; a module that cannot be imported is ``Runtime.ImportModuleError``, a result that is no JSON
  ``Runtime.MarshalError``, a process that ends ``Runtime.ExitError``. The environment survives an exception: the next
  invocation is warm (stock: every exception costs a cold start).
- "Runtime search path": the function's own code comes before its layers, and layers before the runtime's packages.
  This project's source tree, which the virtual environment would otherwise offer to every function, is not on it, and
  of the environment's packages only those of :mod:`local.emulator.lambda_packages` are, where the setting says so.
- Every line printed before the handler returned belongs to that invocation's log. Stock waits up to 50 ms for lines
  that may not come; a mark at the end of each invocation makes it exact, and a warm call ten times faster.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.emulator.lambda_packages import lay_out
from local.emulator.patching import edit, wrap
from local.emulator.settings import Settings

SOURCE_ROOT = Path(__file__).resolve().parents[3]
END_OF_LOG = "\x1e end of invocation"
ERROR_KEY = "\x1e error"

_SEARCH_PATH = f"""
    _layers = [d for d in os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep) if d]
    _foreign = {{{str(SOURCE_ROOT)!r}, os.path.dirname(code_dir), code_dir, *_layers}}
    _kept = [p for p in sys.path if p not in _foreign and p not in _ms_installed]
    sys.path[:] = [code_dir, *_kept, *_ms_packages]
    _ms_install_invoke_depth()
"""

_FAILURE = f"""
    def _failure(error, kind=None, message=None):
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        kind, message = kind or type(error).__name__, message or str(error)
        return {{"errorType": kind, "errorMessage": message, "stackTrace": frames}}

    def _invoke(event, context):
        try:
            result = handler_fn(event, context)
        except Exception as e:
            return {{"status": "ok", "result": {{{ERROR_KEY!r}: _failure(e)}}}}
        try:
            json.dumps(result)
        except (TypeError, ValueError) as e:
            message = "Unable to marshal response: " + str(e)
            return {{"status": "ok", "result": {{{ERROR_KEY!r}: _failure(e, "Runtime.MarshalError", message)}}}}
        return {{"status": "ok", "result": result}}
"""


def apply(settings: Settings) -> None:
    script = _packages(settings) + lambda_runtime._PYTHON_WORKER_SCRIPT
    script = edit(script, "\n    _ms_install_invoke_depth()\n", _SEARCH_PATH + _FAILURE)
    script = edit(
        script,
        """    except Exception as e:
        _real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")""",
        """    except Exception as e:
        missing = isinstance(e, ImportError)
        message = "Unable to import module %r: %s" % (module_name, e) if missing else str(e)
        failure = _failure(e, "Runtime.ImportModuleError" if missing else None, message)
        _real_stdout.write(json.dumps({"status": "error", "error": json.dumps(failure)}) + "\\n")""",
    )
    script = edit(
        script,
        """        try:
            result = handler_fn(event, context)
            _real_stdout.write(json.dumps({"status": "ok", "result": result}) + "\\n")
        except Exception as e:
            _real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()}) + "\\n")
""",  # noqa: E501
        f"""        _ms_answer = _invoke(event, context)
        sys.stderr.write({END_OF_LOG + chr(10)!r})
        sys.stderr.flush()
        _real_stdout.write(json.dumps(_ms_answer) + "\\n")
""",
    )
    lambda_runtime._PYTHON_WORKER_SCRIPT = script
    wrap(lambda_runtime.Worker, "_drain_stderr_bounded", _drain_to_mark)
    wrap(lambda_svc, "_execute_function_warm", _execute_with_error_types)


def _packages(settings: Settings) -> str:
    """Python code that takes the environment's packages off the path and puts the function's packages there."""
    if not settings.packages:
        return "_ms_installed, _ms_packages = [], []\n"
    folder = str(lay_out(Path(settings.packages)))
    installed = [path for path in sys.path if {"site-packages", "dist-packages"} & set(Path(path).parts)]
    return f"_ms_installed, _ms_packages = {installed!r}, {[folder]!r}\n"


def _drain_to_mark(stock: Any, worker: Any, *args: Any, **kwargs: Any) -> str:
    if not str(worker.config.get("Runtime", "python")).startswith("python"):
        return str(stock(worker, *args, **kwargs))
    lines: list[str] = []
    deadline = time.monotonic() + 1
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = worker._stderr_queue.get(timeout=left)
        except queue.Empty:
            break
        if line == END_OF_LOG:
            break
        lines.append(line)
    return "\n".join(lines)


def _execute_with_error_types(stock: Any, function: Any, event: Any, request_id: str) -> dict[str, Any]:
    result: dict[str, Any] = stock(function, event, request_id)
    body = result.get("body")
    if isinstance(body, dict) and ERROR_KEY in body:
        return _failed({**body[ERROR_KEY], "requestId": request_id}, result.get("log", ""))
    if not result.get("error") or not isinstance(body, dict):
        return result
    message = str(body.get("errorMessage", ""))
    if message.startswith("Worker init failed: {"):
        return _failed(json.loads(message.removeprefix("Worker init failed: ")), result.get("log", ""))
    if message.startswith(("Worker process died", "Worker process exited", "Worker returned no response")):
        body = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: Runtime exited"}
        return _failed(body, result.get("log", ""))
    return result


def _failed(body: dict[str, Any], log: str) -> dict[str, Any]:
    frames = "".join(body.get("stackTrace", ()))
    text = f"[ERROR] {body['errorType']}: {body['errorMessage']}\nTraceback (most recent call last):\n{frames}"
    return {"body": body, "error": True, "log": f"{log}\n{text}" if log else text}
