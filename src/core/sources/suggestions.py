"""Suggestions for a contract: the lines that would promise what its database has and it does not.

Whoever owns the contract decides: a column may be left out on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.contract.model import Contract, Database, SourceTable, Table, Take
from core.sources.catalog import CatalogColumn, CatalogTable
from core.sources.fitting import fit, proposed
from core.sources.lines import column_line, names_list, star_name, table_lines, text, warehouse_line
from core.sources.shape import spare_columns


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Lines for one place of a contract: below ``path``, or in its stead where ``replaces`` says so."""

    dataset: str
    path: str
    lines: tuple[str, ...]
    reason: str
    replaces: bool = False


def suggestions(
    contract: Contract, source: Database, tables: Mapping[str, CatalogTable], listed: Sequence[CatalogTable]
) -> Iterator[Suggestion]:
    """What the database has that the contract does not say, table by table; then the tables beside them."""
    for table in source.tables:
        if table.name in tables:
            yield from _of_table(contract, table, tables[table.name])
    ours = {table.relation for table in tables.values()}
    schemas = {table.schema for table in tables.values()}
    for other in listed:
        if other.relation not in ours and other.schema in schemas and other.readable:
            reason = f"{other.relation} is a {other.kind} that no contract names"
            yield Suggestion(contract.dataset, "source.tables", tuple(table_lines(other)), reason)


def _of_table(contract: Contract, table: SourceTable, catalog: CatalogTable) -> Iterator[Suggestion]:
    columns = f"source.tables.{table.name}.columns"
    stars = [star for star in contract.tables if star.source == table.name and star.kind in ("fact", "dimension")]
    spare = [column for column in catalog.columns if column.name in spare_columns(table, catalog.columns)]
    for column in spare:
        reason = f"{catalog.relation} has {column.name} ({column.stated})"
        yield Suggestion(contract.dataset, columns, (column_line(column),), reason)
        for star in stars:
            if star_name(column.name) not in {each.name for each in star.columns}:
                path = f"warehouse.{star.name}.columns"
                yield Suggestion(contract.dataset, path, (warehouse_line(column),), reason)
    for field in table.fields:
        known = catalog.column(field.name)
        if field.added:
            continue
        if known is None:
            others = ", ".join(column.name for column in spare)
            reason = f"{catalog.relation} has no {field.name}"
            reason += (
                f"; {others} may have its values: say there was: {names_list((field.name, *field.was))}"
                if spare
                else ""
            )
            yield Suggestion(contract.dataset, f"{columns}.{field.name}", (), reason, replaces=True)
        elif fit(known.type, field.type) != "whole" or (field.required and known.nullable):
            reason = f"{field.name} is {known.stated}{', which may be null' if known.nullable else ''}"
            path = f"{columns}.{field.name}"
            yield Suggestion(contract.dataset, path, (column_line(known, was=field.was),), reason, replaces=True)
            yield from _narrower(contract, stars, known, reason)


def _narrower(contract: Contract, stars: Sequence[Table], source: CatalogColumn, reason: str) -> Iterator[Suggestion]:
    """The columns of the warehouse that take a field as it is and could not hold it any more."""
    for star in stars:
        for column in star.columns:
            rule = column.rule
            is_taken = isinstance(rule, Take) and rule.field == source.name and rule.form == "value"
            if is_taken and fit(source.type, column.type) != "whole":
                path = f"warehouse.{star.name}.columns.{column.name}.type"
                line = text(str(proposed(source.type)))
                yield Suggestion(contract.dataset, path, (line,), reason, replaces=True)
