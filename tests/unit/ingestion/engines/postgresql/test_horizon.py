from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from pg8000.dbapi import Connection
from tests.fakes.secrets import MemorySecrets
from tests.support.extraction import LEDGER_SQL, SECRET, ScratchDatabase, scratch_database
from tests.support.replica import standby
from tests.support.sources import shared_server
from tests.support.waiting import eventually

from core.errors import PipelineBug
from ingestion.engines.postgresql.horizon.bound import read_bound
from ingestion.engines.postgresql.session import PostgresConnector

pytestmark = pytest.mark.database


@pytest.fixture
def database() -> Iterator[ScratchDatabase]:
    with scratch_database(LEDGER_SQL) as database:
        yield database


@contextmanager
def transaction(database: ScratchDatabase, *statements: str) -> Iterator[Connection]:
    """An open transaction after these statements, rolled back at the end."""
    connection = database.connect()
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    for statement in statements:
        cursor.execute(statement)
    yield connection
    connection.close()


def start_of(connection: Connection) -> object:
    cursor = connection.cursor()
    cursor.execute("SELECT now()")
    return cursor.fetchone()[0]


def test_with_no_transaction_open_the_bound_is_the_servers_clock(database: ScratchDatabase) -> None:
    session = database.session()
    bound = read_bound(session, own_role_may_write=False)
    after = session.query("SELECT clock_timestamp()")[0][0]
    assert bound.at == bound.now <= after
    assert bound.holder is None
    assert bound.held_seconds == 0


@pytest.mark.parametrize(
    "statements",
    [(), ("SELECT count(*) FROM ledger",), ("INSERT INTO ledger (note) VALUES ('x')",)],
    ids=["that did nothing yet", "that only read", "that wrote"],
)
def test_an_open_transaction_holds_the_bound_at_its_start(
    database: ScratchDatabase, statements: tuple[str, ...]
) -> None:
    session = database.session()
    with transaction(database, *statements) as open_one:
        bound = read_bound(session, own_role_may_write=False)
        assert bound.at == start_of(open_one)
        assert bound.holder is not None
        assert bound.holder.user == shared_server().user
        assert bound.holder.state == "idle in transaction"
        assert bound.held_seconds == (bound.now - bound.at).total_seconds() > 0
    eventually(lambda: read_bound(session, own_role_may_write=False).holder is None, within=5)


def test_the_oldest_of_several_counts(database: ScratchDatabase) -> None:
    session = database.session()
    with transaction(database) as first, transaction(database, "INSERT INTO ledger (note) VALUES ('x')"):
        assert read_bound(session, own_role_may_write=False).at == start_of(first)


def test_a_statement_under_way_counts(database: ScratchDatabase) -> None:
    session, busy = database.session(), database.connect()
    running = threading.Thread(target=lambda: busy.cursor().execute("SELECT pg_advisory_lock(7), 'held'"))
    with transaction(database, "SELECT pg_advisory_lock(7)"):
        running.start()

        def both_hold() -> bool:
            return session.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") == [[1]]

        eventually(both_hold, within=5)
        bound = read_bound(session, own_role_may_write=False)
        assert bound.at is not None
        assert bound.at < bound.now
    running.join()
    busy.close()


def test_the_extractors_own_role_does_not_count_as_long_as_it_may_not_write(database: ScratchDatabase) -> None:
    session = database.session()
    other = database.session()
    other.query("BEGIN")
    other.query("SELECT 1")
    assert read_bound(session, own_role_may_write=False).holder is None
    held = read_bound(session, own_role_may_write=True)
    assert held.at is not None
    assert held.at < held.now
    other.close()


def test_an_application_that_shares_our_role_counts_for_it_may_write_by_another(database: ScratchDatabase) -> None:
    """``has_table_privilege`` knows nothing of a function with its definer's rights: what it wrote was lost."""
    database.run(
        "CREATE FUNCTION put() RETURNS void LANGUAGE sql SECURITY DEFINER AS"
        " $$INSERT INTO public.ledger (note) VALUES ('late')$$"
    )
    shop = PostgresConnector(MemorySecrets(**{SECRET: database.secret()}), SECRET, application="shop")
    with closing(database.session()) as session, closing(shop.open()) as application:
        application._connection.execute_simple("BEGIN; SELECT put()")  # type: ignore[union-attr]
        holder = read_bound(session, own_role_may_write=False).holder
        assert holder is not None
        assert holder.application == "shop"


def test_transactions_of_other_databases_do_not_count(database: ScratchDatabase) -> None:
    with scratch_database(LEDGER_SQL) as elsewhere, transaction(elsewhere, "INSERT INTO ledger (note) VALUES ('x')"):
        assert read_bound(database.session(), own_role_may_write=False).holder is None


