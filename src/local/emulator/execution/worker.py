"""One execution environment as MiniStack's pool of workers knows it: start it, ask it, end it."""

from __future__ import annotations

import json
import os
import queue
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import new_uuid
from ministack.services import lambda_svc

from local.emulator.execution.bootstrap import END_OF_LOG, ERROR_KEY
from local.emulator.execution.memory import MIB, MemoryWatch, resident
from local.emulator.execution.python import BOOTSTRAP, ISOLATED, FunctionPython
from local.emulator.execution.unpacking import fingerprint, remove, unpacked
from local.emulator.execution.variables import function_variables
from local.processes import MARK

INIT_SECONDS = 10  # Lambda's, after which it starts again under the function's own time-out
READ_ONLY = "Sandbox.ReadOnlyFileSystem"

memory = MemoryWatch()
last = threading.local()  # of the invocation that this thread made: ``peak``, in bytes


@dataclass(frozen=True)
class Machine:
    """What all environments share: the Python, where layers stay unpacked, where code does until the emulator ends."""

    python: FunctionPython
    layers: Path
    code: Path


class InitFailed(RuntimeError):
    """The environment did not come up; ``error`` is the answer that Lambda gives, ``log`` what was printed."""

    def __init__(self, error: dict[str, Any], log: str) -> None:
        super().__init__(error["errorMessage"])
        self.error = error
        self.log = log


