"""A hot standby of the shared server, which may fall behind and take over."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pg8000.dbapi import Connection
from pg8000.dbapi import connect as connect_to
from tests.support.waiting import eventually

from local.database import Database
from local.database.privileges import before_exec, give_away
from local.database.supervisor import Files, find_binaries, start_on_a_free_port, stop_server


@dataclass(frozen=True)
class Standby:
    """It speaks plain text only."""

    primary: Database
    port: int

    def connect(self, dbname: str) -> Connection:
        """A session of the owner."""
        owner = self.primary.owner
        connection = connect_to(
            user=owner.user,
            password=owner.password,
            host=self.primary.host,
            port=self.port,
            database=dbname,
            ssl_context=False,
        )
        connection.autocommit = True
        return connection

    def fall_behind(self) -> None:
        """Take nothing more from the primary, and do not get it later."""
        self._run("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        eventually(lambda: not self._run("SELECT pid FROM pg_stat_wal_receiver"), within=10, every=0.01)

    def take_over(self) -> None:
        """Be a primary with what is here."""
        assert self._run("SELECT pg_promote()") == ([True],)

    def _run(self, *statements: str) -> tuple[list[object], ...]:
        connection = self.connect("postgres")
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else ()
        finally:
            connection.close()


@contextmanager
def standby(primary: Database) -> Iterator[Standby]:
    """It follows the primary and ends with the block. About two seconds."""
    folder = Path(tempfile.mkdtemp(prefix="starmend-standby-"))
    files, binaries = Files.below(folder), find_binaries()
    files.data.mkdir(mode=0o700)
    give_away(files.data)
    try:
        _copy(primary, files.data, binaries)
        server, port = start_on_a_free_port(files, binaries)
        try:
            yield Standby(primary, port)
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
