from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.fakes.secrets import MemorySecrets
from tests.support.extraction import SECRET, ScratchDatabase, scratch_database
from tests.support.relay import cut_after, silenced
from tests.support.sources import shared_server
from tests.support.waiting import eventually

from core.errors import InvalidData, OutOfReach, PipelineBug, TransientFailure, UnknownTable
from ingestion.engines.failures import AuthenticationFailed, StatementTimeOut
from ingestion.engines.port import Timeouts
from ingestion.engines.postgresql.select import COPY_OPTIONS
from ingestion.engines.postgresql.session import PostgresConnector

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def database() -> Iterator[ScratchDatabase]:
    with scratch_database("CREATE TABLE thing (id int PRIMARY KEY)", "CREATE TABLE hidden (id int)") as database:
        database.run(f"REVOKE ALL ON hidden FROM {shared_server().extractor.user}")
        yield database


def copy(rows: str) -> str:
    return f"COPY (SELECT row_to_json(t) FROM ({rows}) AS t) TO STDOUT {COPY_OPTIONS}"


def test_a_session_is_in_utc_read_only_and_named(database: ScratchDatabase) -> None:
    session = database.session()
    settings = ("TimeZone", "DateStyle", "transaction_read_only", "client_encoding", "application_name")
    values = [session.query(f"SHOW {name}")[0][0] for name in settings]
    assert values == ["UTC", "ISO, YMD", "on", "UTF8", "starmend-extract"]
    session.close()
    session.close()


def test_nothing_of_a_session_stays_behind_its_transactions(database: ScratchDatabase) -> None:
    """A pool that shares its servers by transaction would leave it to others: an application that may not write."""
    with closing(database.session()) as session:
        list(session.copy(copy("SELECT 1 AS n")))
        assert session.query("SHOW row_security") == [["off"]]
        assert session._connection is not None
        for name, value in (
            ("row_security", "on"),
            ("default_transaction_read_only", "off"),
            ("statement_timeout", "0"),
        ):
            assert session._connection.execute_simple(f"SHOW {name}").rows == [[value]]
        assert [*session._connection.notices] == []


def test_what_a_role_sets_for_itself_changes_nothing(database: ScratchDatabase) -> None:
    """A time-out of transactions ended each long first load, and quoted names of types were types that nobody knew."""
    role = f"ALTER ROLE {shared_server().extractor.user} IN DATABASE {database.dbname}"
    settings = {
        "statement_timeout": "100",
        "lock_timeout": "100",
        "quote_all_identifiers": "on",
        "bytea_output": "escape",
    }
    if int(database.rows("SHOW server_version_num")[0][0]) >= 170_000:
        settings["transaction_timeout"] = "100"
    database.run(*[f"{role} SET {name} = {value}" for name, value in settings.items()])
    try:
        with closing(database.session()) as session:
            lines = [line for batch in session.copy(copy("SELECT pg_sleep(0.2), 'x'::bytea AS b")) for line in batch]
            assert lines == [b'{"pg_sleep":"","b":"\\\\x78"}\n']
            assert session.query("SELECT format_type('text'::regtype, -1), pg_sleep(0.2)::text") == [["text", ""]]
            assert session.query("SHOW lock_timeout") == [["0"]]
    finally:
        database.run(f"{role} RESET ALL")


def test_nothing_can_be_written(database: ScratchDatabase) -> None:
    with pytest.raises(PipelineBug, match="read-only"):
        database.session().query("INSERT INTO thing VALUES (1)")


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full", "disable"])
def test_every_mode_of_the_secret_connects(database: ScratchDatabase, mode: str) -> None:
    session = database.session(sslmode=mode)
    assert session.query("SELECT 1") == [[1]]
    session.close()


def test_a_certificate_that_nobody_trusts_is_refused_with_the_remedy(database: ScratchDatabase) -> None:
    with pytest.raises(OutOfReach, match="sslrootcert"):
        database.session(sslmode="verify-full", sslrootcert=None)


def test_a_server_without_tls_is_not_spoken_to(database: ScratchDatabase) -> None:
    with pytest.raises(OutOfReach, match=r"refuses SSL.* sslmode says disable"):
        database.session(sslmode="require", sslrootcert=None, port=shared_server().direct_port)


# ---------------------------------------------------------------- out of reach


def test_a_database_that_is_not_there_is_out_of_reach_and_named(database: ScratchDatabase) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match=f"127.0.0.1:{port}"):
        database.session(port=port)
    with pytest.raises(OutOfReach, match="does not exist"):
        database.session(dbname="nowhere")


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with scratch_database() as database, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        secrets = MemorySecrets(**{SECRET: database.secret(port=silent.getsockname()[1])})
        with pytest.raises(OutOfReach, match="no answer in time"):
            PostgresConnector(secrets, SECRET, timeouts=Timeouts(connect=0.1)).open()


