"""Placing of a table's rows: what decides in which partition a row lies, and which contracts decided alike. Pure.

What was written down of an object when it was processed (its receipt) names the partitions that its rows went to then.
It tells where they lie today only where the contract of that time placed them as that of today does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.contract.codec import content_hash, to_data
from core.contract.model import Contract, SourceTable, Table


def placing_of(contract: Contract, table: Table) -> str:
    """A hash of what decides in which partition of the table a row lies; two generations of it may have the same."""
    levels = [(part.name, part.column, part.transform, part.buckets) for part in table.partition_by]
    placed = {part.column for part in table.partition_by}
    rules = [(column.name, str(column.type), to_data(column.rule)) for column in table.columns if column.name in placed]
    taken = set(_texts(rules))
    fields = [
        (field.name, str(field.type), field.round, field.was)
        for source in (contract.source.tables if contract.source else ())
        if source.name == table.source
        for field in source.fields
        if field.name in taken
    ]
    return content_hash([table.source, table.basis, levels, rules, fields])


def deciding_columns(table: Table) -> frozenset[str]:
    """The columns by which rows of a fact are told apart or placed; other tables are made anew as a whole."""
    if table.kind != "fact":
        return frozenset()
    return frozenset((*table.key, *(part.column for part in table.partition_by)))


def deciding_fields(contract: Contract, source: SourceTable) -> frozenset[str]:
    """The fields by which rows of a source table are told apart, ordered or placed, in its own state or in a fact."""
    fields = {*source.key, *([source.changed_at] if source.compare == "time" else [])}
    for table in contract.tables:
        if table.source == source.name:
            rules = {column.name: to_data(column.rule) for column in table.columns}
            fields |= {*_texts([rules[name] for name in deciding_columns(table) if name in rules])}
    return frozenset(field.name for field in source.fields if field.name in fields)


def folders_by_contract(contract: Contract, table: Table, earlier: Iterable[Contract]) -> Mapping[str, frozenset[str]]:
    """By the hash of each contract, the table's folders to which it had rows written, placed as they are today.

    A contract by which the table was not there, or had its rows in other partitions, has none.
    """
    wanted = placing_of(contract, table)
    return {
        known.hash: frozenset(
            each.folder
            for written in (known, *((known.beside.contract,) if known.beside else ()))
            for each in written.tables
            if each.name == table.name and placing_of(written, each) == wanted
        )
        for known in (*earlier, contract)
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