def test_a_prepared_transaction_keeps_the_horizon_where_it_was(database: ScratchDatabase) -> None:
    session = database.session()
    with transaction(database, "INSERT INTO ledger (note) VALUES ('x')", "PREPARE TRANSACTION 'slow one'"):
        bound = read_bound(session, own_role_may_write=False)
        assert bound.at is None
        assert "slow one" in bound.reason
        assert bound.holder is not None
        assert (bound.holder.kind, bound.holder.application) == ("prepared transaction", "slow one")
    with scratch_database() as elsewhere:
        assert read_bound(elsewhere.session(), own_role_may_write=False).at is not None
    database.run("COMMIT PREPARED 'slow one'")
    assert read_bound(session, own_role_may_write=False).at is not None


def test_a_session_that_hides_its_transactions_keeps_the_horizon_where_it_was(database: ScratchDatabase) -> None:
    session, secretive = database.session(), database.connect()
    secretive.cursor().execute("SET track_activities = off")
    secretive.cursor().execute("BEGIN")
    bound = read_bound(session, own_role_may_write=False)
    assert bound.at is None
    assert "track_activities" in bound.reason
    assert bound.holder is not None
    assert (bound.holder.kind, bound.holder.user) == ("session that hides its transactions", shared_server().user)
    assert bound.held_seconds > 0
    with transaction(database, "INSERT INTO ledger (note) VALUES ('x')", "PREPARE TRANSACTION 'named'"):
        held = read_bound(session, own_role_may_write=False).holder
        assert held is not None
        assert held.kind == "prepared transaction"
    secretive.close()


def test_a_transaction_that_began_hidden_stays_so_when_activity_is_shown_again(database: ScratchDatabase) -> None:
    session, secretive = database.session(), database.connect()
    for statement in ("SET track_activities = off", "BEGIN", "INSERT INTO ledger (note) VALUES ('x')"):
        secretive.cursor().execute(statement)
    secretive.cursor().execute("SET track_activities = on")
    secretive.cursor().execute("SELECT 1")
    states = f"SELECT state, xact_start FROM pg_stat_activity WHERE usename = '{shared_server().user}'"
    assert ["idle in transaction", None] in session.query(f"{states} AND datname = current_database()")
    assert read_bound(session, own_role_may_write=False).at is None
    secretive.cursor().execute("COMMIT")
    assert read_bound(session, own_role_may_write=False).at is not None
    secretive.close()


def test_a_message_that_commits_and_goes_on_holds_the_bound_at_its_arrival(database: ScratchDatabase) -> None:
    # Its second transaction begins after the lock is waited for, and writes the time of its call.
    database.run(
        "CREATE PROCEDURE in_two_steps() LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_sleep(0.05); COMMIT; PERFORM pg_advisory_lock(8);"
        " INSERT INTO ledger (note, last_updated) VALUES ('second', timezone('UTC', statement_timestamp()));"
        " PERFORM pg_advisory_unlock(8); END $$"
    )
    session, caller = database.session(), database.connect()
    running = threading.Thread(target=lambda: caller.cursor().execute("CALL in_two_steps()"))
    holder = database.connect()
    holder.cursor().execute("SELECT pg_advisory_lock(8)")
    running.start()
    waits = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = '{database.dbname}'"
    eventually(lambda: session.query(waits) == [[1]], within=5, every=0.005)
    bound = read_bound(session, own_role_may_write=False)
    holder.close()
    running.join()
    written = session.query("SELECT last_updated AT TIME ZONE 'UTC' + interval '1 ms' FROM ledger")[0][0]
    assert bound.at is not None
    assert bound.at <= written
    caller.close()


def test_without_the_grant_the_error_names_it(database: ScratchDatabase) -> None:
    database.run("DROP ROLE IF EXISTS blind", "CREATE ROLE blind LOGIN PASSWORD 'blind'")
    session = database.session(username="blind", password="blind")
    with pytest.raises(PipelineBug, match="GRANT pg_read_all_stats TO blind; or choose a `lookback`"):
        read_bound(session, own_role_may_write=False)
    bound = read_bound(session, own_role_may_write=False, lookback=600)
    assert bound.at == bound.now
    session.close()
    database.run("DROP ROLE blind")


def test_a_replica_is_refused_unless_the_contract_says_lookback(database: ScratchDatabase) -> None:
    with standby(shared_server()) as replica:
        session = database.session(port=replica.port, sslmode="disable")
        with pytest.raises(PipelineBug, match="replica"):
            read_bound(session, own_role_may_write=False)
        database.run("INSERT INTO ledger (note) VALUES ('replayed')")
        eventually(lambda: session.query("SELECT count(*) FROM ledger") == [[1]], within=10)
        bound = read_bound(session, own_role_may_write=False, lookback=600)
        written = session.query("SELECT last_updated AT TIME ZONE 'UTC' FROM ledger")[0][0]
        assert bound.at is not None
        assert written <= bound.at <= bound.now
        session.close()
