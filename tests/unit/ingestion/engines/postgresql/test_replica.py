"""The horizon of a real streaming replica: its primary's, and rows that are there by then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.extraction import ScratchDatabase, scratch_database
from tests.support.replica import standby
from tests.support.sources import shared_server

from core.errors import TransientFailure
from ingestion.engines.postgresql.horizon import replica as replicas
from ingestion.engines.postgresql.horizon.bound import read_bound

pytestmark = pytest.mark.database


@pytest.fixture
def database() -> Iterator[ScratchDatabase]:
    with scratch_database() as database:
        yield database


def test_a_replica_promises_what_its_primary_does_once_it_shows_it(database: ScratchDatabase) -> None:
    server = shared_server()
    with standby(server) as replica:
        session = database.session(port=replica.port, sslmode="disable", primary=f"{server.host}:{server.direct_port}")
        database.run("CREATE TABLE told (n int)", f"GRANT SELECT ON told TO {server.extractor.user}")
        for number in range(1, 31):
            database.run(f"INSERT INTO told VALUES ({number})")
            assert read_bound(session, own_role_may_write=False).at is not None
            assert session.query("SELECT count(*) FROM told") == [[number]]

        writing = database.connect(autocommit=False)
        writing.cursor().execute("INSERT INTO told VALUES (0)")
        ((since,),) = database.rows("SELECT xact_start FROM pg_stat_activity WHERE state = 'idle in transaction'")
        assert read_bound(session, own_role_may_write=False).at == since, "a transaction of the primary's holds it"
        writing.rollback()
        writing.close()

        replica.fall_behind()
        database.run("INSERT INTO told VALUES (31)")
        end = replicas.end_of_log(session.primary())
        assert "follows no primary at present" in replicas.wait_for(session, end, patience=0.2)
        replica.take_over()
        with pytest.raises(TransientFailure, match="was promoted"):
            replicas.wait_for(session, end)
        with pytest.raises(TransientFailure, match="was promoted"):
            read_bound(session, own_role_may_write=False)
        session.close()


def test_a_readers_name_may_stand_for_the_primary_itself(database: ScratchDatabase) -> None:
    server = shared_server()
    session = database.session(primary=f"{server.host}:{server.port}")
    assert read_bound(session, own_role_may_write=False).at is not None
    session.close()
