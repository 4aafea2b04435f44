"""Changes of warehouse tables: columns, keys, partitions, and what rows are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from core.contract.model import Column, Contract, Field, LookedUp, Partition, Table
from core.evolution.changes import Change
from core.evolution.elements import (
    Inner,
    Rule,
    Verdict,
    applied,
    by_type,
    change_of,
    compare_fields,
    compare_named,
)
from core.evolution.placing import deciding_columns
from core.landing.former_names import names_now

_MADE_AGAIN = "Partitions are made again from ingest objects, newest first"
_REBUILT = "A new generation of the table is built beside the old one"
_TAKEN_OUT = "Keep it until nobody reads it; to take it out all the same: --allow-destroy"


def _rank(was: tuple[str, ...], becomes: tuple[str, ...]) -> Verdict:
    if was and [value for value in becomes if value in was] == list(was):
        return applied("values that are there keep their order")
    return Verdict("rebuild", "other rows win by another order: nothing merges onto those that are there", _REBUILT)


def _check(_was: object, becomes: object) -> Verdict:
    if not becomes:
        return applied("rows that were rejected come with: starmend quarantine retry")
    return applied("older rows that break it are reported, and none is removed")


def _since(was: str, becomes: str) -> Verdict:
    if was and becomes > was:
        return Verdict("refused", "partitions before it would no longer be listed", "Leave since as it is")
    return applied("more partitions are listed; what they hold is fetched for whoever asks for the range")


def _basis(was: str, _becomes: str) -> Verdict:
    if not was:
        return applied("from now on it is known which lookup files, time zone and rounding its values come from")
    return Verdict("restate", "its values are looked up or read by another file, time zone or rounding", _MADE_AGAIN)


_LOOKED_UP = Verdict("rebuild", "rows are told apart or placed by values that are looked up in another file", _REBUILT)
_COLUMN_RULES: Mapping[str, Rule] = {
    "type": by_type,
    "rule": Verdict("restate", "its values come from elsewhere", _MADE_AGAIN),
    "comment": applied("a word to readers"),
    "unit": applied("a word to readers"),
    "references": applied("older rows without a parent are reported, and none is removed"),
    "missing": applied("the next audit judges by it; an unknown member comes when its dimension is next computed"),
    "check": _check,
    "one_of": _check,
    "rank": _rank,
    "immutable": applied("held from now on, and by the audit for older rows"),
    "required": _check,
    "was": applied("older rows are read by it"),
}
_PLACING_RULES: Mapping[str, Rule] = {
    **_COLUMN_RULES,
    "rule": Verdict("rebuild", "rows are told apart or placed by values that come from elsewhere", _REBUILT),
}
_TABLE_RULES: Mapping[str, Rule] = {
    "dataset": applied("another contract keeps it"),
    "kind": Verdict("rebuild", "it is another kind of table", _REBUILT),
    "description": applied("a word to readers"),
    "key": Verdict("rebuild", "rows are unique by another key", _REBUILT),
    "source": Verdict("rebuild", "its rows come from elsewhere", _REBUILT),
    "version": Verdict("rebuild", "other rows win by another rule: nothing merges onto those that are there", _REBUILT),
    "history_of": Verdict("restate", "other rows are the latest", _MADE_AGAIN),
    "joins": Verdict("restate", "it is joined in another way", "It is computed again from the current state"),
    "since": _since,
    "until": applied("it is computed again"),
    "deleted": Verdict("restate", "the mark of deleted rows has another name", _MADE_AGAIN),
    "basis": _basis,
    "checked": Verdict("restate", "the mark of rows that were fetched again has another name", _MADE_AGAIN),
}


def compare_tables(before: Contract, after: Contract) -> Iterator[Change]:
    """The tables that came, went or changed."""
    dataset = after.dataset
    came, went, both = compare_named(
        {table.name: table for table in before.tables}, {table.name: table for table in after.tables}
    )
    for name in came:
        table = after_table(after, name)
        verdict = applied("a new table", "It is built from the ingest objects before readers see it")
        yield change_of(dataset, f"warehouse.{name}", "", table.kind, verdict)
    for name in went:
        table = after_table(before, name)
        verdict = Verdict("refused", "its rows would be there and nobody would see them", _TAKEN_OUT)
        yield change_of(dataset, f"warehouse.{name}", table.kind, "", verdict)
    for name, was, becomes in both:
        yield from _compare_table(before, after, f"warehouse.{name}", was, becomes)
    if not came and not went and [table.name for table in before.tables] != [table.name for table in after.tables]:
        yield change_of(dataset, "warehouse", "", "", applied("tables are written in another order"))


def is_looked_up(column: Column) -> bool:
    """Whether its values come from a lookup file."""
    return isinstance(column.rule, LookedUp)


def after_table(contract: Contract, name: str) -> Table:
    """The contract's table of that name."""
    return next(table for table in contract.tables if table.name == name)


