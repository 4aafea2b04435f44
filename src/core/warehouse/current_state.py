"""The current state of source tables, which dimensions are computed from: ``_current/<source table>``."""

from __future__ import annotations

from dataclasses import replace

from core.contract.model import Column, Contract, SourceTable, Table, Take
from core.warehouse.row_layout import basis_of

CURRENT = "_current"
ENTITIES = "entities"


def inputs_of(table: Table) -> tuple[str, ...]:
    """The source tables that a dimension is computed from, its own first; none for other kinds."""
    if table.kind != "dimension" or table.source == ENTITIES:
        return ()
    return (table.source, *(join.table for join in table.joins))


def current_table(contract: Contract, source: SourceTable) -> Table:
    """The table ``_current/<source table>``: the newest version of each row, deleted ones included.

    Its columns are the source's; its version is when the row changed, then when the auditor last checked it.
    """
    names = {field.name for field in source.fields}
    newest = (source.changed_at or source.created_at, source.checked_mark)
    table = Table(
        name=f"{CURRENT}/{source.name}",
        dataset=contract.dataset,
        kind="dimension",
        description=f"current state of {source.name}",
        key=source.key,
        columns=tuple(
            Column(field.name, field.type, Take(field.name), field.comment, was=field.was) for field in source.fields
        ),
        source=source.name,
        version=tuple(name for name in newest if name in names),
        deleted=source.deleted_mark,
        checked=source.checked_mark,
        generation=source.generation,
    )
    return replace(table, basis=basis_of(table, contract.source))


def is_written_beside(contract: Contract, table: Table) -> bool:
    """Whether a table of the contract beside can be kept: not a dimension whose current state is kept otherwise.

    A current state in a folder that both contracts have is kept as ``contract`` says. Once that gives a column of it
    another type or another name, the contract that was before cannot read it any more.
    """
    beside = contract.beside
    if beside is None or not beside.until or contract.source is None:
        return beside is not None
    kept = {source.name: current_table(contract, source) for source in contract.source.tables}
    for name in dict.fromkeys(inputs_of(table)):
        read = current_table(beside.contract, beside.contract.source_table(name))
        if name in kept and kept[name].folder == read.folder:
            columns = {(column.name, column.type) for column in kept[name].columns}
            if not columns >= {(column.name, column.type) for column in read.columns}:
                return False
    return True
