"""Generations of tables: which get a new one, what stands beside what, what it is called, and when it may go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.lake import shipped_contracts

from core.contract.codec import from_data, to_data
from core.contract.model import Contract, Contracts, Database, SourceTable, Table
from core.contract.types import parse_type
from core.evolution.deployments import ContractForm, Deployment, Recorded
from core.evolution.generations import Transition, plan_transition, retired_folders
from core.time import iso
from core.warehouse.vacuum import GRACE

NOW = 1_800_000_000
HOURS = 3600


def changed(contracts: Contracts, dataset: str, change: Callable[[Contract], Contract]) -> Contracts:
    """The contracts with one dataset's changed, as its author writes it."""
    return replace(
        contracts,
        contracts=tuple(
            replace(change(each), hash=f"{each.hash}'") if each.dataset == dataset else each for each in contracts
        ),
    )


def with_table(contracts: Contracts, name: str, change: Callable[[Table], Table]) -> Contracts:
    def of(contract: Contract) -> Contract:
        return replace(contract, tables=tuple(change(each) if each.name == name else each for each in contract.tables))

    return changed(contracts, contracts.table(name).dataset, of)


def by_day(contracts: Contracts) -> Contracts:
    """Quotes and their rollup by day instead of by month."""
    for name in ("fact_quote", "fact_quote_hourly"):
        contracts = with_table(
            contracts,
            name,
            lambda table: replace(
                table,
                partition_by=tuple(
                    replace(part, name="day", transform="day") if part.transform == "month" else part
                    for part in table.partition_by
                ),
            ),
        )
    return contracts


def by_hour(contracts: Contracts) -> Contracts:
    """What ``by_day`` made, by hour."""
    for name in ("fact_quote", "fact_quote_hourly"):
        contracts = with_table(contracts, name, by_the_hour)
    return contracts


def by_the_hour(table: Table) -> Table:
    parts = (
        replace(part, name="hour", transform="hour") if part.transform == "day" else part for part in table.partition_by
    )
    return replace(table, partition_by=tuple(parts))


def by_the_month_before(table: Table) -> Table:
    """The rollup's rows in one partition for all symbols."""
    return replace(table, partition_by=tuple(part for part in table.partition_by if part.transform == "month"))


def rekeyed(contracts: Contracts) -> Contracts:
    return with_table(contracts, "fact_sales_order", lambda table: replace(table, key=("sales_order_id",)))


def folders(contracts: Contracts, dataset: str = "quotes") -> set[str]:
    return {table.folder for table in contracts.dataset(dataset).tables}


def stepped(deployed: Contracts, wanted: Contracts, now: int = NOW) -> Contracts:
    """What is deployed in the end."""
    transition = plan_transition(deployed, wanted, now=now)
    return transition.last(now) if transition.building else transition.first


def test_a_first_deployment_has_one_step_and_first_generations() -> None:
    contracts = shipped_contracts()
    assert plan_transition(None, contracts, now=NOW) == Transition(contracts, contracts)
    assert plan_transition(contracts, contracts, now=NOW).first == contracts


def test_what_is_deployed_stays_while_the_wanted_stands_beside_it() -> None:
    before = shipped_contracts()
    transition = plan_transition(before, by_day(before), now=NOW)
    assert [(new.table, new.beside) for new in transition.building] == [
        ("fact_quote", "fact_quote"),
        ("fact_quote_hourly", "fact_quote_hourly"),
    ]
    first = transition.first.dataset("quotes")
    assert replace(first, beside=None) == before.dataset("quotes")
    assert first.beside is not None
    assert first.beside.is_live(NOW + 10**9)
    assert {table.name for table in first.beside.contract.tables if table.generation} == {
        "fact_quote",
        "fact_quote_hourly",
    }
    assert transition.first.dataset("sales") == before.dataset("sales")


def test_then_they_change_places_for_the_grace_period() -> None:
    before = shipped_contracts()
    after = stepped(before, by_day(before)).dataset("quotes")
    assert after.hash == by_day(before).dataset("quotes").hash, "as the files at hand have it"
    assert after.beside is not None
    assert after.beside.contract == before.dataset("quotes")
    assert after.beside.until == iso(NOW + int(GRACE.total_seconds()))
    assert (after.beside.is_live(NOW + 5 * HOURS), after.beside.is_live(NOW + 7 * HOURS)) == (True, False)


