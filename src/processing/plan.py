"""What becomes of a source table's rows: the facts they fill, the dimensions they change, the state that is kept."""

from __future__ import annotations

from dataclasses import dataclass

from core.contract.model import Column, Contract, Contracts, SourceTable, Table, Take

CURRENT = "_current"
ENTITIES = "entities"


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """``current`` is the table that keeps the newest version of each row; None where no dimension needs it."""

    contract: Contract
    source: SourceTable
    facts: tuple[Table, ...]
    dimensions: tuple[Table, ...]
    current: Table | None


def plan_source(contract: Contract, name: str) -> SourcePlan:
    """The plan of one source table. Raises ``KeyError`` where the contract has no such source table."""
    source = contract.source_table(name)
    facts = tuple(table for table in contract.tables if table.kind == "fact" and table.source == name)
    dimensions = tuple(table for table in contract.tables if name in inputs_of(table))
    current = current_table(contract, source) if dimensions else None
    return SourcePlan(contract, source, facts, dimensions, current)


def inputs_of(table: Table) -> tuple[str, ...]:
    """The source tables that a dimension is computed from, its own first; none for other kinds."""
    if table.kind != "dimension" or table.source == ENTITIES:
        return ()
    return (table.source, *(join.table for join in table.joins))


def current_table(contract: Contract, source: SourceTable) -> Table:
    """The table ``_current/<source table>``: the newest version of each row, deleted ones included.

    Its columns are the source's; its version is when the row changed, then when the auditor last checked it.
    """
    names = {one.name for one in source.fields}
    newest = (source.changed_at or source.created_at, "checked_at")
    return Table(
        name=f"{CURRENT}/{source.name}",
        dataset=contract.dataset,
        kind="dimension",
        description=f"current state of {source.name}",
        key=source.key,
        columns=tuple(Column(one.name, one.type, Take(one.name), one.comment) for one in source.fields),
        source=source.name,
        version=tuple(name for name in newest if name in names),
    )


def static_tables(contracts: Contracts) -> tuple[Table, ...]:
    """Tables that come from the contract alone: calendars and a feed's entities."""
    return tuple(
        table
        for table in contracts.tables()
        if table.kind == "calendar" or (table.kind == "dimension" and table.source == ENTITIES)
    )