class Environment(lambda_runtime.Worker):  # type: ignore[misc]  # MiniStack has no types
    """A process with the function's code and layers, kept warm, and ended where Lambda would end it."""

    machine: Machine  # set once, by the patch

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        super().__init__(func_name, config, code_zip)
        self.memory_limit = int(config.get("MemorySize", 128)) * MIB
        self.retired = False
        self._over = 0
        self._request_id = ""
        self._started: Any = None
        self._proc: Any = None
        self._stderr_queue: queue.Queue[str] = queue.Queue()
        self._trees: dict[Path, int] = {}

    @property
    def pid(self) -> int | None:
        process = self._proc
        return process.pid if process is not None and process.poll() is None else None

    def kill(self, used: int) -> None:
        """End it as Lambda ends what needs more memory than it has."""
        process = self._proc
        self._over = max(self._over, used)
        if process is not None:
            process.send_signal(signal.SIGKILL)

    def retire(self) -> bool:
        """End with the invocation under way, because the function was changed; whether there is one."""
        self.retired = True  # first: an invocation that ends now sees it
        return bool(self._lock.locked())  # MiniStack holds it for as long as an invocation takes

    def invoke(self, event: Any, request_id: str, **rest: Any) -> dict[str, Any]:
        try:
            return self._answer(event, request_id, **rest)
        except BaseException:
            self.retired = True  # MiniStack has no more use for it
            raise
        finally:
            if self.retired:
                self._end()
                self._discard_tmpdir()

    def _answer(self, event: Any, request_id: str, **rest: Any) -> dict[str, Any]:
        self._over, self._request_id = 0, request_id
        with memory.over(self):
            try:
                result: dict[str, Any] = super().invoke(event, request_id, **rest)
            except InitFailed as failed:
                return {"status": "ok", "result": {ERROR_KEY: failed.error}, "cold_start": True, "log": failed.log}
        last.peak = self._over or resident(self._started.pid, peak=True)
        failure = self._failure(result)
        if failure is None:
            return result
        self._end()
        return {**result, "status": "ok", "result": {ERROR_KEY: failure}}

    def _failure(self, result: dict[str, Any]) -> dict[str, Any] | None:
        """Lambda's error where the environment has ended, or may not go on; not that of a handler or a time-out."""
        if last.peak > self.memory_limit:
            return self._exit(-signal.SIGKILL)
        if result.get("status") == "error":
            return None if "timed out" in str(result.get("error")) else self._exit(self._started.wait(timeout=60))
        if changed := self._changed_trees():
            return {"errorType": READ_ONLY, "errorMessage": f"[Errno 30] The function wrote below {changed}"}
        return None

    def _exit(self, code: int) -> dict[str, Any]:
        """Error of a process that has ended: negative codes are signals."""
        if code == 0:
            reason = "Runtime exited without providing a reason"
        elif code < 0:
            names = {-signal.SIGKILL: "killed", -signal.SIGTERM: "terminated", -signal.SIGSEGV: "segmentation fault"}
            reason = f"Runtime exited with error: signal: {names.get(code, str(-code))}"
        else:
            reason = f"Runtime exited with error: exit status {code}"
        return {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {self._request_id} Error: {reason}"}

    def _spawn(self) -> None:
        self._discard_tmpdir()
        self._tmpdir = tempfile.mkdtemp(prefix=f"ministack-lambda-{self.func_name}-")
        setup = self._setup(Path(self._tmpdir))
        process: Any = subprocess.Popen(
            [self.machine.python.executable, *ISOLATED, BOOTSTRAP],
            cwd=self._tmpdir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=self._variables(setup) | {name: os.environ[name] for name in (MARK,) if name in os.environ},
        )
        self._proc = self._started = process
        self._stderr_queue = queue.Queue()
        threading.Thread(target=_read_lines, args=(process.stderr, self._stderr_queue), daemon=True).start()
        with suppress(BrokenPipeError):  # it has ended already: there is no answer to read either
            process.stdin.write(json.dumps(setup) + "\n")
        self._await_ready(process)

    def _setup(self, folder: Path) -> dict[str, Any]:
        """The first line for the process: where everything is, inside its root or on the machine's own."""
        code = unpacked([self.code_zip], self.machine.code)
        zips = [
            content for layer in self.config.get("Layers") or () if (content := lambda_svc._resolve_layer_zip(layer))
        ]
        layers = unpacked(zips, self.machine.layers) if zips else None
        shut_in = not self.machine.python.open_because
        for name in ("root", "tmp"):
            (folder / name).mkdir()
        self._trees = {} if shut_in else {tree: fingerprint(tree) for tree in (code, layers) if tree}
        return {
            "root": str(folder / "root") if shut_in else None,
            "task": "/var/task" if shut_in else str(code),
            "opt": "/opt" if shut_in else str(layers or folder / "root"),
            "tmp": "/tmp" if shut_in else str(folder / "tmp"),
            "code": str(code),
            "layers": str(layers) if layers else None,
            "tmp_mb": int((self.config.get("EphemeralStorage") or {}).get("Size", 512)),
            "handler": self.config.get("Handler", "index.handler"),
            "function_name": self.config.get("FunctionName", ""),
            "memory": self.config.get("MemorySize", 128),
            "depth": [lambda_runtime.INVOKE_DEPTH_ENV, lambda_runtime.INVOKE_DEPTH_HEADER],
        }

    def _variables(self, setup: dict[str, Any]) -> dict[str, str]:
        _, region = lambda_runtime._account_region_from_function_config(self.config)
        variables = function_variables(
            self.config,
            region=region,
            credentials=lambda_runtime.execution_credentials(self.config),
            endpoint=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            task=setup["task"],
            version=self.machine.python.version,
        )
        variables["AWS_LAMBDA_LOG_STREAM_NAME"] = new_uuid()
        if setup["tmp"] != "/tmp":
            variables["TMPDIR"] = setup["tmp"]
        return variables

    def _await_ready(self, process: Any) -> None:
        seconds = max(INIT_SECONDS, float(self.config.get("Timeout", 3)))
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        answer = process.stdout.readline() if ready else None
        if answer is None:
            error = {"errorType": "Sandbox.Timedout", "errorMessage": f"Task timed out after {seconds:.2f} seconds"}
        elif not answer:
            error = self._exit(process.wait(timeout=60))
        else:
            reply = json.loads(answer)
            if reply["status"] == "ready":
                self._start_time = time.time()
                return
            error = json.loads(reply["error"])
        self._end()
        raise InitFailed(error, self._drain_stderr_bounded())

    def _changed_trees(self) -> Path | None:
        """Code or layers that differ from what was unpacked, which then are removed: the next environment unpacks anew.

        Only where the process is not shut in; elsewhere the system refuses the write itself.
        """
        changed = [tree for tree, before in self._trees.items() if fingerprint(tree) != before]
        for tree in changed:
            remove(tree)
        return changed[0] if changed else None

    def _drain_stderr_bounded(self, *_: Any, **__: Any) -> str:
        """All that was printed until the invocation's end, or the process's."""
        lines: list[str] = []
        deadline = time.monotonic() + 1
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._stderr_queue.get(timeout=left)
            except queue.Empty:
                break
            if line.endswith(END_OF_LOG):
                lines += [line.removesuffix(END_OF_LOG)] if line != END_OF_LOG else []
                break
            lines.append(line)
        return "\n".join(lines)

    def _end(self) -> None:
        process, self._proc = self._proc, None
        if process is not None:
            process.kill()
            process.wait(timeout=60)

    def _discard_tmpdir(self) -> None:
        if self._tmpdir:
            shutil.rmtree(self._tmpdir, ignore_errors=True)


def _read_lines(stream: Any, lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line.rstrip("\n"))
    lines.put(END_OF_LOG)
