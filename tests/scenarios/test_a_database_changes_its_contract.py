"""A database's contract changes while the lake lives: what its rows lack is fetched from the source, and certified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.support.database_simulation import DatabaseSimulation, database_simulation

from auditor.changes.estimate import Lake, Work, estimate_work
from auditor.services import Budget
from cli.change_costs import cost_of, costs_of
from core.audit.repair_jobs import FetchRows, find_outcome, job_keys
from core.contract.codec import content_hash
from core.contract.model import Column, Contracts, Field, Latest, SourceTable, Table, Take
from core.contract.types import parse_type
from core.evolution.compare import compare_contracts
from core.evolution.generations import plan_transition
from core.warehouse.row_layout import basis_of
from processing.restating.generations import build_generations

pytestmark = pytest.mark.database

MONEY = parse_type("decimal(10,2)")
FACT, SOURCE = "fact_sales_order", "sales_order"
DISCOUNT = Field("discount", MONEY, required=False)


@pytest.fixture
def sales() -> Iterator[DatabaseSimulation]:
    """The sales lake, its orders of four months all certified; the sweep is slow, so that it helps nobody."""
    with database_simulation(sales_orders=90, seed=11, settings={"sweep": 10**9}) as simulation:
        whole = simulation.heal(run="whole", start="2026-08-01T00:00:00Z", end="2026-12-01T00:00:00Z")
        assert whole["audit"]["healthy"]
        assert simulation.verified() == []
        yield simulation


def test_a_column_that_is_new_is_fetched_for_all_old_rows_the_newest_first_and_certified(
    sales: DatabaseSimulation,
) -> None:
    add_discounts(sales)
    sales.deployed(with_field(sales.contracts, DISCOUNT))
    healed = sales.heal(run="first")
    assert healed["audit"]["kinds"] == {"outdated_partition": 4, "unfilled_row": 4}
    assert healed["verify"]["healthy"]
    assert (sales.agree(), sales.verified(), sales.mail.sent) == ([], [], [])
    assert discounts(sales) == dict(sales.run("select sales_order_id, discount from sales_order"))
    fetched = [key[0] for job in sales.jobs("first") if isinstance(job, FetchRows) for key in job.keys]
    assert len(fetched) == len({*fetched}) == 90
    assert sales.heal(run="again")["audit"]["idle"]


def test_a_budget_fills_the_newest_rows_first_and_nothing_is_made_again_without_them(sales: DatabaseSimulation) -> None:
    add_discounts(sales)
    sales.deployed(with_field(sales.contracts, DISCOUNT))
    sales.limits = replace(sales.limits, attempts=1, budget=Budget(rows=45))
    for run in range(20):
        before = discounts(sales)
        healed = sales.heal(run=f"run-{run}")
        if healed["audit"]["idle"]:
            break
        filled = {number for number, value in discounts(sales).items() if value is not None}
        assert len(filled) <= 45 * (run + 1)
        assert filled >= {number for number, value in before.items() if value is not None}
        newest = months(sales, filled)
        assert newest == sorted({*months(sales, {*discounts(sales)})}, reverse=True)[: len(newest)]
        assert sales.mail.sent == []
    assert 3 <= run < 20
    assert (sales.agree(), sales.verified()) == ([], [])


def test_a_column_that_the_source_has_only_since_a_time_is_fetched_from_then_on_alone(
    sales: DatabaseSimulation,
) -> None:
    add_discounts(sales)
    sales.deployed(with_field(sales.contracts, replace(DISCOUNT, since="2026-11-01T00:00:00Z")))
    assert sales.heal(run="first")["verify"]["healthy"]
    changed = sales.run("select sales_order_id from sales_order where last_updated >= '2026-11-01'")
    assert {number for number, value in discounts(sales).items() if value is not None} == {row[0] for row in changed}
    assert 0 < len(changed) < 90
    assert (sales.verified(), sales.mail.sent) == ([], [])


def test_a_value_that_comes_from_a_column_of_which_no_object_has_any_is_never_null_meanwhile(
    sales: DatabaseSimulation,
) -> None:
    """The partitions are made again only when their rows are fetched: a restate alone would have emptied them."""
    add_discounts(sales)
    of_discount = Take("discount")
    contracts = with_field(sales.contracts, DISCOUNT, fact="")
    sales.deployed(changed(contracts, lambda table: table, lambda table: with_rule(table, "unit_price", of_discount)))
    sales.limits = replace(sales.limits, attempts=1, budget=Budget(rows=45))
    for run in range(20):
        idle = sales.heal(run=f"run-{run}")["audit"]["idle"]
        assert all(row["unit_price"] is not None for row in sales.lake.rows(FACT))
        if idle:
            break
    assert (sales.agree(), sales.verified(), sales.mail.sent) == ([], [], [])


@pytest.mark.long
def test_wider_types_falsify_no_certificate_and_each_has_its_successor_when_the_run_ends(
    sales: DatabaseSimulation,
) -> None:
    before = sales.lake.rows(FACT)
    wider = {"units_sold": parse_type("bigint"), "unit_price": parse_type("decimal(14,2)")}

    def of_source(table: SourceTable) -> SourceTable:
        fields = (replace(field, type=wider.get(field.name, field.type)) for field in table.fields)
        return replace(table, fields=tuple(fields)) if table.name == SOURCE else table

    def of_fact(table: Table) -> Table:
        columns = (replace(column, type=wider.get(column.name, column.type)) for column in table.columns)
        return replace(table, columns=tuple(columns)) if table.name == FACT else table

    sales.deployed(changed(sales.contracts, of_source, of_fact))
    assert sales.verified() == []  # of objects that nobody has made again
    healed = sales.heal(run="first")
    assert healed["audit"]["kinds"] == {"outdated_partition": 4}
    assert healed["certify"]["certificates"] >= 4  # those of the tables that are audited anyway too
    assert (sales.verified(), sales.mail.sent, sales.lake.rows(FACT)) == ([], [], before)
    sales.run("alter table sales_order alter units_sold type bigint, alter unit_price type numeric(14,2)")
    sales.run("update sales_order set units_sold = 2^40, unit_price = 123456789012.34, last_updated = now()")
    sales.extract()
    sales.heal(run="second")
    assert sales.agree() == []


@pytest.mark.parametrize("since", ["", pytest.param("2026-11-01T00:00:00Z", marks=pytest.mark.long)])
def test_what_changes_will_take_is_told_within_a_factor_of_two_of_what_they_then_take(
    sales: DatabaseSimulation, since: str
) -> None:
    """A column is fetched for old rows, a mapping changes, and a table is built in other partitions."""
    add_discounts(sales)
    sales.lake.services = replace(sales.lake.services, memory_mb=1769)
    filled = with_field(sales.contracts, replace(DISCOUNT, since=since))
    told, done = told_of(sales, filled), healed_to(sales, filled, "fill")
    assert done.fetched > 0
    assert_told("additive", told, done)

    mapped = changed(
        sales.contracts, lambda table: table, lambda table: with_rule(table, "unit_price", Take("discount"))
    )
    told, done = told_of(sales, mapped), healed_to(sales, mapped, "map")
    assert (done.fetched, done.partitions) == (0, 4)
    assert_told("restate", told, done)

    daily = changed(sales.contracts, lambda table: table, by_day)
    told, done = told_of(sales, daily), built_to(sales, daily)
    assert done.partitions > 40
    assert_told("rebuild", told, done)


def told_of(sales: DatabaseSimulation, after: Contracts) -> Work:
    """The work of the fact that is told before these contracts are deployed; nothing else of the lake has any."""
    lake = Lake(sales.lake.ingest, sales.lake.records, sales.lake.partitions, now=int(sales.now().timestamp()))
    changes = compare_contracts(sales.contracts, after)
    [work] = estimate_work(lake, sales.contracts, after, changes)
    [cost] = costs_of(lake, sales.contracts, after, changes)
    assert (work.subject, cost.grade, cost.work) == (FACT, work.grade, (work,)), (changes, cost)
    return work


def assert_told(grade: str, told: Work, done: Work) -> None:
    assert told.grade == grade, told
    for name in COUNTS:
        before, then = getattr(told, name), getattr(done, name)
        assert then / 2 <= before <= then * 2, (grade, name, before, then)
    before, then = cost_of(grade, [told]), cost_of(grade, [done])
    assert then.minutes / 2 <= before.minutes <= then.minutes * 2, (grade, before, then)
    assert then.usd / 2 <= before.usd <= then.usd * 2, (grade, before, then)


COUNTS = ("partitions", "rows", "fetched", "parsed", "reads", "writes", "jobs")


def healed_to(sales: DatabaseSimulation, after: Contracts, run: str) -> Work:
    """Deploy, and count what the audits do until they have nothing to do."""
    sales.deployed(after)
    versions = sales.lake.versions()
    known = set(sales.ingest_keys("repair/"))
    assert sales.heal(run=run)["verify"]["healthy"]
    assert sales.heal()["audit"]["idle"], "it takes one audit"
    keys = [key for attempt in (1, 2) for key in job_keys(sales.lake.records, run, attempt)]
    outcomes = [outcome for key in keys if (outcome := find_outcome(sales.lake.records, key))]
    efforts = [outcome.effort for outcome in outcomes if outcome.effort]
    fetched = [sales.lake.receipt(key) for key in sales.ingest_keys("repair/") if key not in known]
    reads = sum(effort.reads for effort in efforts)
    objects = [*sales.ingest_keys(f"tables/sales/{SOURCE}/"), *sales.ingest_keys(f"repair/sales/{SOURCE}/")]
    lines = sum(sales.lake.receipt(key)["lines_in"] for key in objects)
    return Work(
        "sales",
        FACT,
        "additive",
        partitions=sum(versions[name] != now for name, now in sales.lake.versions().items() if f"/{FACT}/" in name),
        rows=sum(effort.rows for effort in efforts),
        fetched=sum(receipt["lines_in"] for receipt in fetched),
        parsed=lines * reads // len(objects),  # each job reads all of them
        reads=reads,
        writes=sum(effort.writes for effort in efforts) + sum(1 + 2 * len(each["partitions"]) for each in fetched),
        jobs=len(keys),
    )


def built_to(sales: DatabaseSimulation, after: Contracts) -> Work:
    """Deploy in two steps, and count what the building between them does."""
    now = int(sales.now().timestamp())
    transition = plan_transition(sales.contracts, after, now=now)
    sales.deployed(transition.first)
    before = sum(map(len, sales.lake.partitions.history.values()))
    with opened_objects(sales) as opened:
        [built] = list(build_generations(sales.lake.services, transition.building))
    versions = sum(map(len, sales.lake.partitions.history.values())) - before
    sales.deployed(transition.last(now))
    assert len(sales.lake.paths(FACT)) == versions
    return Work(
        "sales",
        FACT,
        "rebuild",
        partitions=versions,
        rows=built.rows,
        parsed=sum(sales.lake.receipt(key)["lines_in"] for key in opened),
        reads=len(opened),
        writes=2 * versions,
    )


@contextmanager
def opened_objects(sales: DatabaseSimulation) -> Iterator[list[str]]:
    """The ingest objects that are opened while the block runs, as often as they are."""
    opened: list[str] = []

    def note(effect: str, key: str) -> None:
        if effect == "open":
            opened.append(key)

    before = sales.lake.ingest.fail
    sales.lake.ingest.fail = note
    try:
        yield opened
    finally:
        sales.lake.ingest.fail = before


def by_day(table: Table) -> Table:
    parts = tuple(replace(part, name="day", transform="day") for part in table.partition_by)
    return replace(table, partition_by=parts) if table.name == FACT else table


def add_discounts(sales: DatabaseSimulation) -> None:
    """The application has a column more, and values in it; it says of no row that it changed."""
    sales.run("alter table sales_order add column discount numeric(10,2)")
    sales.run("update sales_order set discount = sales_order_id + 0.25")


def discounts(sales: DatabaseSimulation) -> dict[int, Decimal | None]:
    return {row["sales_order_id"]: row["discount"] for row in sales.lake.rows(FACT) if row["is_latest"]}


def months(sales: DatabaseSimulation, numbers: set[int]) -> list[str]:
    rows = {row["sales_order_id"]: f"{row['created_at']:%Y-%m}" for row in sales.lake.rows(FACT)}
    return sorted({rows[number] for number in numbers}, reverse=True)


def with_rule(table: Table, name: str, rule: Take) -> Table:
    columns = tuple(replace(column, rule=rule) if column.name == name else column for column in table.columns)
    return replace(table, columns=columns) if table.name == FACT else table


def with_field(contracts: Contracts, field: Field, *, source: str = SOURCE, fact: str = FACT) -> Contracts:
    """The contracts with one field more of a source's table, and in its fact."""

    def of_source(table: SourceTable) -> SourceTable:
        own = [each for each in table.fields if not each.added]
        return replace(table, fields=(*own, field, *table.fields[len(own) :])) if table.name == source else table

    def of_fact(table: Table) -> Table:
        column = Column(field.name, field.type, Take(field.name))
        return replace(table, columns=(*table.columns, column)) if table.name == fact else table

    return changed(contracts, of_source, of_fact)


