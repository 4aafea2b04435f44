"""The horizon of a real streaming replica: its primary's, and rows that are there by then."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.extraction import (
    DATASET,
    LEDGER,
    LEDGER_SQL,
    ScratchDatabase,
    contract_of,
    extraction_sandbox,
    scratch_database,
)
from tests.support.replica import standby
from tests.support.sources import shared_server
from tests.support.waiting import eventually

from core.audit.source_check import CountBuckets, Span, question_to_data
from core.errors import TransientFailure
from ingestion.check.ask import answer
from ingestion.engines.postgresql.horizon import replica as replicas
from ingestion.engines.postgresql.horizon.bound import read_bound

pytestmark = pytest.mark.database


@pytest.fixture
def database() -> Iterator[ScratchDatabase]:
    with scratch_database() as database:
        yield database


def test_a_replica_promises_what_its_primary_does_once_it_shows_it(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = shared_server()
    with standby(server) as replica:
        primary = f"{server.host}:{server.direct_port}"
        opened = partial(database.session, port=replica.port, sslmode="disable", primary=primary)
        session = opened()
        database.run("CREATE TABLE told (n int)", f"GRANT SELECT ON told TO {server.extractor.user}")
        for number in range(1, 31):
            database.run(f"INSERT INTO told VALUES ({number})")
            assert read_bound(session, own_role_may_write=False).at is not None
            assert session.query("SELECT count(*) FROM told") == [[number]]

        for number in range(31, 41):  # what is compared of it is not less than its primary had
            database.run(f"INSERT INTO told VALUES ({number})")
            replicas.catch_up(session)
            assert session.query("SELECT count(*) FROM told") == [[number]]

        writing = database.connect(autocommit=False)
        writing.cursor().execute("INSERT INTO told VALUES (0)")
        ((since,),) = database.rows("SELECT xact_start FROM pg_stat_activity WHERE state = 'idle in transaction'")
        # What it wrote is flushed by nobody, and never sent, until another one commits: that is not waited for.
        monkeypatch.setattr(
            "ingestion.engines.postgresql.horizon.bound.wait_for", partial(replicas.wait_for, patience=2)
        )
        assert read_bound(session, own_role_may_write=False).at == since, "a transaction of the primary's holds it"
        writing.rollback()
        writing.close()

        replica.fall_behind()
        database.run("INSERT INTO told VALUES (41)")
        end = replicas.end_of_log(session.primary())
        assert "follows no primary at present" in replicas.wait_for(session, end, patience=0.2)
        with pytest.raises(TransientFailure, match="follows no primary at present"):
            replicas.catch_up(session, patience=0.2)
        monkeypatch.setattr(
            "ingestion.engines.postgresql.horizon.bound.wait_for", partial(replicas.wait_for, patience=0.2)
        )
        assert read_bound(session, own_role_may_write=False).lags
        database.run("BEGIN; INSERT INTO told VALUES (42); PREPARE TRANSACTION 'pending'")
        bound = read_bound(session, own_role_may_write=False)
        assert (bound.at, bound.lags) == (None, True), "an older horizon is none that it shows"
        replica.take_over()
        with pytest.raises(TransientFailure, match="was promoted"):
            replicas.wait_for(session, end)
        assert session.closed, "behind the name there may be another replica by now"
        with closing(opened()) as another, pytest.raises(TransientFailure, match="was promoted"):
            read_bound(another, own_role_may_write=False)


def test_a_readers_name_may_stand_for_the_primary_itself(database: ScratchDatabase) -> None:
    server = shared_server()
    session = database.session(primary=f"{server.host}:{server.port}")
    assert read_bound(session, own_role_may_write=False).at is not None
    session.close()


def test_what_the_auditor_asks_of_a_replica_waits_until_it_shows_what_its_primary_had() -> None:
    """Rows that a pass read elsewhere, and a replica has not got yet, would be rows that the source has no more."""
    server = shared_server()
    question = CountBuckets(DATASET, LEDGER.name, (Span(),), 16, "9000-01-01T00:00:00.000000Z")
    with scratch_database(LEDGER_SQL) as database, standby(server) as replica, ThreadPoolExecutor(1) as beside:
        primary = f"{server.host}:{server.direct_port}"
        secret = database.secret(port=replica.port, sslmode="disable", primary=primary)
        extraction = extraction_sandbox(contract_of(LEDGER), secret=secret).extraction
        with closing(extraction), closing(replica.connect(database.dbname)) as admin:
            cursor = admin.cursor()

            def told(statement: str) -> object:
                cursor.execute(statement)
                return cursor.fetchone()[0]

            told("SELECT pg_wal_replay_pause()::text")
            eventually(lambda: told("SELECT pg_get_wal_replay_pause_state()") == "paused", within=5, every=0.01)
            database.run("INSERT INTO ledger (note) VALUES ('late')")
            asked = beside.submit(answer, extraction, question_to_data(question), MemoryObjects())
            looks = f"usename = '{server.extractor.user}' AND query LIKE '%replay_lsn%'"
            waits = f"SELECT count(*) FROM pg_stat_activity WHERE {looks}"
            eventually(lambda: asked.done() or told(waits), within=5, every=0.01)
            told("SELECT pg_wal_replay_resume()::text")
            ((counted,),) = asked.result()["spans"]
            assert counted[1] == 1, "the row that the primary had"
