"""Every difference between two contracts is told, with a class, a reason and its values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.lake import shipped_contracts

from core.contract.model import (
    Check,
    Column,
    Contract,
    Contracts,
    Database,
    Entity,
    Feed,
    Field,
    Latest,
    Partition,
    SourceTable,
    Table,
    Take,
)
from core.contract.types import ColumnType, parse_type
from core.errors import of_kind
from core.evolution.changes import Change, counted, gravest
from core.evolution.compare import compare_contracts

ELEMENTS = (Contract, Database, Feed, SourceTable, Field, Entity, Table, Column, Partition)
KEPT_APART = {("Contract", "hash"), ("Contract", "dataset"), ("Database", "kind"), ("Feed", "kind")}
KEPT_APART |= {("Contract", "beside"), ("Table", "generation"), ("SourceTable", "generation")}  # of deployments


def fields_of_the_model() -> Iterator[tuple[type, str]]:
    for element in ELEMENTS:
        for field in dataclasses.fields(element):
            if (element.__name__, field.name) not in KEPT_APART:
                yield element, field.name


def changed_value(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}2"
    if isinstance(value, ColumnType):
        return parse_type("boolean" if value.name != "boolean" else "string")
    if isinstance(value, tuple):
        return value[:-1] if value else ("new",)
    if dataclasses.is_dataclass(value):
        return replace(value, **{dataclasses.fields(value)[0].name: "2"})  # type: ignore[type-var]
    if isinstance(value, dict):
        return {**value, "new": "1"}
    return Check(">", "0")


def with_first(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """The value with its first part of this kind changed."""
    if type(value) is kind:
        return change(value)
    if isinstance(value, tuple):
        for place, part in enumerate(value):
            new = with_first(part, kind, change)
            if new is not part:
                return (*value[:place], new, *value[place + 1 :])
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            part = getattr(value, field.name)
            new = with_first(part, kind, change)
            if new is not part:
                return replace(value, **{field.name: new})  # type: ignore[type-var]
    return value


@pytest.mark.parametrize(
    ("element", "field"), list(fields_of_the_model()), ids=lambda each: getattr(each, "__name__", each)
)
def test_no_field_of_the_model_changes_without_a_word(element: type, field: str) -> None:
    before = shipped_contracts()
    after = with_first(before, element, lambda part: replace(part, **{field: changed_value(getattr(part, field))}))
    assert after != before
    changes = compare_contracts(before, after)
    assert changes
    assert all(change.reason and change.place for change in changes)
    assert all(change.road for change in changes if change.grade == "refused")


def test_contracts_that_are_the_same_have_no_changes() -> None:
    assert compare_contracts(shipped_contracts(), shipped_contracts()) == ()


def with_quotes(change: Callable[[Contract], Contract]) -> Contracts:
    contracts = shipped_contracts()
    each = (change(contract) if contract.dataset == "quotes" else contract for contract in contracts)
    return replace(contracts, contracts=tuple(each))


def changes_of(change: Callable[[Contract], Contract]) -> tuple[Change, ...]:
    return compare_contracts(shipped_contracts(), with_quotes(change))


def with_table(name: str, change: Callable[[Table], Table]) -> Callable[[Contract], Contract]:
    return lambda contract: replace(
        contract, tables=tuple(change(table) if table.name == name else table for table in contract.tables)
    )


def with_column(name: str, **changes: Any) -> Callable[[Contract], Contract]:
    return with_table(
        "fact_quote",
        lambda table: replace(
            table,
            columns=tuple(replace(each, **changes) if each.name == name else each for each in table.columns),
        ),
    )


def with_feed(change: Callable[[Feed], Feed]) -> Callable[[Contract], Contract]:
    return lambda contract: replace(contract, source=change(of_kind(contract.source, Feed, "test", "quotes")))


@pytest.mark.parametrize(
    ("kind", "grade"),
    [("decimal(20,6)", "additive"), ("decimal(20,8)", "additive"), ("decimal(17,6)", "rebuild"), ("double", "rebuild")],
)
def test_a_type_is_additive_where_it_holds_every_value_that_there_is(kind: str, grade: str) -> None:
    (change,) = changes_of(with_column("price", type=parse_type(kind)))
    assert (change.place, change.was, change.becomes) == (
        "warehouse.fact_quote.columns.price.type",
        "decimal(18,6)",
        kind,
    )
    assert change.grade == grade


def test_a_symbol_of_a_listed_partition_may_end_and_may_not_go() -> None:
    def without_zm(contract: Contract) -> Contract:
        contract = with_feed(lambda feed: replace(feed, entities=feed.entities[:-1]))(contract)
        shorter = with_table(
            "fact_quote",
            lambda table: replace(
                table,
                partition_by=tuple(replace(part, values=part.values[:-1]) for part in table.partition_by),
            ),
        )
        return shorter(contract)

    changes = changes_of(without_zm)
    assert gravest(changes) == "refused"
    (refused,) = [change for change in changes if change.grade == "refused"]
    assert "ZM" in refused.reason
    assert "valid_until" in refused.road
    ended = with_feed(
        lambda feed: replace(
            feed, entities=(*feed.entities[:-1], replace(feed.entities[-1], valid_until="2026-12-01T00:00:00Z"))
        )
    )
    assert [change.grade for change in changes_of(ended)] == ["additive"]


@pytest.mark.parametrize(
    ("change", "grade"),
    [
        (with_column("price", check=Check(">", "1")), "additive"),
        (with_column("price", check=None), "additive"),
        (with_column("price", rule=Take("o")), "restate"),
        (with_column("symbol", rule=Take("dataset")), "rebuild"),  # of the key
        (with_column("minute", rule=Take("fetched_at")), "rebuild"),  # of the partitions
        (with_column("provenance", rank=("repaired", "late", "observed", "best")), "additive"),
        (with_column("provenance", rank=("late", "repaired", "observed")), "rebuild"),
        (with_table("fact_quote", lambda table: replace(table, history_of=("symbol",))), "restate"),
        (with_table("fact_quote", lambda table: replace(table, key=("minute", "symbol"))), "rebuild"),
        (with_table("fact_quote", lambda table: replace(table, partition_by=table.partition_by[:1])), "rebuild"),
        (with_table("fact_quote", lambda table: replace(table, since="2025-01-01")), "additive"),
        (with_table("fact_quote", lambda table: replace(table, since="2026-06-01")), "refused"),
        (with_feed(lambda feed: replace(feed, every=300)), "additive"),
        (with_feed(lambda feed: replace(feed, entity_column="ticker")), "rebuild"),
        (lambda contract: replace(contract, tables=contract.tables[1:]), "refused"),
        (lambda contract: replace(contract, source=None), "refused"),
    ],
)
def test_a_change_has_the_class_of_what_it_does(change: Callable[[Contract], Contract], grade: str) -> None:
    changes = changes_of(change)
    assert gravest(changes) == grade
    assert sum(counted(changes).values()) == len(changes) >= 1


@pytest.mark.parametrize(
    ("column", "grade"),
    [
        (Column("asked_at", parse_type("timestamp"), Take("fetched_at")), "additive"),
        (Column("asked_at", parse_type("timestamp"), Take("fetched_at"), required=True), "additive"),
        (Column("bid", parse_type("decimal(18,6)"), Take("b")), "additive"),
        (Column("bid", parse_type("decimal(18,6)"), Take("b"), required=True), "refused"),
    ],
)
def test_a_new_column_may_be_null_or_of_what_every_line_has(column: Column, grade: str) -> None:
    (change,) = changes_of(with_table("fact_quote", lambda table: replace(table, columns=(*table.columns, column))))
    assert (change.was, change.becomes, change.grade) == ("", str(column.type), grade)


def test_a_calendar_that_reaches_further_is_no_change_and_another_holiday_is() -> None:
    contracts = shipped_contracts()
    (calendar,) = [each for each in contracts.calendars if each.name == "XNYS"]
    others = tuple(each for each in contracts.calendars if each is not calendar)
    more = ((calendar.covers_to + 3600, calendar.covers_to + 7200),)
    longer = replace(calendar, covers_to=calendar.covers_to + 86_400, segments=(*calendar.segments, *more))
    assert compare_contracts(contracts, replace(contracts, calendars=(*others, longer))) == ()
    holiday = replace(calendar, segments=calendar.segments[1:], version="another")
    changes = compare_contracts(contracts, replace(contracts, calendars=(*others, holiday)))
    assert {change.place for change in changes} == {"calendars.XNYS"}


def test_a_lookup_file_that_is_another_makes_its_tables_again() -> None:
    contracts = shipped_contracts()
    changed = tuple(
        replace(lookup, columns={name: (*values, "new") for name, values in lookup.columns.items()})
        for lookup in contracts.lookups
    )
    changes = compare_contracts(contracts, replace(contracts, lookups=changed))
    assert changes
    assert {change.grade for change in changes} == {"restate"}


def test_datasets_and_tables_that_come_are_additive_and_those_that_go_are_refused() -> None:
    whole = shipped_contracts()
    fewer = replace(whole, contracts=whole.contracts[1:])
    assert [change.grade for change in compare_contracts(fewer, whole)] == ["additive"]
    assert [change.grade for change in compare_contracts(whole, fewer)] == ["refused"]


def test_marks_are_compared_too() -> None:
    added = Latest()
    assert changes_of(with_column("price", rule=added))[0].grade == "restate"


def test_a_source_column_that_takes_a_mark_s_name_is_refused_over_rows_that_have_the_mark() -> None:
    """Lines that are there say by it when they were fetched again: as the source's column it would be read wrongly."""

    def with_field(name: str) -> Callable[[Contract], Contract]:
        def change(contract: Contract) -> Contract:
            assert isinstance(contract.source, Database)
            table = contract.source.tables[0]
            own = Field(name, parse_type("timestamp"), required=False)
            fields = (own, *(field for field in table.fields if field.name != name))
            return replace(
                contract,
                source=replace(contract.source, tables=(replace(table, fields=fields), *contract.source.tables[1:])),
            )

        return change

    contracts = shipped_contracts()
    name = next(each.dataset for each in contracts if isinstance(each.source, Database))
    for mark in ("checked_at", "deleted_at"):
        other = tuple(with_field(mark)(each) if each.dataset == name else each for each in contracts)
        assert gravest(compare_contracts(contracts, replace(contracts, contracts=other))) == "refused"
        back = compare_contracts(replace(contracts, contracts=other), contracts)
        assert gravest(back) == "refused", "and so is the way back"


