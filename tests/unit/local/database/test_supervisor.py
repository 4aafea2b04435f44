"""Parts of the process that runs PostgreSQL, without one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from local.database.supervisor import Files, find_binaries, stop_server, wait_until_ready

STUBBORN = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def test_the_wheel_holds_the_programs() -> None:
    assert {"initdb", "postgres"} <= {program.name for program in find_binaries().iterdir()}


def test_a_server_is_ready_when_its_own_status_says_so(tmp_path: Path) -> None:
    files = Files.below(tmp_path)
    files.data.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        lines = [str(server.pid), "", "", "5432", "", "", "", "ready   "]
        (files.data / "postmaster.pid").write_text("\n".join(lines))
        assert wait_until_ready(files, server, 5432)
        server.communicate(b"\n")
    assert not wait_until_ready(files, server, 5432)


def test_a_server_that_does_not_end_when_asked_is_ended(monkeypatch) -> None:
    monkeypatch.setattr("local.database.supervisor.STOP_SECONDS", 0.2)
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        began = time.monotonic()
        stop_server(server)
        assert server.returncode is not None
        assert time.monotonic() - began < 50
