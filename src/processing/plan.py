"""Plan of a source table: the facts that its rows fill, the dimensions they change, the state that is kept of them."""

from __future__ import annotations

from dataclasses import dataclass

from core.contract.model import Contract, Contracts, SourceTable, Table
from core.warehouse.current_state import ENTITIES, current_table, inputs_of, is_written_beside


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """The warehouse tables that a source table fills.

    ``current`` keeps the newest version of each row; None where no dimension needs it.
    """

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


@dataclass(frozen=True, slots=True)
class BesidePlan:
    """The plan of a source table by the contract beside its dataset's own (``core.evolution.generations``).

    Of what comes of it only the tables in ``folders`` are kept: the others are the dataset's own.
    """

    plan: SourcePlan
    contracts: Contracts
    folders: frozenset[str]

    @property
    def dimensions(self) -> tuple[Table, ...]:
        """Those that are computed again."""
        return tuple(table for table in self.plan.dimensions if table.folder in self.folders)


def plan_beside(contract: Contract, name: str, *, now: int) -> BesidePlan | None:
    """The plan beside a source table's own at ``now`` (epoch seconds); None where nothing of its rows is kept there."""
    beside = contract.beside
    if beside is None or not beside.is_live(now):
        return None
    try:
        plan = plan_source(beside.contract, name)
    except KeyError:  # the other contract knows no such source table
        return None
    unkept = {table.folder for table in plan.dimensions if not is_written_beside(contract, table)}
    folders = _folders(plan) - _folders(plan_source(contract, name)) - unkept
    return BesidePlan(plan, beside.contracts, frozenset(folders)) if folders else None


def _folders(plan: SourcePlan) -> set[str]:
    tables = (*plan.facts, *plan.dimensions, *([plan.current] if plan.current else []))
    return {table.folder for table in tables}


def static_tables(contracts: Contracts) -> tuple[Table, ...]:
    """The tables that are made from the contract alone: calendars and a feed's entities."""
    return tuple(
        table
        for table in contracts.tables()
        if table.kind == "calendar" or (table.kind == "dimension" and table.source == ENTITIES)
    )
