"""Proposals held against the hand-written contract of the sales database, and against generated databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.database_simulation import DatabaseSimulation, with_source
from tests.support.extraction import scratch_database
from tests.support.generated_databases import generated_database
from tests.support.lake import shipped_contracts
from tests.support.own_databases import Tally, judged, session_of, try_own_database
from tests.support.proposed import ENGINE, loaded, proposed_text, taken
from tests.support.sources import Source, shared_server, source

from core.contract.model import Contract, Database, Table
from core.proposing.roles import understand

pytestmark = pytest.mark.database
SALES_ORDERS = 400
DEMONSTRATION = 50_000  # orders: what the hand-written partitions are for


def shape(contract: Contract, table: Table) -> object:
    """What a table is, whatever its columns are called: fields instead of names."""
    fields = {column.name: column.rule for column in table.columns}
    partitions = [(part.transform, fields[part.column], part.buckets) for part in table.partition_by]
    names = (table.key, table.version, table.history_of)
    keys = [[fields[name] for name in each] for each in names]
    return (table.kind, table.source, keys, partitions, sorted((join.table, join.on) for join in table.joins))


def right(written: Contract, proposed: Contract) -> dict[str, bool]:
    """Of each hand-written table, whether the proposal has it: the same grain, and every column that was promised."""
    verdicts = {}
    theirs = {(table.kind, table.source): table for table in proposed.tables}
    for table in written.tables:
        other = theirs.get((table.kind, table.source))
        ours = taken(written, table.name)
        verdicts[table.name] = (
            other is not None
            and ours.items() <= taken(proposed, other.name).items()
            and (table.kind == "calendar" or shape(written, table) == shape(proposed, other))
        )
    return verdicts


def test_of_the_eleven_star_tables_of_the_sales_database_all_but_the_looked_up_one_come_out_right(
    tmp_path: Path,
) -> None:
    written = shipped_contracts().dataset("sales")
    with source(sales_orders=SALES_ORDERS) as database:
        text = proposed_text(session_of(database.dbname), "sales", times=DEMONSTRATION // SALES_ORDERS)
    verdicts = right(written, loaded(text, tmp_path).dataset("sales"))
    assert len(verdicts) == 11
    # The names of currencies come from a file beside the contract, which no catalog knows of.
    assert [name for name, verdict in verdicts.items() if not verdict] == ["dim_currency"]


def test_the_proposal_for_the_sales_database_loads_every_row_unedited(tmp_path: Path) -> None:
    with source(sales_orders=120) as database:
        contracts = loaded(proposed_text(session_of(database.dbname), "sales"), tmp_path)
        simulation = DatabaseSimulation(database, contracts=with_source(contracts, "sales", margin=0))
        try:
            simulation.extract()
            assert simulation.agree() == []
            assert len(simulation.lake.rows("fact_sales_order")) == 120
        finally:
            simulation.close()


@pytest.mark.parametrize("seed", range(3))
def test_of_a_generated_database_each_table_plays_its_part_and_every_row_arrives(seed: int, tmp_path: Path) -> None:
    assert problems_of(seed, tmp_path) == []


@pytest.mark.parametrize("seed", [0, 1, 20261129])
def test_a_dump_that_nobody_has_seen_is_promised_unedited_loads_whole_and_heals(seed: int, tmp_path: Path) -> None:
    tally = Tally()
    try_own_database(seed, tmp_path, tally)
    assert tally.faults == []


# As an ORM makes it, for a server whose own zone is another than that which the application's defaults write.
CLOCKS = """"createdAt" timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
  "updatedAt" timestamp(3) NOT NULL, "deletedAt" timestamp(3)"""
ORM = [
    f'CREATE TABLE "User" ("userId" int PRIMARY KEY, email text NOT NULL, {CLOCKS})',
    f'CREATE TABLE "Product" (id int PRIMARY KEY, name text NOT NULL, {CLOCKS})',
    f"""CREATE TABLE "Order" (id int PRIMARY KEY, "userId" int NOT NULL REFERENCES "User", "productId" int NOT NULL
      REFERENCES "Product", "paidOn" date NOT NULL, amount numeric(10,2) NOT NULL, {CLOCKS}) PARTITION BY RANGE (id)""",
    'CREATE TABLE "Order_low" PARTITION OF "Order" FOR VALUES FROM (0) TO (3)',
    'CREATE TABLE "Order_rest" PARTITION OF "Order" DEFAULT',
    """INSERT INTO "User" SELECT g, 'a@b', '2026-11-01', '2026-11-02' FROM generate_series(1, 3) AS g""",
    """INSERT INTO "Product" SELECT g, 'thing', '2026-11-01', '2026-11-02' FROM generate_series(1, 3) AS g""",
    """INSERT INTO "Order" SELECT g, 1 + g % 3, 1 + g % 2, '2026-11-01', g, '2026-11-01 12:00', '2026-11-02',
      CASE g WHEN 5 THEN timestamp '2026-11-03 00:30' END FROM generate_series(1, 9) AS g""",
    "ANALYZE",
]


def test_a_schema_of_an_orm_with_soft_deletes_and_a_zone_of_its_own_loads_unedited(tmp_path: Path) -> None:
    with scratch_database(*ORM) as database:
        database.run(f"ALTER DATABASE {database.dbname} SET TimeZone = 'Europe/Berlin'")
        session = session_of(database.dbname)
        contracts = loaded(proposed_text(session, "shop"), tmp_path)
        contract = contracts.dataset("shop")
        assert isinstance(contract.source, Database)
        assert contract.source.timezone == "UTC"
        assert judged(contract, session) == []
        origin = Source(shared_server(), database.dbname)
        simulation = DatabaseSimulation(origin, contracts=with_source(contracts, "shop", margin=0), dataset="shop")
        try:
            simulation.extract()
            rows = {row["id"]: row for row in simulation.lake.rows("fact_order")}
        finally:
            simulation.close()
    assert len(rows) == 9
    assert f"{rows[1]['created_at']:%H:%M}" == "12:00"
    assert f"{rows[5]['source_deleted_at']:%d %H:%M}" == "03 00:30"
    assert all(row["is_latest"] and row["deleted_at"] is None for row in rows.values())


def problems_of(seed: int, folder: Path) -> list[str]:
    """What is wrong with the proposal for a generated database; an empty list where nothing is."""
    generated = generated_database(seed)
    with scratch_database(*generated.statements) as database:
        session = session_of(database.dbname)
        text = proposed_text(session, "generated")
        contracts = loaded(text, folder)
        listed = {table.name: table for table in ENGINE.listed(session)}
        samples = {table.relation: ENGINE.sampled(session, table) for table in listed.values() if table.kind == "table"}
        understood = {known.table.name: known for known in understand([*listed.values()], samples)}
        wrong = []
        for part in generated.parts:
            known = understood[part.name]
            clocks = (known.clocks.created_at, known.clocks.changed_at)
            role = "dimension" if known.role == "absorbed" else known.role
            if (role, known.table.key, *clocks) != (part.role, part.key, part.created_at, part.changed_at):
                wrong.append(f"{part}: {known.role}, {known.table.key}, {clocks}")
        wrong += [name for name in ("no key", "seen") if understood[name].role != "left out"]
        contract = contracts.dataset("generated")
        wrong += judged(contract, session)
        origin = Source(shared_server(), database.dbname)
        immediate = with_source(contracts, "generated", margin=0)
        simulation = DatabaseSimulation(origin, contracts=immediate, dataset="generated")
        try:
            simulation.extract()
            for table in contract.tables:
                if table.kind in ("fact", "dimension") and not contract.source_table(table.source).by_keys:
                    relation = contract.source_table(table.source).relation or f'"{table.source}"'
                    rows = database.rows(f"SELECT count(*) FROM {relation}")[0][0]
                    if len(simulation.lake.rows(table.name)) != rows:
                        wrong.append(f"{table.name}: {len(simulation.lake.rows(table.name))} rows of {rows}")
        finally:
            simulation.close()
    return wrong


def test_a_document_or_an_array_in_a_key_is_proposed_as_its_text(tmp_path: Path) -> None:
    """A document it would be as any other column, and a repair that asks for rows by it ended with an error."""
    made = "CREATE TABLE tagged (tags int[], doc jsonb, more jsonb, at timestamptz NOT NULL, PRIMARY KEY (tags, doc))"
    with scratch_database(made, "INSERT INTO tagged VALUES ('{1}', 'null', '[1]', now())") as database:
        contracts = loaded(proposed_text(session_of(database.dbname), "tagged"), tmp_path)
    fields = {field.name: field.type.name for field in contracts.dataset("tagged").source_table("tagged").fields}
    assert (fields["tags"], fields["doc"], fields["more"]) == ("string", "string", "json")