def test_a_key_that_is_taken_from_a_renamed_field_is_the_same_key() -> None:
    """Found by a seed: one that is taken from another field was restated, and no audit could: the old keys would go."""

    def by(field: str, *, was: tuple[str, ...]) -> Contracts:
        def of(table: Table) -> Table:
            columns = (
                replace(each, rule=Take(field)) if each.name == "sales_order_id" else each for each in table.columns
            )
            return replace(table, columns=tuple(columns)) if table.name == "fact_sales_order" else table

        def of_contract(contract: Contract) -> Contract:
            if not isinstance(contract.source, Database) or contract.dataset != "sales":
                return contract
            fields = [
                replace(each, name="order_number", was=was) if each.name == "sales_order_id" else each
                for each in contract.source_table("sales_order").fields
            ]
            tables = [
                replace(each, fields=tuple(fields)) if each.name == "sales_order" else each
                for each in contract.source.tables
            ]
            source = replace(contract.source, tables=tuple(tables)) if was else contract.source
            return replace(contract, source=source, tables=tuple(map(of, contract.tables)))

        contracts = shipped_contracts()
        return replace(contracts, contracts=tuple(map(of_contract, contracts)))

    def grade_of_key(wanted: Contracts) -> str:
        place = "warehouse.fact_sales_order.columns.sales_order_id.rule"
        (change,) = (each for each in compare_contracts(shipped_contracts(), wanted) if each.place == place)
        return change.grade

    assert grade_of_key(by("order_number", was=("sales_order_id",))) == "restate"
    assert grade_of_key(by("staff_id", was=())) == "rebuild"


