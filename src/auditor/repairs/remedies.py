"""Remedies for a database's findings: which objects may come back, which rows are fetched how. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.audit.findings import (
    BrokenPartition,
    ChangedRows,
    DeletedRows,
    Finding,
    LostObject,
    MissingObject,
    MissingRows,
    MovedRows,
    OrphanKeys,
    StaleRows,
    UnfilledRows,
    UnhashedRows,
    WrongParameter,
)
from core.contract.model import Contracts, Database, Table
from core.landing.ingest_objects import TableObject
from core.landing.state import SEQUENTIAL_ID
from core.warehouse.current_state import inputs_of

MOST_AHEAD = 20  # objects that an id beyond the newest object may speak of; more were never there


def objects_ahead(wrong_parameter: WrongParameter) -> list[str]:
    """The objects that a sequential id beyond the newest object speaks of, if they are not too many to be true."""
    table, _, name = wrong_parameter.name.rpartition("/")
    if (
        name != SEQUENTIAL_ID
        or not wrong_parameter.stored.isdigit()
        or not 0 < int(wrong_parameter.stored) - int(wrong_parameter.right) <= MOST_AHEAD
    ):
        return []
    numbers = range(int(wrong_parameter.right) + 1, int(wrong_parameter.stored) + 1)
    return [TableObject(wrong_parameter.dataset, table.rpartition("/")[2], number).key for number in numbers]


def lacking_objects(findings: Sequence[Finding], contracts: Contracts) -> set[str]:
    """Databases that lack ingest objects: in the first attempt these come back, and partitions are made of all."""
    lacking = {finding.dataset for finding in findings if isinstance(finding, LostObject | MissingObject)}
    return {dataset for dataset in lacking if isinstance(contracts.dataset(dataset).source, Database)}


def parent_of(finding: OrphanKeys, contracts: Contracts) -> Table:
    """The dimension that the orphan keys refer to."""
    return contracts.table(finding.references.partition(".")[0])


def has_source(contracts: Contracts, table: Table) -> bool:
    """Whether the rows of a table come from a source that could be asked for them."""
    source = contracts.dataset(table.dataset).source
    return table.kind == "dimension" and source is not None and table.source in {each.name for each in source.tables}


# rows, each with its key; those of the latter two are fetched of what the budget leaves, for nothing of them is wrong
ByKey = MissingRows | StaleRows | ChangedRows | DeletedRows | MovedRows | UnfilledRows | UnhashedRows
LAST = (UnfilledRows, UnhashedRows)


def lacks_columns(findings: Sequence[Finding], contracts: Contracts) -> set[tuple[str, str]]:
    """The warehouse tables of whose rows some lack columns that only the source has: (dataset, table)."""
    sources = {(finding.dataset, finding.table) for finding in findings if isinstance(finding, UnfilledRows)}
    return {
        (table.dataset, table.name)
        for table in contracts.tables()
        if any((table.dataset, name) in sources for name in (inputs_of(table) or (table.source,)))
    }


def broken_sources(findings: Sequence[Finding], contracts: Contracts) -> set[tuple[str, str]]:
    """The source tables of the partitions that are made again in this attempt: (dataset, table)."""
    tables = [contracts.table(finding.table) for finding in findings if isinstance(finding, BrokenPartition)]
    return {(table.dataset, name) for table in tables for name in (inputs_of(table) or (table.source,))}