def changed(
    contracts: Contracts, source: Callable[[SourceTable], SourceTable], table: Callable[[Table], Table]
) -> Contracts:
    """The contracts with other tables of the sales dataset."""

    def of_contract(contract: Any) -> Any:
        if contract.dataset != "sales":
            return contract
        database = replace(contract.source, tables=tuple(map(source, contract.source.tables)))
        contract = replace(contract, source=database, tables=tuple(map(table, contract.tables)), hash="")
        return replace(contract, hash=content_hash(contract))

    return replace(contracts, contracts=tuple(map(of_contract, contracts.contracts)))


def test_a_dimension_gets_a_new_column_of_its_current_state_from_the_source(sales: DatabaseSimulation) -> None:
    sales.run("alter table staff add column badge text")
    sales.run("update staff set badge = 'B-' || staff_id")
    badge = Field("badge", parse_type("string"), required=False)
    sales.deployed(with_field(sales.contracts, badge, source="staff", fact="dim_staff"))
    healed = sales.heal(run="first")
    assert healed["audit"]["kinds"] == {"outdated_partition": 2, "unfilled_row": 1}  # the state, and what is made of it
    assert healed["verify"]["healthy"]
    assert all(row["badge"] == f"B-{row['staff_id']}" for row in sales.lake.rows("dim_staff"))
    assert (sales.agree(), sales.verified(), sales.mail.sent) == ([], [], [])
    assert sales.heal(run="again")["audit"]["idle"]