def test_deploying_the_same_again_changes_nothing_at_any_step_or_time() -> None:
    before, wanted = shipped_contracts(), by_day(shipped_contracts())
    transition = plan_transition(before, wanted, now=NOW)
    again = plan_transition(transition.first, wanted, now=NOW + 60)
    assert (again.first, again.building) == (transition.first, transition.building)
    last = transition.last(NOW)
    for later in (NOW + 60, NOW + 10**7):
        assert plan_transition(last, wanted, now=later) == Transition(
            last, plan_transition(last, wanted, now=later).wanted
        )


def test_going_back_within_the_grace_period_builds_the_rollups_alone() -> None:
    """Audits make those of what readers see, and nobody those that are kept."""
    before = shipped_contracts()
    last = stepped(before, by_day(before))
    back = plan_transition(last, before, now=NOW + HOURS)
    assert {new.table for new in back.building} == {"fact_quote_hourly"}
    after = back.last(NOW + HOURS)
    assert folders(after) == folders(before)
    beside = after.dataset("quotes").beside
    assert beside is not None
    assert {table.folder for table in beside.contract.tables} == folders(last)


def test_going_back_within_the_grace_period_is_one_step_where_there_is_no_rollup() -> None:
    before = shipped_contracts()
    last = stepped(before, rekeyed(before))
    assert folders(last, "sales") != folders(before, "sales")
    back = plan_transition(last, before, now=NOW + HOURS)
    assert back.building == ()
    assert folders(back.first, "sales") == folders(before, "sales")


def test_going_back_later_builds_a_generation_of_another_name() -> None:
    before = shipped_contracts()
    last = stepped(before, by_day(before))
    back = plan_transition(last, before, now=NOW + 7 * HOURS)
    assert {new.folder for new in back.building}.isdisjoint(folders(before) | folders(last))
    there = plan_transition(back.last(NOW + 7 * HOURS), by_day(before), now=NOW + 20 * HOURS)
    assert {new.folder for new in there.building}.isdisjoint(folders(before) | folders(last))


def test_what_was_begun_and_given_up_leaves_what_is_deployed_as_it_was() -> None:
    before = shipped_contracts()
    first = plan_transition(before, by_day(before), now=NOW).first
    assert plan_transition(first, before, now=NOW).first == before


def test_a_first_step_that_takes_up_what_was_kept_is_the_same_when_it_is_given_again() -> None:
    """Going back on one table within its grace period while another table changes: what readers saw stays whole."""
    before = shipped_contracts()
    day = stepped(before, by_day(before))
    wanted = with_table(before, "fact_quote_hourly", by_the_month_before)
    transition = plan_transition(day, wanted, now=NOW + HOURS)
    assert {new.table for new in transition.building} == {"fact_quote_hourly"}, "fact_quote is whole"
    steps = ((0, before), (1, plan_transition(before, by_day(before), now=NOW).first), (2, day))
    history = [
        Recorded(Deployment("quotes", number, NOW + after, "", ""), ContractForm.of(each, "quotes"))
        for number, (after, each) in enumerate([*steps, (HOURS, transition.first)])
    ]
    for recorded, later in ((history, HOURS + 60), (history, 9 * HOURS), (history[:-1], HOURS + 60)):
        again = plan_transition(transition.first, wanted, now=NOW + later, history=lambda _dataset, r=recorded: r)
        assert (again.first, again.building) == (transition.first, transition.building)
    lost = plan_transition(transition.first, wanted, now=NOW + HOURS + 60)
    assert {new.table for new in lost.building} == {"fact_quote", "fact_quote_hourly"}, "what nobody knows is built"