def test_a_server_that_falls_silent_is_given_up_when_the_time_is_over(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fail-over may close no connection: the function was killed, and nobody heard why."""
    monkeypatch.setattr("ingestion.engines.postgresql.session._GRACE", 0.05)
    with silenced(shared_server().direct_port) as (port, silence):
        session = database.session(port=port, sslmode="disable")
        session.allow(60)
        assert session.query("SELECT 1") == [[1]]
        silence.set()
        session.allow(0.1)
        with pytest.raises(OutOfReach, match="no answer in time"):
            session.query("SELECT 1")
        assert session.closed


def test_a_server_is_asked_whether_it_still_lives(database: ScratchDatabase) -> None:
    with closing(database.session()) as session:
        assert session._connection is not None
        tcp = session._connection._usock
        assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


def test_statements_share_the_time_that_there_is(database: ScratchDatabase) -> None:
    with closing(database.session()) as session:
        session.allow(0.1)
        assert session.at_most(60) == pytest.approx(0.1, abs=0.05)
        with pytest.raises(StatementTimeOut):
            session.query("SELECT pg_sleep(5)")


@pytest.mark.parametrize("how", ["query", "copy"])
def test_the_reason_for_which_a_server_ends_a_session_is_told(database: ScratchDatabase, how: str) -> None:
    """Its last message was lost behind the closed connection: \"Look at the host and port\"."""
    session = database.session()
    ((pid,),) = session.query("SELECT pg_backend_pid()")
    ended = f"SELECT pg_terminate_backend({pid}) FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'"
    with ThreadPoolExecutor(1) as beside:
        slow = "SELECT pg_sleep(20)"
        asked = beside.submit(session.query if how == "query" else lambda text: list(session.copy(copy(text))), slow)
        eventually(lambda: asked.done() or database.rows(ended), within=5, every=0.01)
        with pytest.raises(OutOfReach, match=r"administrator command \(57P01\)"):
            asked.result()


def test_a_statement_that_takes_too_long_is_ended(database: ScratchDatabase) -> None:
    session = database.session()
    with pytest.raises(StatementTimeOut, match="index"):
        list(session.copy(f"SET statement_timeout = 50; {copy('SELECT pg_sleep(5)')}"))
    assert session.closed


def test_errors_of_the_server_become_ours(database: ScratchDatabase) -> None:
    for statement, kind in [
        ("SELECT * FROM nothing", UnknownTable),
        ("SELECT * FROM hidden", PipelineBug),
        ("SELEC", PipelineBug),
    ]:
        session = database.session()
        with pytest.raises(kind):
            session.query(statement)
        assert session.closed
    with pytest.raises(OutOfReach, match="closed"):
        session.query("SELECT 1")


# ---------------------------------------------------------------- secrets


def test_a_session_is_opened_by_the_secret_as_it_is_now(database: ScratchDatabase) -> None:
    """The server that a secret named before may still answer."""
    secrets = MemorySecrets(**{SECRET: database.secret(dbname="postgres")})
    connector = PostgresConnector(secrets, SECRET)
    connector.open().close()
    secrets.values[SECRET] = database.secret()
    session = connector.open()
    assert session.query("SELECT current_database()::text") == [[database.dbname]]
    assert connector.still_names(session)
    session.close()


@pytest.mark.parametrize("changes", [{"dbname": "postgres"}, {"primary": "127.0.0.1:9"}, {"password": "rotated"}])
def test_a_session_by_a_secret_that_was_changed_is_one_no_more(
    database: ScratchDatabase, changes: dict[str, object]
) -> None:
    secrets = MemorySecrets(**{SECRET: database.secret()})
    connector = PostgresConnector(secrets, SECRET)
    with closing(connector.open()) as session:
        secrets.values[SECRET] = database.secret(**changes)
        assert not connector.still_names(session)


def test_a_session_goes_where_its_servers_name_leads(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was moved to another server, while the one before still answers, and so a primary's."""
    server = shared_server()
    primary = f"localhost:{server.port}"
    secrets = MemorySecrets(**{SECRET: database.secret(primary=primary, sslmode="verify-ca")})
    connector = PostgresConnector(secrets, SECRET)
    resolved = socket.getaddrinfo

    def moved(host: str, port: int, **options: int) -> list[object]:
        return [*resolved("192.0.2.1" if host == "localhost" else host, port, **options)]  # type: ignore[arg-type]

    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror("Temporary failure in name resolution")

    with closing(connector.open()) as session:
        assert session.primary() is not None
        assert connector.still_names(session)
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", moved)
            assert not connector.still_names(session)
            patched.setattr(socket, "getaddrinfo", unknown)
            assert connector.still_names(session), "nobody can tell"


def test_a_session_stands_while_nobody_can_read_the_secret(database: ScratchDatabase) -> None:
    secrets = MemorySecrets(**{SECRET: database.secret()})
    connector = PostgresConnector(secrets, SECRET)
    with closing(connector.open()) as session:
        secrets.silent = True
        assert connector.still_names(session)
        connector.open().close()
    with pytest.raises(TransientFailure, match="no answer"):
        PostgresConnector(secrets, "another").open()


@pytest.mark.parametrize("changes", [{"port": 1}, {"sslmode": "no"}, {"host": None}])
def test_a_secret_that_was_put_right_is_taken_up_without_a_new_container(
    database: ScratchDatabase, changes: dict[str, object]
) -> None:
    secrets = MemorySecrets(**{SECRET: database.secret(**changes)})
    connector = PostgresConnector(secrets, SECRET)
    with pytest.raises((OutOfReach, InvalidData)):
        connector.open()
    secrets.values[SECRET] = database.secret()
    connector.open().close()


def test_a_wrong_secret_is_not_tried_twice(database: ScratchDatabase) -> None:
    secrets = MemorySecrets(**{SECRET: database.secret(password="wrong")})
    with pytest.raises(AuthenticationFailed) as caught:
        PostgresConnector(secrets, SECRET).open()
    assert "wrong" not in str(caught.value)
    assert secrets.reads == 1


def test_a_secret_without_value_says_what_to_do() -> None:
    with pytest.raises(InvalidData, match="starmend secret set"):
        PostgresConnector(MemorySecrets(), SECRET).open()


# ---------------------------------------------------------------- COPY


def test_lines_come_raw_whatever_is_in_them(database: ScratchDatabase) -> None:
    session = database.session()
    rows = r"""VALUES (E'tab\tnl\ncr\r"quoted"\\back'), (''), (E'\x01\x02'), ('ä€😀'), (NULL), ('\.')"""
    lines = [line for batch in session.copy(copy(rows)) for line in batch]
    assert lines == [
        b'{"column1":"tab\\tnl\\ncr\\r\\"quoted\\"\\\\back"}\n',
        b'{"column1":""}\n',
        b'{"column1":"\\u0001\\u0002"}\n',
        '{"column1":"ä€😀"}\n'.encode(),
        b'{"column1":null}\n',
        b'{"column1":"\\\\."}\n',
    ]
    assert session.query("SELECT 1") == [[1]]
    session.close()


def test_long_lines_and_many_lines_come_whole(database: ScratchDatabase) -> None:
    session = database.session()
    rows = "SELECT n, repeat('x', CASE WHEN n = 500 THEN 3000000 ELSE n % 700 END) AS x FROM generate_series(1, 1000) n"
    lines = [line for batch in session.copy(copy(rows)) for line in batch]
    assert len(lines) == 1000
    assert len(lines[499]) > 3_000_000
    assert all(line.startswith(b'{"n":%d,' % (n + 1)) and line.endswith(b"}\n") for n, line in enumerate(lines))
    session.close()


def test_a_copy_that_is_left_early_ends_the_session(database: ScratchDatabase) -> None:
    session = database.session()
    lines = session.copy(copy("SELECT n FROM generate_series(1, 1000000) AS n"))
    assert next(lines)
    lines.close()
    assert session.closed


def test_an_error_within_a_copy_comes_after_the_lines_before_it(database: ScratchDatabase) -> None:
    session = database.session()
    lines: list[bytes] = []
    several = "(SELECT m FROM generate_series(0, n / 5000) AS m)"  # from the 5000th row on
    rows = session.copy(copy(f"SELECT {several} AS one FROM generate_series(1, 9000) AS n"))
    with pytest.raises(PipelineBug, match="more than one row"):
        lines.extend(line for batch in rows for line in batch)
    assert 0 < len(lines) < 5000
    assert session.closed


def test_a_connection_lost_in_a_copy_is_out_of_reach_after_whole_lines(database: ScratchDatabase) -> None:
    with cut_after(shared_server().direct_port, 200_000) as port:
        session = database.session(port=port, sslmode="disable")
        lines: list[bytes] = []
        rows = session.copy(copy("SELECT n FROM generate_series(1, 1000000) AS n"))
        with pytest.raises(ConnectionError):
            lines.extend(line for batch in rows for line in batch)
    assert len(lines) > 1000
    assert all(line == b'{"n":%d}\n' % (n + 1) for n, line in enumerate(lines))
    assert session.closed
