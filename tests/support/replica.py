"""A hot standby of the shared server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.database import Database
from local.database.privileges import before_exec, give_away
from local.database.supervisor import Files, find_binaries, start_on_a_free_port, stop_server


@contextmanager
def standby(primary: Database) -> Iterator[int]:
    """Its port (plain text only); it follows the primary and ends with the block. About two seconds."""
    folder = Path(tempfile.mkdtemp(prefix="starmend-standby-"))
    files, binaries = Files.below(folder), find_binaries()
    files.data.mkdir(mode=0o700)
    give_away(files.data)
    try:
        _copy(primary, files.data, binaries)
        server, port = start_on_a_free_port(files, binaries)
        try:
            yield port
        finally:
            stop_server(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(primary: Database, data: Path, binaries: Path) -> None:
    command = [str(binaries / "pg_basebackup"), "-D", str(data), "-R", "-X", "stream", "-c", "fast"]
    command += ["-h", primary.host, "-p", str(primary.direct_port), "-U", primary.user]
    subprocess.run(
        command,
        check=True,
        env={**os.environ, "PGPASSWORD": primary.password},
        preexec_fn=before_exec(),
        cwd=data,
        capture_output=True,
    )