@pytest.mark.parametrize("name", ["fact_quote", "fact_quote_hourly"])
def test_going_back_with_another_change_builds_what_the_contract_of_before_did_not_take(name: str) -> None:
    """Lines that it rejected are in none of its generations: nobody read them, and so nobody heard of it."""
    before = shipped_contracts()
    day = stepped(before, by_day(before))
    wanted = with_table(before, name, loosened)
    transition = plan_transition(day, wanted, now=NOW + HOURS)
    both = {"fact_quote", "fact_quote_hourly"}
    assert {new.table for new in transition.building} == (both if name == "fact_quote" else {name})
    assert {new.folder for new in transition.building} <= both, "made again in the place of what is there"
    steps = (before, plan_transition(before, by_day(before), now=NOW).first, day, transition.first)
    history = [
        Recorded(Deployment("quotes", number, NOW + number, "", ""), ContractForm.of(each, "quotes"))
        for number, each in enumerate(steps)
    ]
    again = plan_transition(transition.first, wanted, now=NOW + HOURS + 60, history=lambda _dataset: history)
    assert (again.first, again.building) == (transition.first, transition.building)


def test_going_back_with_the_tables_in_another_order_builds_nothing_but_rollups() -> None:
    """Found by a seed: the deployment fell over."""
    before = shipped_contracts()
    day = stepped(before, by_day(before))
    wanted = changed(before, "quotes", lambda contract: replace(contract, tables=contract.tables[::-1]))
    assert [new.table for new in plan_transition(day, wanted, now=NOW + HOURS).building] == ["fact_quote_hourly"]


def test_going_back_with_other_bounds_of_the_quarantine_builds_what_halted_objects_did_not_give() -> None:
    before = shipped_contracts()
    day = stepped(before, by_day(before))
    wanted = changed(
        before, "quotes", lambda contract: replace(contract, quarantine_minimum=contract.quarantine_minimum + 1)
    )
    building = {new.table for new in plan_transition(day, wanted, now=NOW + HOURS).building}
    assert building == {"fact_quote", "fact_quote_hourly"}


def loosened(table: Table) -> Table:
    """Any line is taken, whatever the last column of it says."""
    return replace(table, columns=(*table.columns[:-1], replace(table.columns[-1], one_of=("any",))))


def test_going_back_with_a_column_of_the_source_renamed_builds_what_is_made_of_it() -> None:
    before = shipped_contracts()
    last = stepped(before, rekeyed(before))
    wanted = changed(
        before, "sales", lambda contract: with_field(contract, "sales_order", "units_sold", was=("units",))
    )
    transition = plan_transition(last, wanted, now=NOW + HOURS)
    assert [(new.table, new.folder) for new in transition.building] == [("fact_sales_order", "fact_sales_order")]
    wanted = changed(before, "sales", lambda contract: with_field(contract, "payment", "paid", was=("is_paid",)))
    assert plan_transition(last, wanted, now=NOW + HOURS).building == (), "another table's"


def with_field(contract: Contract, source: str, field: str, /, **changes: Any) -> Contract:
    """The contract with a field of a source table changed."""
    database = contract.source
    assert isinstance(database, Database)

    def of(table: SourceTable) -> SourceTable:
        fields = (replace(each, **changes) if each.name == field else each for each in table.fields)
        return replace(table, fields=tuple(fields))

    tables = (of(table) if table.name == source else table for table in database.tables)
    return replace(contract, source=replace(database, tables=tuple(tables)))


def test_going_back_never_takes_up_rows_that_were_widened_since_in_a_folder_that_both_had() -> None:
    before = shipped_contracts()
    wider = {"type": parse_type("bigint")}

    def widened(contract: Contract) -> Contract:
        contract = with_field(contract, "department", "department_id", **wider)
        contract = with_field(contract, "payment", "currency_id", **wider)
        return replace(contract, tables=tuple(map(wide, contract.tables)))

    def wide(table: Table) -> Table:
        columns = (replace(each, **wider) if each.name == "currency_id" else each for each in table.columns)
        return replace(table, columns=tuple(columns)) if table.name == "fact_payment" else table

    rekeyed_first = stepped(before, rekeyed(before))
    last = stepped(rekeyed_first, changed(rekeyed(before), "sales", widened), NOW + 60)
    back = plan_transition(last, before, now=NOW + HOURS)
    (payments,) = (new for new in back.building if new.table == "fact_payment")
    assert payments.folder != payments.beside == "fact_payment"
    beside = back.first.dataset("sales").beside
    assert beside is not None
    assert beside.contract.source_table("department").generation, "its state has wider rows too"
    assert "fact_sales_order" not in {new.table for new in back.building}, "kept in a folder of its own"