def test_what_was_looked_up_in_another_file_is_looked_up_again(sales: DatabaseSimulation) -> None:
    before = {row["currency_code"]: row["currency_name"] for row in sales.lake.rows("dim_currency")}
    [lookup] = [each for each in sales.contracts.lookups if each.name == "currencies"]
    columns = {name: tuple(value.upper() for value in values) for name, values in lookup.columns.items()}
    others = [each for each in sales.contracts.lookups if each is not lookup]
    lookups = (*others, replace(lookup, columns=columns))
    contracts = replace(sales.contracts, lookups=lookups)
    contracts = changed(contracts, lambda table: table, lambda table: with_basis(table, contracts))
    same = {contract.dataset: contract.hash for contract in sales.contracts}  # a file is none of the contract's text
    hashed = tuple(replace(contract, hash=same[contract.dataset]) for contract in contracts)
    sales.deployed(replace(contracts, contracts=hashed))
    healed = sales.heal(run="first")
    assert healed["audit"]["kinds"] == {"outdated_partition": 1}
    assert healed["verify"]["healthy"]
    after = {row["currency_code"]: row["currency_name"] for row in sales.lake.rows("dim_currency")}
    assert after == {code: name.upper() for code, name in before.items()} != before
    assert sales.heal(run="again")["audit"]["idle"]


