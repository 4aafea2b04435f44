"""Extraction with something in the way: tables and sessions that fail, state that is lost or wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.secrets import MemorySecrets
from tests.support.extraction import (
    DATASET,
    LEDGER,
    LEDGER_SQL,
    OTHER,
    SECRET,
    TWO_TABLES,
    LedgerSandbox,
    contract_of,
    extraction_sandbox,
    ledger_sandbox,
    scratch_database,
    source_table,
    took,
)
from tests.support.sources import shared_server

from cli.trying.sources import source_rows
from core.audit.source_check import CountBuckets, Span, question_to_data
from core.contract.model import Database
from core.errors import OutOfReach, UnknownTable
from core.landing.ingest_objects import EPOCH
from ingestion.check.ask import answer
from ingestion.extract.flow import TablesFailed

pytestmark = pytest.mark.database


ONE_EACH = [f"INSERT INTO {name} (note, last_updated) VALUES ('x', '2026-11-20')" for name in ("ledger", "other")]


@pytest.fixture
def ledger() -> Iterator[LedgerSandbox]:
    with ledger_sandbox() as both:
        yield both


def test_one_table_that_fails_does_not_keep_the_others_from_running() -> None:
    broken = source_table("broken", key=["id"], id="int", last_updated="timestamp")
    with scratch_database(*TWO_TABLES) as database:
        database.run(
            *[f"INSERT INTO {name} (note, last_updated) VALUES ('x', '2026-11-20')" for name in ("ledger", "other")]
        )
        sandbox = extraction_sandbox(contract_of(LEDGER, broken, OTHER), secret=database.secret())
        result = sandbox.extract()
        assert [(table.table, table.outcome) for table in result.tables] == [
            ("ledger", "extracted"),
            ("broken", "failed"),
            ("other", "extracted"),
        ]
        with pytest.raises(TablesFailed, match="broken: find table"):
            result.raise_failures()
        assert sandbox.metrics.total("TableFailed") == 1
        [logged] = sandbox.logged("table failed")
        assert (logged["level"], logged["table"], logged["error"]) == ("ERROR", "broken", "UnknownTable")
        sandbox.extraction.close()


@pytest.fixture
def in_given_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.extract.flow.in_turn", lambda names, _: names)


@pytest.mark.usefixtures("in_given_order")
def test_a_session_that_a_table_lost_is_opened_again_for_the_next() -> None:
    slow = source_table("slow", key=["id"], id="int", last_updated="timestamp")
    with scratch_database(*TWO_TABLES) as database:
        database.run(
            "CREATE VIEW slow AS SELECT 1 / (id - 1) AS id, last_updated FROM ledger",
            f"GRANT SELECT ON slow TO {shared_server().extractor.user}",
            *ONE_EACH,
        )
        sandbox = extraction_sandbox(contract_of(slow, OTHER), secret=database.secret())
        assert [table.outcome for table in sandbox.extract().tables] == ["failed", "extracted"]
        sandbox.extraction.close()


@pytest.mark.usefixtures("in_given_order")
def test_a_horizon_holds_for_the_server_that_it_was_taken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session was lost to a fail-over, and the next one's server had a transaction open: what it wrote was in no
    interval of the horizon of the server before."""
    with scratch_database(*TWO_TABLES) as before, scratch_database(*TWO_TABLES) as after:
        sandbox = extraction_sandbox(contract_of(LEDGER, OTHER), secret=before.secret())
        first = sandbox.extraction.session()
        sandbox.secrets.values[SECRET] = after.secret()
        monkeypatch.setattr(sandbox.extraction.connector, "still_names", lambda _: True)

        def lost(_statement: str) -> Iterator[list[bytes]]:
            first.close()
            raise OutOfReach("copy", first.place, "the server closed the connection")

        monkeypatch.setattr(first, "copy", lost)
        with closing(after.connect(autocommit=False)) as writing:
            writing.cursor().execute("INSERT INTO other (note) VALUES ('late')")
            after.run("INSERT INTO other (note) VALUES ('early')")
            assert [table.outcome for table in sandbox.extract().tables] == ["failed", "unchanged"]
            writing.commit()
        sandbox.extract_until(lambda _: len(sandbox.rows("other")) == 2)
        sandbox.extraction.close()