def test_a_generation_stays_a_table_s_through_other_changes() -> None:
    before = shipped_contracts()
    last = stepped(before, rekeyed(before))
    other = with_table(rekeyed(before), "fact_sales_order", lambda table: replace(table, description="orders"))
    transition = plan_transition(last, other, now=NOW + 10**6)
    assert transition.building == ()
    assert folders(transition.first, "sales") == folders(last, "sales")
    assert transition.first.dataset("sales").beside is None


def departments_by_name(contracts: Contracts) -> Contracts:
    """Sales with another key of a source table that a dimension is joined from."""

    def rekey(contract: Contract) -> Contract:
        source = contract.source
        assert isinstance(source, Database)
        tables = tuple(
            replace(each, key=("department_name",)) if each.name == "department" else each for each in source.tables
        )
        return replace(contract, source=replace(source, tables=tables))

    return changed(contracts, "sales", rekey)


def test_a_source_table_of_another_key_gets_another_current_state_and_what_is_made_of_it() -> None:
    before = shipped_contracts()
    transition = plan_transition(before, departments_by_name(before), now=NOW)
    assert [new.table for new in transition.building] == ["dim_staff"]
    beside = transition.first.dataset("sales").beside
    assert beside is not None
    assert beside.contract.source_table("department").generation
    assert not beside.contract.source_table("staff").generation


def test_a_current_state_for_other_types_of_a_dimension_has_a_name_of_its_own() -> None:
    """Found by a seed: of two changes in a row both states had one name, and the second had rows that it refuses."""
    before = shipped_contracts()

    def typed(kind: str) -> str:
        def of(table: Table) -> Table:
            columns = (
                replace(each, type=parse_type(kind)) if each.name == "first_name" else each for each in table.columns
            )
            return replace(table, columns=tuple(columns))

        beside = plan_transition(before, with_table(before, "dim_staff", of), now=NOW).first.dataset("sales").beside
        assert beside is not None
        return beside.contract.source_table("staff").generation

    assert len({typed("int"), typed("date"), ""}) == 3


def test_a_current_state_that_another_took_the_place_of_goes_with_the_dimension() -> None:
    before = shipped_contracts()
    transition = plan_transition(before, departments_by_name(before), now=NOW)
    steps = [before, transition.first, transition.last(NOW)]
    history = [
        Recorded(Deployment("sales", number, NOW + number, "", ""), ContractForm.of(each, "sales"))
        for number, each in enumerate(steps)
    ]
    assert retired_folders(history, steps[-1], now=NOW + 6 * HOURS + 1800) == {}
    gone = retired_folders(history, steps[-1], now=NOW + 7 * HOURS + 1)
    assert gone.keys() == {"dim_staff", "_current/department"}
    given_up = [*history[:2], history[0]]
    gone = retired_folders(given_up, before, now=NOW + 7 * HOURS)
    assert {folder.partition(".")[0] for folder in gone} == {"dim_staff", "_current/department"}
    assert all("." in folder for folder in gone), "the new ones were given up"


@pytest.mark.parametrize(("kind", "count"), [("int", 2), ("decimal(20,6)", 0)])
def test_a_narrower_type_is_another_generation_and_a_wider_one_is_not(kind: str, count: int) -> None:
    before = shipped_contracts()

    def retyped(table: Table) -> Table:
        columns = (replace(each, type=parse_type(kind)) if each.name == "price" else each for each in table.columns)
        return replace(table, columns=tuple(columns))

    after = with_table(before, "fact_quote", retyped)
    assert len(plan_transition(before, after, now=NOW).building) == count


def test_every_step_is_kept_as_json() -> None:
    before = shipped_contracts()
    transition = plan_transition(before, by_day(before), now=NOW)
    for contracts in (transition.first, transition.last(NOW)):
        assert from_data(Contracts, to_data(contracts)) == contracts


