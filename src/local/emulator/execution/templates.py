"""Templates: processes that hold what environments import of their layers, and are copied where one would start anew.

An environment imports hundreds of modules before its handler is ready, a second of the processor's time. It says which
of them came from its layers; the next one with the same code, layers and modules is forked from a process that has
imported exactly those, as shut in as an environment is. So no environment has a module in its memory that it would not
have imported itself, and whatever is the function's own (its code, variables, streams, ``/tmp``) is new in each.

Only where Linux hands the orphans of a descendant to this process (``PR_SET_CHILD_SUBREAPER``): elsewhere, and wherever
a template does not come up, environments start anew.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_READY_SECONDS, _FORK_SECONDS = 60, 20
_KEPT = 8  # templates, of some 80 MB each: what code of before had goes when that of now needs its place

Start = Callable[[socket.socket], "subprocess.Popen[bytes]"]


class Fork:
    """A process forked from a template, as far as the emulator uses ``subprocess.Popen``: it is our child as well."""

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = os.fdopen(stdin, "w", buffering=1, encoding="utf-8")
        self.stdout = os.fdopen(stdout, encoding="utf-8")
        self.stderr = os.fdopen(stderr, encoding="utf-8")
        self._handle = os.pidfd_open(pid)
        self._reaping = threading.Lock()

    def poll(self) -> int | None:
        with self._reaping:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
                    os.close(self._handle)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None:
            select.select([self._handle], [], [], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"function {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Template:
    """A process that waits to be copied; it ends when its socket is closed, as it is when this process ends."""

    def __init__(self, start: Start, setup: Mapping[str, Any], modules: Sequence[str]) -> None:
        self._folder = tempfile.mkdtemp(prefix="template-")  # its own: an environment's goes with the environment
        (root := Path(self._folder) / "root").mkdir()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = start(theirs)
        self._asking = threading.Lock()
        self._socket.settimeout(_READY_SECONDS)
        try:
            shut_in = {"root": str(root) if setup["root"] else None}
            self._answer({"setup": {**setup, **shut_in}, "modules": list(modules)})
        except BaseException:
            self.end()
            raise
        self._socket.settimeout(_FORK_SECONDS)

    def fork(self, setup: Mapping[str, Any], variables: Mapping[str, str]) -> Fork:
        """A copy with its own streams and these variables; raises ``OSError`` where there is none."""
        pipes = [os.pipe() for _ in range(3)]
        (stdin, our_in), (our_out, stdout), (our_err, stderr) = pipes
        try:
            with self._asking:
                answer = self._answer({"setup": dict(setup), "variables": dict(variables)}, stdin, stdout, stderr)
            return Fork(int(answer["pid"]), our_in, our_out, our_err)
        except BaseException:
            for end in (our_in, our_out, our_err):
                os.close(end)
            raise
        finally:
            for end in (stdin, stdout, stderr):
                os.close(end)

    def end(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, message: Mapping[str, Any], *descriptors: int) -> dict[str, Any]:
        socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], descriptors)
        said = b""
        while not said.endswith(b"\n"):
            part = self._socket.recv(65536)
            if not part:
                raise OSError("the template has ended")
            said += part
        return dict(json.loads(said))


@dataclass
class _Place:
    """Where one template is, once it was tried to make it: None where there will be none."""

    template: Template | None = None
    tried: bool = False
    making: threading.Lock = field(default_factory=threading.Lock)


class Templates:
    """What handlers were seen to import, and the templates that came of it; safe to share between threads."""

    def __init__(self) -> None:
        self._modules: dict[tuple[str, ...], Sequence[str]] = {}  # by code, layers and handler; in their order
        self._places: dict[tuple[str, str, frozenset[str]], _Place] = {}  # the last used is the last
        self._guard = threading.Lock()

    def learn(self, setup: Mapping[str, Any], modules: Sequence[str]) -> None:
        """Keep what an environment that is ready had imported from its layers."""
        if modules and setup["layers"]:
            with self._guard:
                self._modules.setdefault(_handler_of(setup), tuple(modules))

    def find(self, setup: Mapping[str, Any], start: Start) -> Template | None:
        """The template for an environment like this; made where one like it was seen before, else None."""
        modules = self._modules.get(_handler_of(setup))
        if not modules or not _is_parent_of_orphans():
            return None
        place = self._place(str(setup["code"]), str(setup["layers"]), frozenset(modules))
        with place.making:
            if not place.tried:
                place.tried = True
                with suppress(OSError, ValueError):
                    place.template = Template(start, setup, modules)
            return place.template

    def forget(self, template: Template) -> None:
        """End a template that answers no more; environments like it start anew from now on."""
        with self._guard:
            for place in self._places.values():
                if place.template is template:
                    place.template = None
        template.end()

    def end(self) -> None:
        """End them all."""
        for place in list(self._places.values()):
            if place.template:
                self.forget(place.template)

    def _place(self, *key: Any) -> _Place:
        with self._guard:
            self._places[key] = place = self._places.pop(key, None) or _Place()
            oldest = list(self._places)[:-_KEPT]
            gone = [self._places.pop(each).template for each in oldest]
        for template in gone:
            if template:
                template.end()
        return place


@cache
def _is_parent_of_orphans() -> bool:
    """Whether this process is made one that has what its descendants leave behind."""
    able = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
    return able and ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def _handler_of(setup: Mapping[str, Any]) -> tuple[str, ...]:
    return str(setup["code"]), str(setup["layers"]), str(setup["handler"])