def test_a_table_that_gives_no_rows_in_time_ends_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.trying.sources.SECONDS", 0.2)
    with scratch_database(*TWO_TABLES) as database:
        database.run("ALTER TABLE ledger RENAME TO kept", "CREATE VIEW ledger AS SELECT kept.* FROM kept, pg_sleep(9)")
        database.run(f"GRANT SELECT ON ledger TO {shared_server().extractor.user}", "INSERT INTO kept DEFAULT VALUES")
        source = contract_of(LEDGER, OTHER).source
        assert isinstance(source, Database)
        slow, quick = source_rows(source, MemorySecrets(**{SECRET: database.secret()}), table="", most=5)
        assert "statement timeout" in slow.problem
        assert quick.problem == ""


def test_a_row_too_long_to_print_is_refused_alone() -> None:
    table = source_table("long", key=["id"], id="int", note="string?", last_updated="timestamp")
    with scratch_database(LEDGER_SQL) as database:
        database.run(
            "CREATE VIEW long AS SELECT id, CASE id WHEN 3 THEN repeat(id::text, 2000000000) END AS note, last_updated"
            " FROM ledger",
            f"GRANT SELECT ON long TO {shared_server().extractor.user}",
            "INSERT INTO ledger (last_updated) SELECT '2026-11-20' FROM generate_series(1, 5)",
        )
        sandbox = extraction_sandbox(contract_of(table), secret=database.secret())
        sandbox.extract().raise_failures()
        notes = {row["id"]: row["note"] for row in sandbox.rows("long")}
        assert [*notes] == [1, 2, 3, 4, 5]
        assert "requested length too large (54000)" in notes[3]["unprintable"]
        sandbox.extraction.close()


