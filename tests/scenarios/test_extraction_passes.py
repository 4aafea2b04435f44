"""Passes over a real database: what is extracted when, and once each."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.extraction import (
    LEDGER,
    LEDGER_SQL,
    OTHER,
    SECRET,
    TWO_TABLES,
    ExtractionSandbox,
    LedgerSandbox,
    contract_of,
    extraction_sandbox,
    ledger_sandbox,
    plenty,
    scratch_database,
    source_table,
    took,
)
from tests.support.sources import shared_server, source
from tests.support.waiting import eventually

from core.authoring.load import load
from core.landing.ingest_objects import EPOCH, ObjectFacts, encode_facts
from core.time import parse_instant
from ingestion.engines.failures import StatementTimeOut
from ingestion.extract.budget import Budget
from ingestion.extract.flow import TablesFailed, in_turn

pytestmark = pytest.mark.database
CONTRACTS = Path(__file__).parents[2] / "contracts"
TIE = "INSERT INTO ledger (id, last_updated) SELECT n, '2026-11-20 12:00:00.123' FROM generate_series({}, {}) AS n"


@pytest.fixture
def ledger() -> Iterator[LedgerSandbox]:
    with ledger_sandbox() as both:
        yield both


def time_for(sandbox: ExtractionSandbox, objects: int) -> Budget:
    """Time that passes with every stored object, and is over after so many more."""
    return Budget(lambda: float(len(sandbox.object_keys())), float(len(sandbox.object_keys()) + objects))


# ---------------------------------------------------------------- the plain road


def test_every_table_of_the_sales_source_comes_whole_and_once() -> None:
    contract = load(CONTRACTS, today=dt.date(2026, 11, 21)).dataset("sales")
    with source(sales_orders=300) as sales:
        login = {"host": sales.server.host, "port": sales.server.port, "dbname": sales.dbname}
        login |= {"username": sales.server.extractor.user, "password": sales.server.extractor.password}
        login |= {"sslmode": "verify-full", "sslrootcert": sales.server.certificate.read_text()}
        sandbox = extraction_sandbox(contract, secret=json.dumps(login))
        sandbox.secrets.values["sales-db"] = sandbox.secrets.values.pop(SECRET)
        sandbox.extraction.connector._secret = "sales-db"
        sandbox.extract().raise_failures()
        connection = sales.owner()
        cursor = connection.cursor()
        for table in contract.source.tables if contract.source else ():
            prefix = f"tables/sales/{table.name}/"
            keys = [key for key in sandbox.object_keys() if key.startswith(prefix)]
            lines = [line for key in keys for line in sandbox.lines(key)]
            cursor.execute(f"SELECT count(*), max(last_updated)::text FROM {table.name}")
            count, newest = cursor.fetchone()
            assert len(lines) == count == len({row[table.key[0]] for row in lines})
            assert max(parse_instant(row["last_updated"]) for row in lines) == parse_instant(newest)
        connection.close()
        sandbox.extraction.close()


def test_a_first_load_starts_from_the_epoch_and_nothing_new_changes_nothing(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('old', '1969-07-20'), ('new', '2026-11-20')")
    assert sandbox.extract().tables[0].rows == 2
    [facts] = sandbox.facts()
    assert sandbox.parameter("timestamp") == facts.interval_to.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert sandbox.parameter("sequential_id") == "1"
    assert facts.interval_from == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert facts.last

    parameters = dict(sandbox.parameters.values)  # type: ignore[attr-defined]
    result = sandbox.extract()
    assert [(table.outcome, table.number) for table in result.tables] == [("unchanged", 1)]
    assert sandbox.numbers() == [1]
    assert sandbox.parameters.values == parameters  # type: ignore[attr-defined]


def test_an_empty_table_makes_no_object(ledger: LedgerSandbox) -> None:
    _, sandbox = ledger
    assert sandbox.extract().summary()["tables"] == {
        "ledger": {"outcome": "unchanged", "objects": 0, "rows": 0, "number": 0}
    }
    assert sandbox.object_keys() == []
    assert sandbox.parameter("timestamp") == "1970-01-01T00:00:00.000000Z"


def test_changes_come_with_the_next_pass(ledger: LedgerSandbox) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note) VALUES ('a'), ('b')")
    sandbox.extract_until(took(2))
    database.run("UPDATE ledger SET note = 'b2', last_updated = timezone('UTC', now()) WHERE note = 'b'")
    sandbox.extract_until(took(1))
    assert [(row["id"], row["note"]) for row in sandbox.rows()] == [(1, "a"), (2, "b"), (2, "b2")]
    first, second = sandbox.facts()
    assert first.interval_to == second.interval_from
    assert sandbox.numbers() == [1, 2]


# ---------------------------------------------------------------- what a cursor alone would lose


def test_a_row_committed_late_with_an_older_time_is_not_lost(ledger: LedgerSandbox) -> None:
    database, sandbox = ledger
    late = database.connect(autocommit=False)
    late.cursor().execute("INSERT INTO ledger (note) VALUES ('late')")
    database.run("INSERT INTO ledger (note) VALUES ('early')")
    started = late.cursor()
    started.execute("SELECT now()")
    sandbox.extract().raise_failures()
    assert [row["note"] for row in sandbox.rows()] == []
    assert parse_instant(sandbox.parameter("timestamp")) <= started.fetchone()[0]
    late.commit()
    late.close()
    sandbox.extract_until(took(2))
    assert [row["note"] for row in sandbox.rows()] == ["late", "early"]


def test_a_part_that_is_rewritten_while_it_is_waited_for_is_not_taken_for_empty(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    database.run(
        "CREATE TABLE part () INHERITS (ledger)",
        "INSERT INTO ledger (id, last_updated) VALUES (1, '2026-11-20')",
        "INSERT INTO part (id, last_updated) VALUES (2, '2026-11-20')",
    )
    rewriting = database.connect(autocommit=False)
    rewriting.cursor().execute("ALTER TABLE part ADD COLUMN luck float DEFAULT random()")
    extracting = threading.Thread(target=sandbox.extract)
    extracting.start()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    eventually(lambda: database.rows(waiting) == [[1]], within=10, every=0.01)
    rewriting.commit()
    extracting.join()
    rewriting.close()
    assert [row["id"] for row in sandbox.rows()] == [1, 2]


def test_while_a_prepared_transaction_is_pending_the_watermark_stays_and_the_log_names_it(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note) VALUES ('before')")
    sandbox.extract_until(took(1))
    before = sandbox.parameter("timestamp")
    connection = database.connect()
    for statement in ("BEGIN", "INSERT INTO ledger (note) VALUES ('prepared')", "PREPARE TRANSACTION 'two-phase'"):
        connection.cursor().execute(statement)
    connection.close()
    database.run("INSERT INTO ledger (note) VALUES ('after')")
    assert sandbox.extract().tables[0].outcome == "held"
    assert sandbox.parameter("timestamp") == before
    warned = sandbox.logged("horizon held back")[-1]
    assert (warned["kind"], warned["application"]) == ("prepared transaction", "two-phase")
    assert sandbox.metrics.values["HorizonHeldSeconds"][-1] > 0

    database.run("COMMIT PREPARED 'two-phase'")
    sandbox.extract_until(took(2))
    assert sorted(row["note"] for row in sandbox.rows()) == ["after", "before", "prepared"]


def test_a_transaction_that_holds_the_horizon_too_long_is_named(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    open_one = database.connect(autocommit=False)
    open_one.cursor().execute("SET application_name = 'nightly report'")
    open_one.cursor().execute("SELECT 1")
    sandbox.extract()
    assert sandbox.logged("horizon held back") == []
    sandbox.extraction.held_seconds = 0.000001
    sandbox.extract()
    [warned] = sandbox.logged("horizon held back")
    assert warned["application"] == "nightly report"
    assert warned["user"] == shared_server().user
    assert warned["pid"] > 0
    assert parse_instant(warned["since"]) < dt.datetime.now(dt.UTC)
    open_one.close()


def test_the_margin_keeps_the_newest_rows_back(ledger: LedgerSandbox) -> None:
    with ledger_sandbox(margin=3600) as (database, sandbox):
        database.run(
            "INSERT INTO ledger (note, last_updated) VALUES ('now', timezone('UTC', now())),"
            " ('before', timezone('UTC', now()) - interval '2 h')"
        )
        sandbox.extract()
        assert [row["note"] for row in sandbox.rows()] == ["before"]


@pytest.mark.parametrize("how", ["NOT VALID", "NO INHERIT"])
def test_a_constraint_that_rows_need_not_fulfil_lets_created_at_take_the_place_of_a_null(how: str) -> None:
    with ledger_sandbox() as (database, sandbox):
        [[version]] = database.rows("SELECT current_setting('server_version_num')::int")
        if version < 180_000:
            pytest.skip("only since PostgreSQL 18 is NOT NULL a constraint that may be either")
        database.run(
            "ALTER TABLE ledger ALTER last_updated DROP NOT NULL",
            "CREATE TABLE part () INHERITS (ledger)",
            f"INSERT INTO {'ledger' if how == 'NOT VALID' else 'part'} (id, note, created_at, last_updated)"
            " VALUES (1, 'x', '2026-11-20', NULL)",
            f"ALTER TABLE ledger ADD CONSTRAINT updated NOT NULL last_updated {how}",
        )
        sandbox.extract().raise_failures()
        assert [row["note"] for row in sandbox.rows()] == ["x"]
        _, reading = sandbox.extraction.reading("ledger")
        assert reading.needs_report


def test_a_coarse_time_keeps_rows_back_by_its_own_precision_whatever_the_margin() -> None:
    with ledger_sandbox(margin=0) as (database, sandbox):
        database.run("ALTER TABLE ledger ALTER last_updated TYPE timestamp(0), ALTER created_at TYPE timestamp(0)")
        database.run("INSERT INTO ledger (note) VALUES ('x')")
        sandbox.extract_until(took(1))
        [[committed]] = database.rows("SELECT min(last_updated) AT TIME ZONE 'UTC' FROM ledger")
        assert sandbox.facts()[0].interval_to > committed
        [[now]] = database.rows("SELECT clock_timestamp()")
        assert now - sandbox.facts()[0].interval_to >= dt.timedelta(seconds=1)


def test_rows_that_logical_replication_brings_are_refused_unless_the_contract_says_lookback() -> None:
    with ledger_sandbox() as (database, sandbox), scratch_database(LEDGER_SQL) as publisher:
        publisher.run("CREATE PUBLICATION everything FOR ALL TABLES")
        server = shared_server()
        way = f"host={server.host} port={server.direct_port} dbname={publisher.dbname}"
        way += f" user={server.user} password={server.password}"
        options = "enabled = false, create_slot = false, slot_name = NONE"
        database.run(f"CREATE SUBSCRIPTION everything CONNECTION '{way}' PUBLICATION everything WITH ({options})")
        database.run("INSERT INTO ledger (note, last_updated) VALUES ('brought', '2026-11-20')")
        with pytest.raises(TablesFailed, match=r"logical replication .* or choose a `lookback`"):
            sandbox.extract().raise_failures()
        assert sandbox.object_keys() == []
        sandbox.extraction.contract = contract_of(LEDGER, lookback=600)
        sandbox.extract().raise_failures()
        assert [row["note"] for row in sandbox.rows()] == ["brought"]
        database.run("DROP SUBSCRIPTION everything")


def test_a_clock_behind_the_watermark_is_told_for_what_it_dates_lies_behind_it(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    to_come = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    facts = ObjectFacts(EPOCH, to_come, to_come, (1,), 1, "00", True)
    sandbox.objects.write("tables/shop/ledger/000000000001.jsonl.gz", b"", metadata=encode_facts(facts))
    database.run("INSERT INTO ledger (note) VALUES ('x')")
    with pytest.raises(TablesFailed, match=r"the server's clock shows .* Set the server's clock"):
        sandbox.extract().raise_failures()
    assert sandbox.numbers() == [1]


# ---------------------------------------------------------------- cuts


def test_rows_with_one_time_are_cut_across_objects_and_come_once() -> None:
    with ledger_sandbox(rows_per_object=10) as (database, sandbox):
        database.run(TIE.format(1, 37))
        assert sandbox.extract().tables[0].rows == 37
        assert [fact.rows for fact in sandbox.facts()] == [10, 10, 10, 7]
        assert [fact.last for fact in sandbox.facts()] == [False, False, False, True]
        assert [row["id"] for row in sandbox.rows()] == list(range(1, 38))
        assert len({fact.interval_to for fact in sandbox.facts()}) == 1


@pytest.mark.parametrize(
    ("long", "sizes"), [({10}, [9, 10, 10, 1]), ({9, 10, 20}, [8, 10, 10, 2]), (set(range(1, 14)), [14, 10, 6])]
)
def test_an_object_is_cut_at_a_row_whose_key_fits_into_its_metadata(long: set[int], sizes: list[int]) -> None:
    table = source_table("pages", key=["url"], rows_per_object=10, url="string", last_updated="timestamp")
    with scratch_database(
        "CREATE TABLE pages (url text PRIMARY KEY, last_updated timestamptz NOT NULL)",
        "INSERT INTO pages SELECT n || repeat('\u00e4', CASE WHEN n = ANY('{" + ",".join(map(str, long)) + "}')"
        " THEN 300 ELSE 0 END), '2026-11-20'::date + n FROM generate_series(1, 30) AS n",
        "UPDATE pages SET last_updated = last_updated - interval '100 d'",
    ) as database:
        sandbox = extraction_sandbox(contract_of(table), secret=database.secret())
        sandbox.extract().raise_failures()
        assert len({row["url"] for row in sandbox.rows("pages")}) == len(sandbox.rows("pages")) == 30
        assert [facts.rows for facts in sandbox.facts("pages")] == sizes
        sandbox.extraction.close()


def test_the_first_object_is_stored_while_the_server_still_sends() -> None:
    # 40 MB are more than sockets hold, and an extractor that gathered all rows first would find the server idle.
    with ledger_sandbox(rows_per_object=1_000) as (database, sandbox):
        database.run(
            "INSERT INTO ledger (note, last_updated)"
            " SELECT repeat('x', 1000), '2026-11-20' FROM generate_series(1, 40000)"
        )
        objects = sandbox.objects
        assert isinstance(objects, MemoryObjects)
        states: list[str] = []

        def look(effect: str, key: str) -> None:
            if effect == "write" and key.endswith("000000000001.jsonl.gz"):
                sessions = (
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name ="
                )
                states.extend(row[0] for row in database.rows(f"{sessions} 'starmend-extract'"))

        objects.fail = look  # type: ignore[assignment]
        sandbox.extract().raise_failures()
        assert states == ["active"]
        assert sandbox.numbers() == list(range(1, 41))


def test_a_pass_out_of_time_goes_on_behind_its_last_row_within_a_tie() -> None:
    with ledger_sandbox(rows_per_object=10) as (database, sandbox):
        database.run(TIE.format(1, 10_000))
        outcomes = []
        for _ in range(5):
            [result] = sandbox.extract(budget=time_for(sandbox, 300)).tables
            outcomes.append(result.outcome)
            if result.outcome == "extracted":
                break
            position = sandbox.facts()[-1]
            assert not position.last
            assert sandbox.parameter("timestamp") == "2026-11-20T12:00:00.123000Z"
        assert outcomes == ["out of time", "out of time", "out of time", "extracted"]
        assert [row["id"] for row in sandbox.rows()] == list(range(1, 10_001))
        assert sandbox.numbers() == list(range(1, len(sandbox.numbers()) + 1))
        assert sandbox.metrics.total("TableOutOfTime") == outcomes.count("out of time")


def test_without_any_time_left_no_table_is_begun(ledger: LedgerSandbox) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
    assert sandbox.extract(budget=time_for(sandbox, 0)).tables[0].outcome == "out of time"
    assert sandbox.object_keys() == []


def test_a_cut_interval_is_finished_even_while_the_horizon_is_held() -> None:
    with ledger_sandbox(rows_per_object=10) as (database, sandbox):
        database.run(TIE.format(1, 10_000))
        assert sandbox.extract(budget=time_for(sandbox, 300)).tables[0].outcome == "out of time"
        connection = database.connect()
        for statement in ("BEGIN", "INSERT INTO ledger (id) VALUES (0)", "PREPARE TRANSACTION 'held'"):
            connection.cursor().execute(statement)
        connection.close()
        first = sandbox.facts()[0]
        assert sandbox.extract().tables[0].outcome == "extracted"
        assert sandbox.facts()[-1].interval_to == first.interval_to
        assert sandbox.extract().tables[0].outcome == "held"
        database.run("COMMIT PREPARED 'held'")
        sandbox.extract_until(took(1))
        assert Counter(row["id"] for row in sandbox.rows()) == Counter(range(10_001))


def test_rows_that_changed_after_a_cut_come_with_their_newest_version() -> None:
    with ledger_sandbox(rows_per_object=10) as (database, sandbox):
        database.run(TIE.format(1, 10_000))
        sandbox.extract(budget=time_for(sandbox, 300))
        database.run("UPDATE ledger SET note = 'changed', last_updated = timezone('UTC', now()) WHERE id IN (1, 9999)")
        sandbox.extract_until(lambda result: sandbox.rows()[-1]["note"] == "changed" and result.tables[0].rows == 0)
        newest = {row["id"]: row["note"] for row in sandbox.rows()}
        assert newest == {n: "changed" if n in (1, 9999) else None for n in range(1, 10_001)}


def test_objects_stay_below_their_size() -> None:
    with ledger_sandbox() as (database, sandbox):
        sandbox.extraction.object_bytes = 400_000
        database.run(
            "INSERT INTO ledger (note, last_updated) SELECT md5(n::text), '2026-11-20' FROM generate_series(1, 20000) n"
        )
        sandbox.extract().raise_failures()
        sizes = [len(stored.body) for key in sandbox.object_keys() if (stored := sandbox.objects.read(key))]
        assert len(sizes) > 1
        assert max(sizes) <= 400_000
        assert [row["id"] for row in sandbox.rows()] == list(range(1, 20_001))


# ---------------------------------------------------------------- rows without a place, lookback


def test_rows_without_cursor_are_reported(ledger: LedgerSandbox) -> None:
    database, sandbox = ledger
    database.run(
        "ALTER TABLE ledger ALTER created_at DROP NOT NULL, ALTER last_updated DROP NOT NULL",
        "INSERT INTO ledger (note, created_at, last_updated) VALUES ('lost', NULL, NULL), ('kept', '2026-11-20', NULL)",
    )
    sandbox.extract().raise_failures()
    assert [row["note"] for row in sandbox.rows()] == ["kept"]
    assert sandbox.rows()[0]["last_updated"] == "2026-11-20T00:00:00"
    [warned] = sandbox.logged("rows without cursor or key are not extracted")
    assert warned["rows"] == 1
    assert sandbox.metrics.total("RowsUnplaced") == 1


def test_a_count_that_takes_too_long_costs_no_row(ledger: LedgerSandbox) -> None:
    database, sandbox = ledger
    database.run(
        "ALTER TABLE ledger RENAME TO hidden",
        "CREATE VIEW ledger AS SELECT hidden.* FROM hidden, pg_sleep(0.2)",
        f"GRANT SELECT ON ledger TO {shared_server().extractor.user}",
        "INSERT INTO hidden (note, last_updated) VALUES ('x', '2026-11-20')",
    )
    budget = Budget(lambda: float(len(sandbox.object_keys())), 1.001)  # a millisecond is left once the object is stored
    assert sandbox.extract(budget=budget).tables[0].outcome == "extracted"
    assert [row["note"] for row in sandbox.rows()] == ["x"]
    assert len(sandbox.logged("rows without cursor or key were not counted")) == 1


def test_with_lookback_a_late_row_is_met_again_and_nothing_new_makes_no_object() -> None:
    with ledger_sandbox(lookback=3600) as (database, sandbox):
        late = database.connect(autocommit=False)
        late.cursor().execute("INSERT INTO ledger (note) VALUES ('late')")
        database.run("INSERT INTO ledger (note) VALUES ('early')")
        sandbox.extract_until(lambda result: result.tables[0].rows == 1)
        for _ in range(3):
            assert sandbox.extract().tables[0].outcome == "unchanged"
        late.commit()
        late.close()
        sandbox.extract_until(lambda result: result.tables[0].rows == 2)
        assert [row["note"] for row in sandbox.rows()] == ["early", "late", "early"]
        assert sandbox.extract().tables[0].outcome == "unchanged"
        assert sandbox.numbers() == [1, 2]


# ---------------------------------------------------------------- order and telling


def test_the_backlog_of_one_table_starves_no_other() -> None:
    with scratch_database(*TWO_TABLES) as database:
        database.run(TIE.format(1, 20_000), "INSERT INTO other (note, last_updated) VALUES ('x', '2026-11-20')")
        sandbox = extraction_sandbox(contract_of(replace(LEDGER, rows_per_object=10), OTHER), secret=database.secret())
        for number in range(3):
            backlog, quick = sandbox.extract(budget=time_for(sandbox, 300)).tables
            assert (backlog.outcome, quick.outcome) == ("out of time", "unchanged" if number else "extracted")
            assert backlog.objects + quick.objects >= 300  # the time that one leaves is the other's
        assert [row["id"] for row in sandbox.rows()] == list(range(1, len(sandbox.rows()) + 1))
        assert sandbox.metrics.total("RowsExtracted") == len(sandbox.rows()) + 1
        assert sandbox.metrics.total("TableOutOfTime") == 3
        sandbox.extraction.close()


def test_a_table_that_gives_no_row_in_time_starves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.extract.flow.in_turn", lambda names, _: sorted(names))
    with scratch_database(*TWO_TABLES) as database:
        database.run(
            "CREATE VIEW hopeless AS SELECT ledger.* FROM ledger, pg_sleep(60)",
            f"GRANT SELECT ON hopeless TO {shared_server().extractor.user}",
            "INSERT INTO ledger (last_updated) VALUES ('2026-11-20')",
            "INSERT INTO other (last_updated) VALUES ('2026-11-20')",
        )
        hopeless = replace(LEDGER, name="hopeless")
        sandbox = extraction_sandbox(contract_of(hopeless, OTHER), secret=database.secret())
        sandbox.extraction.statement_seconds = 3
        slow, quick = sandbox.extract(budget=Budget.of(3, clock=time.monotonic)).tables
        assert (slow.outcome, quick.outcome) == ("failed", "extracted")
        assert isinstance(slow.error, StatementTimeOut)
        sandbox.extraction.close()


@pytest.mark.parametrize("tables", [2, 5])
def test_each_table_comes_before_each_other_in_every_second_pass(tables: int) -> None:
    names = [f"table_{number}" for number in range(tables)]
    began = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    orders = [in_turn(names, began + dt.timedelta(minutes=minute)) for minute in range(1000)]
    for one, other in itertools.permutations(names, 2):
        assert 400 < sum(order.index(one) < order.index(other) for order in orders) < 600


def test_the_log_tells_the_start_each_tables_start_update_and_completion(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
    sandbox.extract()
    assert [line["message"] for line in sandbox.log] == [
        "extraction started",
        "table started",
        "table updated",
        "table completed",
        "extraction completed",
    ]
    updated, completed = sandbox.log[2:4]
    assert (updated["table"], updated["rows"], updated["object"]) == ("ledger", 1, sandbox.object_keys()[0])
    assert (completed["outcome"], completed["objects"], completed["rows"]) == ("extracted", 1, 1)
    assert sandbox.metrics.total("RowsExtracted") == 1
    assert plenty().left > 0
