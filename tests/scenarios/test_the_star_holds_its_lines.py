"""A value that somebody altered in the star, in good order: found by the lines that the star was made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pytest
from tests.chaos.mutations import EVERY_LINE
from tests.support.database_simulation import DatabaseSimulation, database_simulation, quick_contracts
from tests.support.sources import source
from tests.support.vandal import Mutation, Vandal

from auditor import steps
from auditor.databases.memory import read_memory
from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file
from auditor.services import Limits
from core.audit.findings import REPORTED, BrokenPartition, ChangedRows
from core.contract.model import CHECKED, Column, Contracts, Table, Take
from core.contract.types import parse_type
from core.errors import TransientFailure
from core.warehouse.current_state import current_table
from processing.partitions.commit import read_partition
from processing.restating.reshape import reshape_lines

FACT = "fact_sales_order"
AUDITS = 40


@pytest.fixture(scope="module")
def lake() -> Iterator[DatabaseSimulation]:
    with database_simulation(sales_orders=60, seed=3) as simulation:
        assert simulation.heal()["audit"]["healthy"]
        yield simulation


def alter(lake: DatabaseSimulation, seed: int) -> tuple[str, int, Mutation]:
    """Another value in a row of the sales orders, its hash left as it was."""
    vandal = Vandal(lake, seed)
    path = vandal.draw.choice(lake.lake.paths(FACT))
    position = vandal.draw.randrange(lake.lake.snapshot(FACT, path).table.num_rows)
    mutation = vandal.alter_value(FACT, path, position)
    assert mutation is not None
    return path, position, mutation


def lines_of(lake: DatabaseSimulation) -> int:
    return sum(lake.lake.snapshot(FACT, path).table.num_rows for path in lake.lake.paths(FACT))


def test_an_altered_value_is_found_made_again_and_not_certified_meanwhile(lake: DatabaseSimulation) -> None:
    lake.limits = EVERY_LINE
    path, _, mutation = alter(lake, 1)
    answers = lake.heal(run="altered")
    [finding] = [each for each in lake.findings("altered") if each.kind not in REPORTED]
    assert isinstance(finding, BrokenPartition)
    assert mutation.named(finding)
    assert "1 of" in finding.problem
    first = AuditResult.from_data(read_run_file(lake.lake.records, "altered", "audit-0"))
    [window] = [window for window in first.windows if f"{FACT}/{path}" in window.partitions]
    assert not window.whole
    assert answers["verify"]["healthy"]
    assert lake.agree() == []
    assert lake.verified() == []


def test_an_altered_value_that_nobody_made_again_is_found_in_every_audit_though_commits_carry_it_on(
    lake: DatabaseSimulation,
) -> None:
    """Later samples draw other lines, and a merge into the partition makes another object with the altered row."""
    lake.limits = EVERY_LINE
    path, position, mutation = alter(lake, 31)
    keys = lake.lake.snapshot(FACT, path).table.column("sales_order_id").to_pylist()
    look(lake, "seen")
    lake.limits = Limits(workers=2, sample_objects=1, sample_partitions=1, sample_lines=1)
    for run in ("again", "carried-on"):
        before = lake.lake.snapshot(FACT, path).key
        if run == "carried-on":
            other = next(key for key in keys if key != keys[position])
            lake.run(
                "update sales_order set last_updated = now(), units_sold = units_sold + 1 where sales_order_id = %s",
                other,
            )
            lake.extract()
        result = look(lake, run)
        assert any(mutation.named(finding) for finding in result.findings)
        assert [window.whole for window in result.windows if f"{FACT}/{path}" in window.partitions] == [False]
        assert (lake.lake.snapshot(FACT, path).key == before) == (run == "again")
    assert lake.heal(run="made-again")["verify"]["healthy"]
    assert read_memory(lake.lake.records, lake.dataset).altered == {}
    assert lake.agree() == []


def look(lake: DatabaseSimulation, run: str) -> AuditResult:
    """An audit that repairs nothing."""
    steps.audit_step({"dataset": lake.dataset, "run": run, "order": {"dataset": lake.dataset}}, lake.services())
    steps.certify_step({"dataset": lake.dataset, "run": run, "attempt": 0}, lake.services())
    return AuditResult.from_data(read_run_file(lake.lake.records, run, "audit-0"))


def test_an_altered_value_is_found_within_as_many_audits_as_the_sample_says(lake: DatabaseSimulation) -> None:
    """A third of the lines in each audit: seven audits leave one in 17 unseen, and forty one in ten million."""
    lake.limits = Limits(workers=2, sample_objects=10_000, sample_partitions=10_000, sample_lines=lines_of(lake) // 3)
    taken = []
    for seed in range(2):
        _, _, mutation = alter(lake, 10 + seed)
        for number in range(1, AUDITS + 1):
            run = f"sampled-{seed}-{number}"
            lake.heal(run=run)
            if any(mutation.named(finding) for finding in lake.findings(run)):
                break
        else:
            pytest.fail(f"{mutation.what}: not found in {AUDITS} audits")
        taken.append(number)
        assert lake.agree() == [], "healed by the run that found it"
    assert len(taken) == 2


def test_an_altered_row_of_a_current_state_is_fetched_again(lake: DatabaseSimulation) -> None:
    lake.limits = EVERY_LINE
    table = current_table(lake.contract, lake.contract.source_table("staff"))
    snapshot = read_partition(lake.lake.partitions, table, "")
    assert snapshot is not None
    emails = snapshot.table.column("email_address").to_pylist()
    place = random.Random(5).randrange(len(emails))
    at = snapshot.table.schema.get_field_index("email_address")
    altered = pa.array([*emails[:place], "x@example.com", *emails[place + 1 :]], pa.string())
    key = snapshot.table.column("staff_id")[place].as_py()
    Vandal(lake, 0)._commit(table, "", snapshot.table.set_column(at, "email_address", altered))
    lake.heal(run="current")
    assert [each for each in lake.findings("current") if isinstance(each, ChangedRows)] == [
        ChangedRows(lake.dataset, "staff", ((key,),))
    ]
    assert lake.agree() == []
    assert [each for each in lake.audited() if each.kind not in REPORTED] == []


def test_an_altered_row_is_found_though_an_earlier_line_has_its_key_and_version(lake: DatabaseSimulation) -> None:
    """The source changed the row without a new time, so that its first line and that of the repair are of one key."""
    lake.limits = EVERY_LINE
    path = lake.lake.paths(FACT)[0]
    rows = lake.lake.snapshot(FACT, path).table
    [position, *_] = [at for at, flag in enumerate(rows.column("is_latest").to_pylist()) if flag]
    key = rows.column("sales_order_id")[position].as_py()
    lake.run("update sales_order set units_sold = units_sold + 1 where sales_order_id = %s", key)
    assert lake.heal(run="silent")["verify"]["healthy"]
    again = lake.lake.snapshot(FACT, path).table
    assert again.column("sales_order_id")[position].as_py() == key
    mutation = Vandal(lake, 6).alter_value(FACT, path, position)
    assert mutation is not None
    lake.heal(run="altered-after")
    assert any(mutation.named(finding) for finding in lake.findings("altered-after")), mutation.what
    assert lake.lake.snapshot(FACT, path).table.equals(again)


def test_an_altered_row_of_a_current_state_is_found_though_the_row_had_other_values_before(
    lake: DatabaseSimulation,
) -> None:
    lake.limits = EVERY_LINE
    table = current_table(lake.contract, lake.contract.source_table("department"))
    [(key,), *_] = lake.run("select department_id from department order by 1")
    for number in range(3):
        lake.changes.rename_department(key, name=f"Renamed {number}")
        lake.extract()
    snapshot = read_partition(lake.lake.partitions, table, "")
    assert snapshot is not None
    rows = snapshot.table
    place = rows.column("department_id").to_pylist().index(key)
    at = rows.schema.get_field_index("location")
    places = rows.column("location").to_pylist()
    places[place] = "elsewhere"
    Vandal(lake, 0)._commit(table, "", rows.set_column(at, "location", pa.array(places, pa.string())))
    lake.heal(run="current-after")
    assert [each for each in lake.findings("current-after") if isinstance(each, ChangedRows)] == [
        ChangedRows(lake.dataset, "department", ((key,),))
    ]
    assert lake.agree() == []


def test_a_run_has_its_lines_shaped_once_and_compares_again_what_was_made_again(lake: DatabaseSimulation) -> None:
    lake.limits = EVERY_LINE
    asked: list[str] = []
    services = lake.services()
    ask = services.reshape
    assert ask is not None
    shaping = replace(services, reshape=lambda question: asked.append(str(question["table"])) or ask(question))
    lake.services = lambda: shaping  # type: ignore[method-assign]
    path, _, mutation = alter(lake, 21)
    try:
        answers = lake.heal(run="once")
    finally:
        del lake.services  # type: ignore[method-assign]
    assert any(mutation.named(finding) for finding in lake.findings("once")), mutation.what
    assert answers["verify"]["healthy"]
    assert len(asked) == len(set(asked)) > 0
    sound = read_run_file(lake.lake.records, "once", "sampled")["sound"]
    assert sound[f"{FACT}/{path}"] == lake.lake.snapshot(FACT, path).key, "that of the object that was made since"


def test_where_processing_does_not_answer_the_audit_goes_on_and_says_so(lake: DatabaseSimulation) -> None:
    def gone(_question: object) -> dict[str, object]:
        raise TransientFailure("reshape lines", "restate", "throttled", "")

    services = replace(lake.services(), reshape=gone)
    steps.audit_step({"dataset": lake.dataset, "run": "unanswered", "order": {"dataset": lake.dataset}}, services)
    assert [each for each in lake.findings("unanswered") if each.kind not in REPORTED] == []
    assert lake.log.about("no sample of lines")


def test_lines_are_not_compared_while_processing_goes_by_another_contract(lake: DatabaseSimulation) -> None:
    """A deployment updates one function after the other: here processing has a column less."""
    lake.limits = EVERY_LINE
    table = lake.contracts.table(FACT)
    fewer = replace(table, columns=tuple(column for column in table.columns if column.name != "units_sold"))
    assert fewer != table
    tables = tuple(fewer if each.name == FACT else each for each in lake.contract.tables)
    before = replace(lake.contract, tables=tables, hash="another")
    others = [each for each in lake.contracts if each.dataset != lake.dataset]
    processing = replace(lake.lake.services, contracts=replace(lake.contracts, contracts=(*others, before)))
    services = replace(lake.services(), reshape=lambda question: reshape_lines(processing, question))
    steps.audit_step({"dataset": lake.dataset, "run": "deploying", "order": {"dataset": lake.dataset}}, services)
    assert [each for each in lake.findings("deploying") if each.kind not in REPORTED] == []


def with_fact(change: Callable[[Table], Table]) -> Contracts:
    """The shipped contracts with another table of sales orders."""
    contracts = quick_contracts()
    contract = contracts.dataset("sales")
    tables = tuple(change(table) if table.name == FACT else table for table in contract.tables)
    others = [each for each in contracts if each.dataset != "sales"]
    return replace(contracts, contracts=(*others, replace(contract, tables=tables)))


@contextmanager
def loaded(contracts: Contracts) -> Iterator[DatabaseSimulation]:
    with source(sales_orders=20, seed=4) as database:
        lake = DatabaseSimulation(database, contracts=contracts, seed=4)
        try:
            lake.extract()
            lake.limits = EVERY_LINE
            yield lake
        finally:
            lake.close()


def test_what_a_repair_says_of_a_row_under_another_name_is_no_other_value() -> None:
    """The row is fetched again under the hash of its first line, which knew of no repair."""
    column = Column("seen_again_at", parse_type("timestamp"), Take(CHECKED))
    with loaded(with_fact(lambda fact: replace(fact, columns=(*fact.columns, column)))) as lake:
        assert lake.heal()["audit"]["healthy"]
        path = lake.lake.paths(FACT)[0]
        rows = lake.lake.snapshot(FACT, path).table
        latest = rows.filter(rows.column("is_latest"))
        Vandal(lake, 4).drop_row(FACT, path, latest.column("sales_order_id")[0].as_py())
        lake.heal(run="dropped")
        assert {each.kind for each in lake.findings("dropped") if each.kind not in REPORTED}
        again = lake.lake.snapshot(FACT, path).table
        assert again.num_rows - again.column("seen_again_at").null_count == 1
        lake.heal(run="after")
        assert [each for each in lake.findings("after") if each.kind not in REPORTED] == []


def test_a_fact_that_keeps_no_hash_of_its_lines_is_compared_by_none() -> None:
    """Its version has no mark of repairs: nothing says which line a row is of."""
    with loaded(with_fact(lambda fact: replace(fact, version=("last_updated",)))) as lake:
        assert lake.heal()["audit"]["healthy"]
        assert lake.heal(run="again")["audit"]["healthy"]