def test_a_column_that_says_its_former_name_is_renamed_and_keeps_the_rules_of_both() -> None:
    def with_units(name: str, kind: str, *, was: tuple[str, ...] = (), required: bool = True) -> Contracts:
        def of_contract(contract: Contract) -> Contract:
            if not isinstance(contract.source, Database) or contract.dataset != "sales":
                return contract
            field = Field(name, parse_type(kind), required=required, was=was)
            tables = (
                replace(table, fields=tuple(field if each.name == "units_sold" else each for each in table.fields))
                if table.name == "sales_order"
                else table
                for table in contract.source.tables
            )
            return replace(contract, source=replace(contract.source, tables=tuple(tables)))

        contracts = shipped_contracts()
        return replace(contracts, contracts=tuple(map(of_contract, contracts)))

    before = with_units("units_sold", "int")
    (change,) = compare_contracts(before, with_units("units", "int", was=("units_sold",)))
    assert (change.place, change.was, change.becomes, change.grade) == (
        "source.tables.sales_order.fields.units",
        "units_sold",
        "units",
        "additive",
    )
    narrower = compare_contracts(before, with_units("units", "boolean", was=("units_sold",)))
    assert [change.grade for change in narrower] == ["additive", "rebuild"]
    stranger = compare_contracts(before, with_units("units", "int"))
    assert [change.grade for change in stranger] == ["refused", "additive"]
    nullable = with_units("units_sold", "int", required=False)
    again = compare_contracts(nullable, with_units("units", "int", was=("units_sold",)))
    assert [change.grade for change in again] == ["additive", "rebuild"]