@pytest.mark.long
def test_rows_of_another_history_are_made_again_wherever_they_are_and_alarm_nobody(sales: DatabaseSimulation) -> None:
    def without_history(table: Table) -> Table:
        columns = tuple(column for column in table.columns if not isinstance(column.rule, Latest))
        return replace(table, history_of=(), columns=columns) if table.name == FACT else table

    with_history = sales.contracts
    sales.deployed(changed(with_history, lambda table: table, without_history))
    assert sales.heal(run="first")["verify"]["healthy"]
    assert all("is_latest" not in row for row in sales.lake.rows(FACT))
    sales.run("update sales_order set last_updated = now(), units_sold = 8 where sales_order_id = 5")
    sales.extract()
    sales.deployed(with_history)
    assert sales.heal(run="second")["verify"]["healthy"]
    latest = [row["is_latest"] for row in sales.lake.rows(FACT) if row["sales_order_id"] == 5]
    assert sorted(latest) == [False, True]
    assert all(row["is_latest"] for row in sales.lake.rows(FACT) if row["sales_order_id"] != 5)
    assert (sales.agree(), sales.verified(), sales.mail.sent) == ([], [], [])


def with_basis(table: Table, contracts: Contracts) -> Table:
    source = contracts.dataset(table.dataset).source
    return replace(table, basis=basis_of(table, source, contracts.lookups))