def _compare_table(before: Contract, after: Contract, place: str, was: Table, becomes: Table) -> Iterator[Change]:
    dataset = after.dataset

    def columns(where: str, old: tuple[Column, ...], new: tuple[Column, ...]) -> Iterator[Change]:
        yield from _compare_columns(before, after, becomes, where, old, new)

    def parts(where: str, old: tuple[Partition, ...], new: tuple[Partition, ...]) -> Iterator[Change]:
        yield from _compare_partitions(dataset, where, old, new)

    inner: Mapping[str, Inner] = {"columns": columns, "partition_by": parts}
    decides = any(column.name in deciding_columns(becomes) and is_looked_up(column) for column in becomes.columns)
    rules = {**_TABLE_RULES, "basis": _LOOKED_UP} if decides and was.basis else _TABLE_RULES
    yield from compare_fields(dataset, place, was, becomes, rules, inner=inner)


# ---------------------------------------------------------------- columns


def _compare_columns(
    before: Contract, after: Contract, table: Table, place: str, was: tuple[Column, ...], becomes: tuple[Column, ...]
) -> Iterator[Change]:
    dataset = after.dataset
    came, went, both = compare_named(
        {column.name: column for column in was}, {column.name: column for column in becomes}
    )
    for name in came:
        column = table.column(name)
        yield change_of(dataset, f"{place}.{name}", "", column.type, _new_column(before, table, column))
    for name in went:
        verdict = Verdict("restate", "partitions are made again without it", "Ingest objects keep what it was made of")
        column = next(each for each in was if each.name == name)
        yield change_of(dataset, f"{place}.{name}", column.type, "", verdict)
    for name, old, new in both:
        moves = name in deciding_columns(table) and not _is_renamed(after, table, old, new)
        yield from compare_fields(dataset, f"{place}.{name}", old, new, _PLACING_RULES if moves else _COLUMN_RULES)
    if not came and not went and [column.name for column in was] != [column.name for column in becomes]:
        yield change_of(dataset, place, _names(was), _names(becomes), applied("columns are written in another order"))


def _is_renamed(after: Contract, table: Table, old: Column, new: Column) -> bool:
    """Whether the column's values are what they were, under the names that the source's fields have now."""
    names = names_now(after.source_table(table.source))
    fields = {name: getattr(old.rule, name) for name in ("field", "live", "history", "by") if hasattr(old.rule, name)}
    return replace(old.rule, **{name: names.get(field, field) for name, field in fields.items()}) == new.rule


def _new_column(before: Contract, table: Table, column: Column) -> Verdict:
    """A new column is null in old rows until they are made again; one that may not be null must be known of them."""
    if not column.required or _known_fields(before, table, column):
        return applied("old rows have none until the audit has filled it")
    reason = "no row that is there has a value of it, and it may not be null"
    return Verdict("refused", reason, "Leave out `required` until the audit has filled it")


def _known_fields(before: Contract, table: Table, column: Column) -> bool:
    """Whether what the column is made from was promised of every line before."""
    names = [getattr(column.rule, name) for name in ("field", "live", "history") if hasattr(column.rule, name)]
    sources = before.source.tables if before.source else ()
    of_table: Mapping[str, Field] = {
        field.name: field for source in sources if source.name == table.source for field in source.fields
    }
    return bool(names) and all(name in of_table and of_table[name].required for name in names)


def _names(elements: tuple[Any, ...]) -> str:
    return ", ".join(element.name for element in elements)


# ---------------------------------------------------------------- partitions


def _compare_partitions(
    dataset: str, place: str, was: tuple[Partition, ...], becomes: tuple[Partition, ...]
) -> Iterator[Change]:
    """Partitions that list more values are the same partitions; all else moves rows to other ones."""
    without = [(part.name, part.column, part.transform, part.buckets) for part in was]
    if without != [(part.name, part.column, part.transform, part.buckets) for part in becomes]:
        verdict = Verdict("rebuild", "rows come into other partitions", _REBUILT)
        yield change_of(dataset, place, _levels(was), _levels(becomes), verdict)
        return
    for old, new in zip(was, becomes, strict=True):
        if old.values == new.values:
            continue
        lost = tuple(value for value in old.values if value not in new.values)
        if lost:
            reason = f"partitions that are there would no longer be listed: {', '.join(lost)}"
            road = "Keep the value in the list; an entity ends by valid_until"
            verdict = Verdict("refused", reason, road)
        else:
            verdict = applied("more partitions are listed")
        yield change_of(dataset, f"{place}.{old.name}", old.values, new.values, verdict)


def _levels(parts: tuple[Partition, ...]) -> tuple[str, ...]:
    def level(part: Partition) -> str:
        if part.transform == "value":
            return part.column
        return f"bucket({part.column}, {part.buckets})" if part.buckets else f"{part.transform}({part.column})"

    return tuple(level(part) for part in parts)