def test_a_name_under_which_lines_have_a_column_is_never_forgotten_nor_given_to_another() -> None:
    def with_fields(**was: tuple[str, ...]) -> Contracts:
        def of_contract(contract: Contract) -> Contract:
            if not isinstance(contract.source, Database) or contract.dataset != "sales":
                return contract
            new = tuple(Field(name, parse_type("int"), required=False, was=names) for name, names in was.items())
            tables = (
                replace(table, fields=(*table.fields, *new)) if table.name == "sales_order" else table
                for table in contract.source.tables
            )
            return replace(contract, source=replace(contract.source, tables=tuple(tables)))

        contracts = shipped_contracts()
        return replace(contracts, contracts=tuple(map(of_contract, contracts)))

    renamed = with_fields(second=("first",))
    assert gravest(compare_contracts(renamed, with_fields(third=("second", "first")))) == "additive"
    assert gravest(compare_contracts(renamed, with_fields(first=("second",)))) == "additive"
    (_, forgotten) = compare_contracts(renamed, with_fields(third=("second",)))
    assert (forgotten.grade, "was: [second, first]" in forgotten.road) == ("refused", True)
    assert gravest(compare_contracts(renamed, with_fields(second=()))) == "refused"
    two = with_fields(first=(), second=())
    assert gravest(compare_contracts(two, with_fields(second=("first",)))) == "refused"
    assert gravest(compare_contracts(two, with_fields(third=("second", "first")))) == "refused"
    assert gravest(compare_contracts(two, with_fields(first=(), third=("second",)))) == "additive"


def _of_sales(change: Callable[[Database], Database]) -> tuple[Contracts, Contracts]:
    """The shipped contracts, and with the database changed."""
    contracts = shipped_contracts()
    changed_ones = tuple(
        replace(each, source=change(of_kind(each.source, Database, "test", each.dataset)))
        if each.dataset == "sales"
        else each
        for each in contracts
    )
    return contracts, replace(contracts, contracts=changed_ones)


def test_another_time_zone_is_a_new_generation_where_instants_tell_rows_apart_or_place_them() -> None:
    """Made again in its place, a sale of the first half hour of a month lay in two months at once."""
    changes = compare_contracts(*_of_sales(lambda source: replace(source, timezone="Europe/Berlin")))
    (zone,) = [change for change in changes if change.place == "source.timezone"]
    assert (zone.was, zone.becomes, zone.grade) == ("UTC", "Europe/Berlin", "rebuild")
    assert ".last_updated" in zone.reason


def test_another_rounding_is_a_new_generation_where_the_numbers_tell_rows_apart() -> None:
    def rounded(name: str) -> Callable[[Database], Database]:
        def change(source: Database) -> Database:
            fields = {
                field.name: field for table in source.tables if table.name == "sales_order" for field in table.fields
            }
            wanted = replace(fields[name], round="half_even")
            tables = tuple(
                replace(table, fields=tuple(wanted if field.name == name else field for field in table.fields))
                if table.name == "sales_order"
                else table
                for table in source.tables
            )
            return replace(source, tables=tables)

        return change

    assert gravest(compare_contracts(*_of_sales(rounded("unit_price")))) == "restate"
    assert gravest(compare_contracts(*_of_sales(rounded("sales_order_id")))) == "rebuild"
