"""Child processes that end with their parent, or when they are stopped.

A child writes one state file with its address, and holds a lock on the file beside it for as long as it lives: the
kernel frees the lock however the child ends, so a state file whose lock is free is a leftover, and a process id is
never trusted without the lock (it may have been given to another process). A child ends on SIGTERM, or, unless it was
started detached, within a quarter of a second of its parent's end.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import OutOfReach, present
from local.processes import marked

SOURCE_ROOT = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.1


class Child:
    """A running process as its parent sees it, or another process that read its state file."""

    def __init__(self, state: Path, pid: int, facts: dict[str, Any], process: subprocess.Popen[bytes] | None) -> None:
        self.state = state
        self.pid = pid
        self.facts = facts
        self._process = process

    @classmethod
    def start(
        cls, module: str, arguments: Sequence[str], *, state: Path, detached: bool = False, within: float = 60
    ) -> Child:
        """Run ``python -m module --state FILE ...`` and wait until it says that it is ready.

        Raises :class:`OutOfReach`, with the end of the child's log, when it ends or stays silent for ``within`` s.
        """
        state = state.resolve()
        state.parent.mkdir(parents=True, exist_ok=True)
        log = state.with_suffix(".log")
        command = [sys.executable, "-m", module, "--state", str(state), *arguments]
        if not detached:
            command += ["--parent", str(os.getpid())]
        path = os.pathsep.join(filter(None, [str(SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]))
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": path, **marked(state.parent)},
                start_new_session=True,  # a Ctrl-C at the terminal is for the parent, which then stops its children
            )
        with present(process.stdout, "start", "the output of a child process") as output:
            ready, _, _ = select.select([output], [], [], within)
            line = output.readline() if ready else b""
        if not line:
            process.kill()
            process.wait()
            end = log.read_text(errors="replace")[-2000:]
            raise OutOfReach("start", module, "it ended" if ready else "it stayed silent", f"Its log {log} ends: {end}")
        return cls(state, process.pid, json.loads(line), process)

    @classmethod
    def attach(cls, state: Path) -> Child:
        """The child that wrote this state file; :class:`OutOfReach` when none runs."""
        state = state.resolve()
        if not state.exists() or not is_running(state):
            raise OutOfReach("attach", str(state), "nothing runs there", "Start it first")
        try:
            written = json.loads(state.read_text())
            return cls(state, written["pid"], written["facts"], None)
        except (ValueError, KeyError, TypeError) as error:
            raise OutOfReach("attach", str(state), f"is not whole: {error!r}", "End it and start it anew") from error

    def stop(self, *, within: float = 20) -> None:
        """End it and remove its state file, lock and log. Stopping what has stopped already is no error."""
        self._signal(signal.SIGTERM)
        if not self._has_ended(within):
            self._signal(signal.SIGKILL)
            self._has_ended(within)
        for file in (self.state, _lock_file(self.state), self.state.with_suffix(".log")):
            file.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
        elif is_running(self.state):
            os.kill(self.pid, number)

    def _has_ended(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            ended = self._process is None or self._process.poll() is not None
            if ended and not is_running(self.state):
                return True
            time.sleep(POLL_SECONDS / 5)
        return False


def is_running(state: Path) -> bool:
    """Whether the process that owns this state file lives."""
    try:
        with _lock_file(state).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Daemon:
    """A child from inside: :meth:`announce` its address, then work until :meth:`over`."""

    def __init__(self, state: Path, parent: int | None) -> None:
        self._state = state
        self._parent = parent
        self._stopped = False
        # Append, not write: the file may be another's, who is alive and holds the lock.
        self._lock = _lock_file(state).open("ab")
        if not self._locked():
            self._lock.close()
            raise SystemExit(f"{state}: a process runs there already")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def _locked(self) -> bool:
        # Whoever asks whether a process runs holds the lock for a moment: try more than once.
        for _ in range(10):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(POLL_SECONDS / 5)
            else:
                return True
        return False

    def announce(self, facts: dict[str, Any]) -> None:
        """Write the child's address into the state file (readable by its owner alone) and to the parent."""
        fresh = self._state.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({"pid": os.getpid(), "facts": facts}))
        fresh.replace(self._state)
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        # Whoever started us reads one line and closes the pipe: a later print must not end us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def over(self) -> bool:
        """Whether it is time to end: a signal came, or the parent has ended."""
        return self._stopped or (self._parent is not None and os.getppid() != self._parent)

    def wait(self) -> None:
        while not self.over():
            time.sleep(POLL_SECONDS)

    def leave(self) -> None:
        """Remove the state file and give the lock back. Last thing to do."""
        self._state.unlink(missing_ok=True)
        _lock_file(self._state).unlink(missing_ok=True)
        self._lock.close()


def _lock_file(state: Path) -> Path:
    return state.with_suffix(".lock")