def test_a_generation_may_go_an_hour_after_its_grace_period_and_never_one_that_is_used() -> None:
    before = shipped_contracts()
    transition = plan_transition(before, by_day(before), now=NOW)
    steps = [before, transition.first, transition.last(NOW)]
    history = [
        Recorded(Deployment("quotes", number, NOW + number, "", ""), ContractForm.of(each, "quotes"))
        for number, each in enumerate(steps)
    ]
    last = steps[-1]
    old = {"fact_quote", "fact_quote_hourly"}
    assert retired_folders(history, last, now=NOW + 6 * HOURS + 1800) == {}
    assert retired_folders(history, last, now=NOW + 7 * HOURS + 1).keys() == old
    given_up = [*history[:2], Recorded(Deployment("quotes", 2, NOW + 2, "", ""), ContractForm.of(before, "quotes"))]
    new = {each.folder for each in transition.building}
    assert retired_folders(given_up, before, now=NOW + 5 * HOURS) == {}
    assert retired_folders(given_up, before, now=NOW + 7 * HOURS).keys() == new


@pytest.mark.parametrize("dataset", ["quotes", "sales"])
def test_nothing_goes_of_a_table_that_a_contract_has_no_more_be_it_another_datasets_too(dataset: str) -> None:
    before = shipped_contracts()
    gone = {"quotes": {"dim_date", "fact_quote_hourly"}, "sales": {"dim_date", "fact_payment"}}[dataset]
    assert gone <= folders(before, dataset)

    def without(contract: Contract) -> Contract:
        return replace(contract, tables=tuple(table for table in contract.tables if table.name not in gone))

    after = stepped(before, changed(before, dataset, without))
    assert after.dataset(dataset).beside is None, "nothing took the place of what was taken out"
    history = [
        Recorded(Deployment(dataset, number, NOW + number, "", ""), ContractForm.of(each, dataset))
        for number, each in enumerate((before, after))
    ]
    assert retired_folders(history, after, now=NOW + 1000 * HOURS) == {}


def test_of_a_table_that_was_taken_out_the_generation_that_readers_saw_last_stays() -> None:
    before = shipped_contracts()
    transition = plan_transition(before, rekeyed(before), now=NOW)
    last = transition.last(NOW)
    new = last.table("fact_sales_order").folder

    def without(contract: Contract) -> Contract:
        return replace(contract, tables=tuple(each for each in contract.tables if each.name != "fact_sales_order"))

    after = stepped(last, changed(rekeyed(before), "sales", without), NOW + 8 * HOURS)
    history = [
        Recorded(Deployment("sales", number, NOW + 4 * HOURS * number, "", ""), ContractForm.of(each, "sales"))
        for number, each in enumerate((before, transition.first, last, after))
    ]
    gone = retired_folders(history, after, now=NOW + 1000 * HOURS)
    assert "fact_sales_order" in gone
    assert new not in gone


def without(contracts: Contracts, *names: str) -> Contracts:
    """The contracts without some tables of one dataset."""
    return changed(
        contracts,
        "quotes" if names[0].startswith("fact_quote") else "sales",
        lambda contract: replace(contract, tables=tuple(table for table in contract.tables if table.name not in names)),
    )


@pytest.mark.parametrize("name", ["fact_payment", "dim_design"])
def test_a_new_table_is_built_before_the_catalog_knows_of_it(name: str) -> None:
    wanted = shipped_contracts()
    before = without(wanted, name)
    transition = plan_transition(before, wanted, now=NOW)
    assert [(new.table, new.folder, new.beside) for new in transition.building] == [(name, name, "")]
    assert replace(transition.first.dataset("sales"), beside=None) == before.dataset("sales")
    again = plan_transition(transition.first, wanted, now=NOW + 60)
    assert (again.first, again.building) == (transition.first, transition.building)
    last = transition.last(NOW)
    assert last == wanted, "nothing that readers saw is gone, so nothing stays beside"
    assert plan_transition(last, wanted, now=NOW + 60) == Transition(wanted, wanted)


def test_a_table_that_another_dataset_has_is_there() -> None:
    wanted = shipped_contracts()
    assert plan_transition(without(wanted, "dim_date"), wanted, now=NOW).building == ()


def test_a_new_table_of_a_new_source_has_nothing_to_be_built_from() -> None:
    wanted = shipped_contracts()

    def without_payments(contract: Contract) -> Contract:
        assert isinstance(contract.source, Database)
        tables = tuple(table for table in contract.source.tables if table.name != "payment")
        return replace(contract, source=replace(contract.source, tables=tables))

    before = changed(without(wanted, "fact_payment"), "sales", without_payments)
    assert plan_transition(before, wanted, now=NOW) == Transition(wanted, wanted)


