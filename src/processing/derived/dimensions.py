"""Dimensions and tables from the contract alone: each computed whole, and committed where its inputs have changed.

A dimension is computed from the current state of its source tables, so that a changed department changes its staff and
nothing else. A commit is skipped where the footer names exactly the inputs of now, so doing it again is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from core.contract.codec import content_hash
from core.contract.model import Contract, Contracts, Feed, Joined, Table, Take
from core.contract.references import has_unknown_member, unknown_key
from core.errors import PipelineBug
from core.ports import PartitionStore
from core.warehouse.arrow_types import arrow_type, stored_schema
from core.warehouse.current_state import CURRENT, current_table, inputs_of
from core.warehouse.order import as_array
from processing.derived.calendar_tables import calendar_rows
from processing.partitions.commit import CommitContext, Outcome, Snapshot, commit_table
from processing.shape import Origin, shape


def derive_dimension(store: PartitionStore, table: Table, contracts: Contracts, *, context: CommitContext) -> Outcome:
    """Bring a dimension up to date with the current state of its source tables."""
    contract = contracts.dataset(table.dataset)
    inputs = [(current_table(contract, contract.source_table(name)), "") for name in dict.fromkeys(inputs_of(table))]
    return commit_table(
        store,
        table,
        "",
        lambda snapshots: dimension_rows(table, _states(contract, snapshots), Origin(contract, contracts)),
        inputs=inputs,
        context=context,
    )


def _states(contract: Contract, snapshots: Mapping[str, Snapshot]) -> dict[str, pa.Table]:
    """The current rows by source table, without those that the source has deleted."""
    states = {}
    for name, snapshot in snapshots.items():
        rows, source = snapshot.table, name.removeprefix(f"{CURRENT}/").partition(".")[0]
        mark = contract.source_table(source).deleted_mark
        if mark in rows.column_names and rows.column(mark).null_count < rows.num_rows:
            rows = rows.filter(pc.is_null(rows.column(mark)))
        states[source] = rows
    return states


def dimension_rows(table: Table, states: Mapping[str, pa.Table], origin: Origin) -> pa.Table:
    """The dimension's rows from the current rows of its source tables; a join that finds nothing gives nulls."""
    schema = stored_schema(table)
    own = states.get(table.source)
    if own is None:
        return schema.empty_table()
    shaped = shape(table, own, origin).rows
    columns = []
    for column in table.columns:
        if isinstance(column.rule, Joined):
            values = _joined(table, column.rule, own, states, origin.contract)
            columns.append(values.cast(arrow_type(column.type)))
        else:
            columns.append(shaped.column(column.name))
    rows = pa.table(columns, schema=schema)
    return pa.concat_tables([_unknown_member(table), rows]) if _lacks_unknown(table, rows, origin) else rows


def _lacks_unknown(table: Table, rows: pa.Table, origin: Origin) -> bool:
    """Whether the dimension is to have an unknown member, and no row of the source has its key."""
    if not has_unknown_member(origin.contracts, table):
        return False
    return unknown_key(table) not in rows.column(table.key[0]).to_pylist()


def _unknown_member(table: Table) -> pa.Table:
    """The row that stands for every parent that is missing: its key, and nothing else."""
    return pa.Table.from_pylist([{table.key[0]: unknown_key(table)}], schema=stored_schema(table))


def _joined(table: Table, rule: Joined, own: pa.Table, states: Mapping[str, pa.Table], contract: Contract) -> pa.Array:
    """A joined column: ``rule.field`` of the other table's row whose key is this row's ``on``; else null."""
    on = next(join.on for join in table.joins if join.table == rule.table)
    other = states.get(rule.table)
    if other is None:
        kind = arrow_type(contract.source_table(rule.table).field(rule.field).type)
        return pa.nulls(own.num_rows, kind)
    key = other.column(contract.source_table(rule.table).key[0])
    places = pc.index_in(own.column(on).cast(key.type), value_set=as_array(key))
    return as_array(other.column(rule.field)).take(as_array(places))


def derive_static(
    store: PartitionStore,
    table: Table,
    contracts: Contracts,
    *,
    commit_context: Callable[[str], CommitContext] = CommitContext,
) -> Outcome:
    """Make a table that comes from the contract alone, unless it was made from the same promise.

    Of a feed's entities those of its earlier contracts too, where ``contracts`` say them: facts refer to them for ever.
    """
    contract = contracts.dataset(table.dataset)
    feed = contract.source if isinstance(contract.source, Feed) else None

    def recompute(_: Mapping[str, Snapshot]) -> pa.Table:
        if table.kind == "calendar":
            return calendar_rows(table)
        if feed is None:
            raise PipelineBug("derive", table.name, "entities of a dataset that is no feed", "starmend contract check")
        return entity_rows(table, feed)

    promise = content_hash((table, feed.entities if feed and table.kind == "dimension" else ()))
    return commit_table(store, table, "", recompute, inputs=(), context=commit_context(promise))


def entity_rows(table: Table, feed: Feed) -> pa.Table:
    """A feed's entities: name, ``valid_from``, ``valid_until`` and whatever attributes the contract gives them."""
    columns = []
    for column in table.columns:
        if not isinstance(column.rule, Take):
            raise PipelineBug("derive", f"{table.name}.{column.name}", f"no entity gives {column.rule!r}")
        name = column.rule.field
        if name == feed.entity_column:
            texts: list[str | None] = [entity.name for entity in feed.entities]
        elif name in ("valid_from", "valid_until"):
            texts = [str(getattr(entity, name)).removesuffix("Z") or None for entity in feed.entities]
        else:
            texts = [entity.attributes.get(name) for entity in feed.entities]
        columns.append(pa.array(texts, pa.string()).cast(arrow_type(column.type)))
    return pa.table(columns, schema=stored_schema(table))