def test_a_column_that_the_database_renamed_is_read_under_both_names_and_no_row_is_fetched_again(
    sales: DatabaseSimulation,
) -> None:
    """Superseded versions too, which no database has any more; and rows stay right while the audits are under way."""
    sales.run("update sales_order set unit_price = unit_price + 1, last_updated = now() where sales_order_id <= 20")
    sales.extract()
    sales.heal(run="before")
    before, staff = sales.lake.rows(FACT), sales.lake.rows("dim_staff")
    sales.run("alter table sales_order rename unit_price to price")
    sales.run("alter table staff rename first_name to given_name")
    contracts = renamed(sales.contracts, SOURCE, "unit_price", "price")
    sales.deployed(renamed(contracts, "staff", "first_name", "given_name"))
    sales.run("update staff set last_name = 'Nobody', last_updated = now() where staff_id = 1")
    sales.extract()
    changed_staff = [row | {"last_name": "Nobody"} if row["staff_id"] == 1 else row for row in staff]
    assert sales.lake.rows("dim_staff") == changed_staff
    healed = sales.heal(run="first")
    assert set(healed["audit"]["kinds"]) == {"outdated_partition"}
    assert healed["verify"]["healthy"]
    assert not [job for job in sales.jobs("first") if isinstance(job, FetchRows)]
    assert (sales.lake.rows(FACT), sales.lake.rows("dim_staff")) == (before, changed_staff)
    assert (sales.agree(), sales.verified(), sales.mail.sent) == ([], [], [])
    sales.run("update sales_order set price = price + 1, last_updated = now() where sales_order_id = 1")
    sales.extract()
    assert sales.agree() == []
    sales.run("update sales_order set price = price + 1 where sales_order_id = 7")  # and says nothing of it
    assert sales.heal(run="second", start="2026-08-01T00:00:00Z", end="2026-12-01T00:00:00Z")["verify"]["healthy"]
    assert (sales.agree(), sales.verified()) == ([], [])


def renamed(contracts: Contracts, source: str, old: str, new: str) -> Contracts:
    """The contracts with a field of a source's table under another name, which says the former one."""

    def of_source(table: SourceTable) -> SourceTable:
        fields = (replace(field, name=new, was=(old,)) if field.name == old else field for field in table.fields)
        return replace(table, fields=tuple(fields)) if table.name == source else table

    def of_table(table: Table) -> Table:
        columns = (replace(column, rule=Take(new)) if column.rule == Take(old) else column for column in table.columns)
        return replace(table, columns=tuple(columns)) if table.source == source else table

    return changed(contracts, of_source, of_table)
