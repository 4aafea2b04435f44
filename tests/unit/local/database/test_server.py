from __future__ import annotations

import io
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from pg8000.dbapi import connect
from pg8000.exceptions import DatabaseError, InterfaceError
from tests.support.sources import Source
from tests.support.waiting import eventually

from core.errors import OutOfReach
from local.child import SOURCE_ROOT, is_running
from local.database import Database

pytestmark = pytest.mark.database


def _one(session, statement: str):
    cursor = session.cursor()
    cursor.execute(statement)
    return cursor.fetchone()[0]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _postmaster(folder: Path) -> int:
    return int((folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


def test_a_server_listens_on_loopback_only_and_asks_for_a_scram_password(server: Database) -> None:
    with server.connect() as session:
        assert _one(session, "show listen_addresses") == "127.0.0.1"
        assert _one(session, "show unix_socket_directories") == ""
        assert _one(session, "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = current_user")
    with pytest.raises(DatabaseError, match="password authentication failed"):
        connect(user=server.user, password="wrong", host=server.host, port=server.port, database=server.dbname)


def test_it_is_in_utc_and_can_hold_prepared_transactions(server: Database) -> None:
    with server.connect() as session:
        assert _one(session, "show timezone") == "UTC"
        assert int(_one(session, "show max_prepared_transactions")) > 0


def test_tls_is_spoken_with_a_certificate_that_clients_can_verify(server: Database) -> None:
    context = ssl.create_default_context(cafile=str(server.certificate))
    assert context.check_hostname
    for host in ("127.0.0.1", "localhost"):
        session = connect(
            user=server.user,
            password=server.password,
            host=host,
            port=server.port,
            database=server.dbname,
            ssl_context=context,
        )
        assert _one(session, "select 1") == 1
        session.close()


def test_a_client_whose_first_message_comes_with_the_last_of_its_handshake_is_heard(server: Database) -> None:
    """So it happens where the machine is busy, and only then: here both go out in one piece."""
    context = ssl.create_default_context(cafile=str(server.certificate))
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    with socket.create_connection((server.host, server.port), timeout=60) as client:
        client.sendall(struct.pack("!ii", 8, 80877103))
        assert client.recv(1) == b"S"
        tls = context.wrap_bio(came, goes, server_hostname=server.host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(goes.read())
                came.write(client.recv(1 << 16))
        settings = b"".join(one + b"\0" for one in (b"user", server.user.encode(), b"database", b"postgres"))
        tls.write(struct.pack("!ii", 9 + len(settings), 196_608) + settings + b"\0")
        client.sendall(goes.read())

        def answer() -> bytes:
            while True:
                try:
                    return tls.read(1 << 16)
                except ssl.SSLWantReadError:
                    came.write(client.recv(1 << 16))

        assert answer()[:1] == b"R"  # which authentication the server wants
        tls.write(b"p" + struct.pack("!i", 5) + b"\0")
        client.sendall(goes.read())
        assert answer()[:1] == b"E"  # it heard what is no answer to that


def test_a_client_that_does_not_trust_the_certificate_is_not_connected(server: Database) -> None:
    with pytest.raises((ssl.SSLError, InterfaceError)):
        connect(
            user=server.user,
            password=server.password,
            host=server.host,
            port=server.port,
            database=server.dbname,
            ssl_context=ssl.create_default_context(),
        )
    with server.connect() as session:
        assert _one(session, "select 1") == 1


def test_the_same_port_lets_plain_clients_in_and_the_direct_port_refuses_tls(server: Database) -> None:
    who = {"user": server.user, "password": server.password, "host": server.host, "database": server.dbname}
    plain = connect(**who, port=server.port, ssl_context=False)
    assert _one(plain, "select 1") == 1
    plain.close()
    with pytest.raises(InterfaceError, match="refuses SSL"):
        connect(**who, port=server.direct_port, ssl_context=ssl.create_default_context(cafile=str(server.certificate)))


def test_a_large_copy_comes_through_the_tls_port_unchanged(server: Database) -> None:
    received = io.BytesIO()
    with server.connect() as session:
        session.cursor().execute(
            "copy (select i, repeat('x', 100) from generate_series(1, 100000) i) to stdout", stream=received
        )
    lines = received.getvalue().split(b"\n")
    assert len(lines) == 100_001
    assert lines[99_999] == b"100000\t" + b"x" * 100


def test_the_extractor_reads_the_sources_tables_and_writes_nothing(sales: Source) -> None:
    session = sales.extractor()
    assert _one(session, "select count(*) from sales_order") == 200
    for statement in ("delete from payment", "create table mine (i int)", "update staff set last_name = 'x'"):
        with pytest.raises(DatabaseError, match="permission denied"):
            session.cursor().execute(statement)
        session.rollback()
    session.close()


def test_the_extractor_sees_when_other_sessions_transactions_began(sales: Source) -> None:
    busy, extractor = sales.owner(), sales.extractor()
    busy.cursor().execute("update department set location = 'elsewhere' where department_id = 1")
    pid = _one(busy, "select pg_backend_pid()")
    cursor = extractor.cursor()
    cursor.execute(
        "select usename, xact_start is not null, backend_xid is not null from pg_stat_activity where pid = %s", (pid,)
    )
    assert tuple(cursor.fetchone()) == (sales.server.user, True, True)
    busy.close()
    extractor.close()


def test_another_process_finds_the_server_and_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OutOfReach):
        Database.attach(tmp_path)
    started = Database.start(tmp_path)
    postmaster = _postmaster(tmp_path)
    program = (
        "import sys, pathlib; from local.database import Database\n"
        "print(Database.attach(pathlib.Path(sys.argv[1])).dsn)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(SOURCE_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == started.dsn
    Database.attach(tmp_path).stop()
    assert list(tmp_path.iterdir()) == []
    assert not _alive(postmaster)
    started.stop()
    with pytest.raises(OutOfReach):
        Database.attach(tmp_path)


def test_data_are_kept_when_asked_and_found_by_the_next_start(tmp_path: Path) -> None:
    first = Database.start(tmp_path)
    with first.connect() as session:
        session.cursor().execute("create table kept as select 42 as answer")
        session.commit()
    first.stop(keep_data=True)
    with Database.start(tmp_path) as second:
        session = second.connect()
        assert _one(session, "select answer from kept") == 42
        session.close()
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with Database.start(tmp_path) as first:
        with pytest.raises(OutOfReach, match="runs there already"):
            Database.start(tmp_path)
        session = first.connect()
        assert _one(session, "select 1") == 1
        session.close()


@pytest.mark.parametrize("detached", [False, True])
def test_a_server_dies_with_its_parent_unless_it_is_detached(tmp_path: Path, detached: bool) -> None:
    program = (
        "import os, pathlib, signal, sys; from local.database import Database\n"
        f"Database.start(pathlib.Path(sys.argv[1]), detached={detached})\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(SOURCE_ROOT)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    if detached:
        with Database.attach(tmp_path) as server, server.connect() as session:
            assert _one(session, "select 1") == 1
    else:
        eventually(lambda: not (tmp_path / "pgdata" / "postmaster.pid").exists(), within=15)
        eventually(lambda: not is_running(tmp_path / "database.json"), within=15)


def test_the_server_ends_even_when_its_keeper_is_killed(tmp_path: Path) -> None:
    server = Database.start(tmp_path)
    keeper = json.loads((tmp_path / "database.json").read_text())["pid"]
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: not (tmp_path / "pgdata" / "postmaster.pid").exists(), within=15)
    with pytest.raises(OutOfReach):
        Database.attach(tmp_path)
    server.stop()
    assert list(tmp_path.iterdir()) == []