def test_a_table_that_was_taken_out_comes_back_in_its_last_generation_or_in_one_after_it() -> None:
    before = shipped_contracts()
    rebuilt = stepped(before, rekeyed(before))
    table = rebuilt.table("fact_sales_order")
    gone = without(rebuilt, "fact_sales_order")
    past = [
        Recorded(Deployment("sales", number, NOW + HOURS * number, "", ""), ContractForm.of(each, "sales"))
        for number, each in enumerate((before, rebuilt, gone))
    ]
    for wanted, is_new in ((rekeyed(before), False), (before, True)):
        back = plan_transition(gone, wanted, now=NOW + 10**6, history=lambda _dataset: past)
        [new] = back.building
        assert (new.table, new.beside) == ("fact_sales_order", "")
        assert (new.folder == table.folder) is not is_new
        assert new.folder != "fact_sales_order", "rows of the first generation have another key"


def test_a_second_change_within_the_grace_period_takes_nothing_from_readers_of_the_generation_before_the_last() -> None:
    """It is written no more; what was there stays until its own grace period is over, and going back builds it anew."""
    month = shipped_contracts()
    first = plan_transition(month, by_day(month), now=NOW)
    day = first.last(NOW)
    second = plan_transition(day, by_hour(by_day(month)), now=NOW + HOURS)
    hour = second.last(NOW + HOURS)
    steps = ((0, month), (1, first.first), (2, day), (HOURS, second.first), (HOURS + 1, hour))
    history = [
        Recorded(Deployment("quotes", number, NOW + after, "", ""), ContractForm.of(each, "quotes"))
        for number, (after, each) in enumerate(steps)
    ]
    assert retired_folders(history, hour, now=NOW + 6 * HOURS + 1800) == {}
    assert retired_folders(history, hour, now=NOW + 7 * HOURS + 1).keys() == {"fact_quote", "fact_quote_hourly"}
    back = plan_transition(hour, month, now=NOW + 2 * HOURS)
    known = {"fact_quote", "fact_quote_hourly", *(table.folder for table in (*day.tables(), *hour.tables()))}
    assert {each.table for each in back.building} == {"fact_quote", "fact_quote_hourly"}
    assert not {each.folder for each in back.building} & known, "rows that were not written are never taken for whole"


def _history(dataset: str, *deployed: Contracts) -> list[Recorded]:
    return [
        Recorded(Deployment(dataset, number, NOW + HOURS * number, "", ""), ContractForm.of(each, dataset))
        for number, each in enumerate(deployed, 1)
    ]


def test_the_same_change_after_the_first_was_taken_back_builds_into_no_folder_of_before() -> None:
    """The folder was retired: certificates of its first life spoke of it again, and vacuum was about to clear it."""
    month = shipped_contracts()
    first = plan_transition(month, by_day(month), now=NOW)
    day = first.last(NOW)
    back = plan_transition(day, month, now=NOW + HOURS)
    past = _history("quotes", month, first.first, day, back.first, again := back.last(NOW + 2 * HOURS))
    later = plan_transition(again, by_day(month), now=NOW + 480 * HOURS, history=lambda _dataset: past)
    assert {new.folder for new in later.building}.isdisjoint(new.folder for new in first.building)
    repeated = plan_transition(again, by_day(month), now=NOW + 481 * HOURS, history=lambda _dataset: past)
    assert repeated.building == later.building


def test_a_dataset_that_was_taken_out_comes_back_in_the_generations_that_it_had_last() -> None:
    """It came back in its first folders, whose rows lay under another key, and its own rows were seen by nobody."""
    before = shipped_contracts()
    rebuilt = stepped(before, rekeyed(before))
    gone = replace(rebuilt, contracts=tuple(each for each in rebuilt if each.dataset != "sales"))
    past = _history("sales", before, rebuilt)
    back = plan_transition(gone, rekeyed(before), now=NOW + 10**6, history=lambda _dataset: past)
    assert (back.building, folders(back.wanted)) == ((), folders(rebuilt))
    new = plan_transition(gone, rekeyed(before), now=NOW, history=lambda _dataset: ())
    assert folders(new.wanted) == folders(before), "a dataset that never was begins with first generations"
