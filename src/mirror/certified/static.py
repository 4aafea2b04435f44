"""Tables that are made of the contract alone: no certificate speaks of them, so they are held against the contract."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from core.contract.model import CalendarPart, Contract, Feed, Table
from core.errors import PipelineBug
from core.feeds.partitions import column_of
from core.warehouse.current_state import ENTITIES


def is_static(table: Table) -> bool:
    """Whether the contract alone says what the table holds: a calendar, or a feed's entities."""
    return table.kind == "calendar" or (table.kind == "dimension" and table.source == ENTITIES)


def telling_column(table: Table, contract: Contract) -> str:
    """The column by which rows are held against the contract: the day, or the entity."""
    if table.kind != "calendar" and isinstance(contract.source, Feed):
        return column_of(table, contract.source.entity_column)
    for column in table.columns:
        if isinstance(column.rule, CalendarPart) and column.rule.part == "date":
            return column.name
    raise PipelineBug("prove snapshot", table.name, "has no column of its days", "Look at its contract")


def is_as_promised(values: Collection[Any], table: Table, contract: Contract) -> bool:
    """Whether these values of the column are what the contract says; entities of earlier contracts stay in a table."""
    if table.kind != "calendar" and isinstance(contract.source, Feed):
        return {entity.name for entity in contract.source.entities} <= {*values}
    first, last = date.fromisoformat(table.since), date.fromisoformat(table.until)
    return sorted(values) == [first + timedelta(days=number) for number in range((last - first).days + 1)]