def test_pieces_of_a_composite_key_are_no_deeper_than_the_servers_stack() -> None:
    table = source_table("pairs", key=["a", "b"], a="int", b="string", last_updated="timestamp")
    with scratch_database(
        "CREATE TABLE pairs (a int, b char(5), last_updated timestamptz NOT NULL, PRIMARY KEY (a, b))",
        "INSERT INTO pairs SELECT n / 100, n, '2026-11-20' FROM generate_series(1, 9000) AS n WHERE n % 1000 < 3",
    ) as database:
        sandbox = extraction_sandbox(contract_of(table), secret=database.secret())
        session, reading = sandbox.extraction.reading("pairs")
        keys = [(n // 100, str(n)) for n in range(9000)]
        lines = [line for batch in reading.lines_of(session, keys, checked_at=EPOCH, seconds=60) for line in batch]
        assert {json.loads(line)["b"].rstrip() for line in lines} == {str(n) for n in range(1, 9000) if n % 1000 < 3}
        sandbox.extraction.close()


def test_a_table_that_no_contract_names_is_a_key_error_of_its_own(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
    result = sandbox.extract(tables=["nothing", "ledger"])
    assert [table.outcome for table in result.tables] == ["failed", "extracted"]
    assert isinstance(result.tables[0].error, UnknownTable)
    assert isinstance(result.tables[0].error, KeyError)


def test_a_database_out_of_reach_fails_every_table_and_changes_nothing() -> None:
    with scratch_database(*TWO_TABLES) as database:
        sandbox = extraction_sandbox(contract_of(LEDGER, OTHER), secret=database.secret(port=1))
        result = sandbox.extract()
        assert [table.outcome for table in result.tables] == ["failed", "failed"]
        assert all(isinstance(table.error, ConnectionError) and ":1/" in str(table.error) for table in result.tables)
        assert sandbox.object_keys() == []


@pytest.mark.parametrize("effect", ["write", "put"])
def test_a_landing_zone_or_parameters_out_of_reach_fail_the_table_and_the_next_pass_goes_on(
    ledger: LedgerSandbox, effect: str
) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
    objects, parameters = sandbox.objects, sandbox.parameters
    assert isinstance(objects, MemoryObjects)
    assert isinstance(parameters, MemoryParameters)
    good_put = parameters.put
    if effect == "write":
        objects.fail = lambda what, key: OutOfReach(what, key, "no answer") if what == "write" else None
    else:
        parameters.put = _unreachable  # type: ignore[method-assign]
    [result] = sandbox.extract().tables
    assert isinstance(result.error, ConnectionError)
    objects.fail = lambda _what, _key: None
    parameters.put = good_put  # type: ignore[method-assign]
    assert sandbox.extract().tables[0].outcome in ("extracted", "unchanged")
    assert [row["note"] for row in sandbox.rows()] == ["x"]
    assert sandbox.parameter("sequential_id") == "1"


def _unreachable(name: str, value: str) -> None:
    raise OutOfReach("put parameter", name, "no answer")


def test_a_session_that_died_between_two_passes_is_replaced(ledger: LedgerSandbox) -> None:
    database, sandbox = ledger
    sandbox.extract().raise_failures()
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'starmend-extract'")
    sandbox.extract().raise_failures()


def test_a_secret_that_was_changed_leads_the_next_pass_and_the_next_question_elsewhere() -> None:
    """A container that was kept warm went on with the server of before, as long as it answered."""
    whole = question_to_data(CountBuckets(DATASET, LEDGER.name, (Span(),), 16, "9000-01-01T00:00:00.000000Z"))
    with ledger_sandbox() as (database, sandbox), scratch_database(LEDGER_SQL) as after:
        sandbox.extract().raise_failures()
        assert answer(sandbox.extraction, whole, MemoryObjects())["spans"] == [[]]
        after.run(ONE_EACH[0])
        sandbox.secrets.values[SECRET] = after.secret()
        assert len(answer(sandbox.extraction, whole, MemoryObjects())["spans"][0]) > 0
        sandbox.secrets.values[SECRET] = database.secret()
        sandbox.extract().raise_failures()
        assert sandbox.rows() == []
        sandbox.secrets.values[SECRET] = after.secret()
        sandbox.extract().raise_failures()
        assert [row["note"] for row in sandbox.rows()] == ["x"]


def test_a_primary_that_was_lost_or_named_wrongly_is_gone_on_with_once_it_is_right(ledger: LedgerSandbox) -> None:
    """The session of the replica stood, and with it the login of its primary."""
    database, sandbox = ledger
    server = shared_server()
    secrets = sandbox.secrets.values
    secrets[SECRET] = database.secret(primary=f"{server.host}:1")
    with pytest.raises(TablesFailed, match=":1/"):
        sandbox.extract().raise_failures()
    secrets[SECRET] = database.secret(primary=f"{server.host}:{server.port}")
    sandbox.extract().raise_failures()
    primary = sandbox.extraction.session().primary()
    assert primary is not None
    ((pid,),) = primary.query("SELECT pg_backend_pid()")
    database.run(f"SELECT pg_terminate_backend({pid}, 5000)")
    sandbox.extract().raise_failures()


def test_a_statement_time_out_with_nothing_stored_is_a_failure_with_a_remedy(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    database.run(
        "ALTER TABLE ledger RENAME TO hidden",
        "CREATE VIEW ledger AS SELECT hidden.* FROM hidden, pg_sleep(5)",
        f"GRANT SELECT ON ledger TO {shared_server().extractor.user}",
        "INSERT INTO hidden (note, last_updated) VALUES ('x', '2026-11-20')",
    )
    sandbox.extraction.statement_seconds = 0.1
    sandbox.extract()
    [logged] = sandbox.logged("table failed")
    assert logged["error"] == "StatementTimeOut"


# ---------------------------------------------------------------- state that is wrong


@pytest.mark.parametrize("what", ["timestamp", "sequential_id", "both"])
@pytest.mark.parametrize("how", ["missing", "corrupt", "stale"])
def test_parameters_that_are_lost_or_wrong_are_rebuilt_from_the_objects(
    ledger: LedgerSandbox, what: str, how: str
) -> None:
    database, sandbox = ledger
    for number in range(1, 4):
        database.run(f"INSERT INTO ledger (note) VALUES ('{number}')")
        sandbox.extract_until(took(1))
    right = dict(sandbox.parameters.values)  # type: ignore[attr-defined]
    values = sandbox.parameters.values  # type: ignore[attr-defined]
    stale = {"timestamp": "1970-01-01T00:00:00.000000Z", "sequential_id": "1"}
    for kind in ("timestamp", "sequential_id") if what == "both" else (what,):
        name = getattr(sandbox.names, kind)("ledger")
        if how == "missing":
            del values[name]
        else:
            values[name] = "?" if how == "corrupt" else stale[kind]
    fresh = sandbox.beside()
    fresh.extract().raise_failures()
    assert values == right
    assert fresh.numbers() == [1, 2, 3]
    assert [row["note"] for row in fresh.rows()] == ["1", "2", "3"]
    assert fresh.metrics.total("ParametersRebuilt") == 1


def test_a_newest_object_that_is_gone_is_told_and_its_number_not_given_again(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    for number in (1, 2):
        database.run(f"INSERT INTO ledger (note) VALUES ('{number}')")
        sandbox.extract_until(took(1))
    sandbox.objects.delete([sandbox.object_keys()[-1]])
    database.run("INSERT INTO ledger (note) VALUES ('3')")
    fresh = sandbox.beside()
    fresh.extract_until(took(1))
    assert fresh.numbers() == [1, 3]
    assert [row["note"] for row in fresh.rows()] == ["1", "3"]
    assert fresh.logged("objects are missing")[0]["numbers"] == [2]
    assert fresh.metrics.values["ObjectsMissing"][0] == 1
