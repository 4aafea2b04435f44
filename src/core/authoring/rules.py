"""Rules between the parts of a contract, one per function.

Each rule gets a resolved contract (and, for references, all of them) and adds what is wrong to ``problems``.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

from core.authoring.problems import Problems
from core.authoring.provider_rules import provider_rules
from core.contract.model import (
    Aggregated,
    Contract,
    Contracts,
    Database,
    Feed,
    Joined,
    LookedUp,
    SourceTable,
    Surrogate,
    Table,
    Take,
    TakeByKind,
)
from core.contract.types import ColumnType
from core.warehouse.current_state import ENTITIES

AGGREGATES = ("first", "last", "min", "max", "sum", "count", "expected", "repaired", "absent", "complete")
ROWS_PER_PARTITION = 100_000  # a commit costs its partition
_EXACT = {"boolean", "date", "timestamp", "string", "json"}


def check_contract(contract: Contract, contracts: Contracts, problems: Problems) -> None:
    """All rules, source first."""
    _source_rules(contract, problems)
    for table in contract.tables:
        path = f"warehouse.{table.name}"
        _keys_are_columns(table, path, problems)
        _origins_exist(contract, table, path, problems)
        _joins_fit(contract, table, path, problems)
        _lookups_exist(contracts, table, path, problems)
        _references_exist(contracts, table, path, problems)
        _partitions_never_change(table, path, problems)
        _ranks_cover_their_values(table, path, problems)
        _partitions_stay_small(contract, table, path, problems)


def _source_rules(contract: Contract, problems: Problems) -> None:
    source = contract.source
    if isinstance(source, Database):
        if source.timezone not in zoneinfo.available_timezones():
            problems.add("source.timezone", f"{source.timezone!r} is no time zone", "Use an IANA name such as UTC")
        if source.sweep < source.every:
            problems.add("source.sweep", "is shorter than every", "Give the auditor time: 7 days, or an hour at least")
        for table in source.tables:
            _source_table_rules(table, f"source.tables.{table.name}", problems)
        if source.canary:
            _canary_rules(contract, problems)
    if isinstance(source, Feed):
        if 86_400 % source.every:
            problems.add("source.every", "does not divide a day", "Use a cadence such as 1 minute or 1 hour")
        if source.complete_within < source.settle:
            problems.add("source.complete_within", "is shorter than settle", "Give late points time to arrive")
        if not any(table.source == contract.dataset for table in contract.tables if table.kind == "fact"):
            problems.add("warehouse", "no fact takes the feed's points", f"Add a fact with from: {contract.dataset}")
        provider_rules(contract, source, problems)


def _canary_rules(contract: Contract, problems: Problems) -> None:
    """A canary shares no table with the dataset that it shadows, and a column tells which of its rows came back."""
    for table in contract.tables:
        path = f"warehouse.{table.name}"
        if table.kind != "fact":
            remedy = "Make it a fact: dimensions share the current state of a source table with other datasets"
            problems.add(path, f"a canary has no {table.kind}", remedy)
        elif "checked_at" not in {column.name for column in table.columns}:
            problems.add(path, "no column tells what was fetched again", "Add a column checked_at")


def _source_table_rules(table: SourceTable, path: str, problems: Problems) -> None:
    names = [field.name for field in table.fields]
    for name in table.key:
        problems.expect_one_of(f"{path}.key", name, names, what="column of this table")
    for role, name in (("created_at", table.created_at), ("changed_at", table.changed_at)):
        known = not name or problems.expect_one_of(f"{path}.{role}", name, names, what="column of this table")
        if name and known and table.field(name).type.name != "timestamp":
            problems.add(f"{path}.{role}", f"{name!r} is {table.field(name).type}", "Name a timestamp column")
    if not table.changed_at and not table.created_at:
        problems.add(path, "names neither created_at nor changed_at", "Name the column that tells when a row changed")


def _keys_are_columns(table: Table, path: str, problems: Problems) -> None:
    names = [column.name for column in table.columns]
    for role, columns in (("key", table.key), ("version", table.version), ("history_of", table.history_of)):
        for name in columns:
            problems.expect_one_of(f"{path}.{role}", name, names, what="column of this table")
    if outside := [name for name in table.history_of if name not in table.key]:
        problems.add(f"{path}.history_of", f"{outside} are not in the key", f"Use some of {list(table.key)}")
    for column in table.columns:
        if isinstance(column.rule, Surrogate):
            for name in column.rule.columns:
                where = f"{path}.columns.{column.name}.surrogate"
                problems.expect_one_of(where, name, names, what="column of this table")
            if column.type.name != "bigint":
                problems.add(f"{path}.columns.{column.name}.type", "a surrogate has 63 bits", "Use bigint")


def _origins_exist(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    if table.kind in ("calendar", "rollup"):
        _aggregates_exist(contract, table, path, problems)
        return
    if table.source == ENTITIES and isinstance(contract.source, Feed):
        return
    tables = {source.name: source for source in contract.source.tables} if contract.source else {}
    if not problems.expect_one_of(f"{path}.from", table.source, tables, what="table of this contract's source"):
        return
    source = tables[table.source]
    names = [field.name for field in source.fields]
    for column in table.columns:
        where = f"{path}.columns.{column.name}.from"
        rule = column.rule
        if isinstance(rule, Take):
            if problems.expect_one_of(where, rule.field, names, what=f"column of {source.name}"):
                _types_fit(source.field(rule.field).type, column.type, rule.form, where, problems)
        elif isinstance(rule, TakeByKind):
            for name in (rule.live, rule.history):
                if problems.expect_one_of(where, name, names, what=f"column of {source.name}"):
                    _types_fit(source.field(name).type, column.type, "value", where, problems)
        elif isinstance(rule, Joined) and rule.table in tables:
            joined = tables[rule.table]
            known = [field.name for field in joined.fields]
            if problems.expect_one_of(where, rule.field, known, what=f"column of {joined.name}"):
                _types_fit(joined.field(rule.field).type, column.type, "value", where, problems)


def _types_fit(source: ColumnType, target: ColumnType, form: str, path: str, problems: Problems) -> None:
    """A value may be taken as it is, made longer without loss, or read from text; never rounded."""
    if form in ("date", "time"):
        if source.name != "timestamp":
            problems.add(path, f"as: {form} needs a timestamp, this is {source}", "Take it from a timestamp")
        wanted = "date" if form == "date" else "string"
        if target.name != wanted:
            problems.add(path, f"as: {form} gives {wanted}, not {target}", f"Make the type {wanted}")
        return
    longer = (
        source == target
        or (source.name == "int" and target.name == "bigint")
        or (source.name == "string" and target.name in ("date", "timestamp"))
        or (source.name in _EXACT and target.name == "string" and source.name in ("string", "json"))
        or (
            source.name == target.name == "decimal"
            and target.scale >= source.scale
            and target.precision - target.scale >= source.precision - source.scale
        )
    )
    if not longer:
        problems.add(path, f"{source} cannot become {target} without loss", f"Make the type {source}")


def _aggregates_exist(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    facts = {fact.name: fact for fact in contract.tables if fact.kind == "fact"}
    if table.kind != "rollup" or table.source not in facts:
        return
    names = [column.name for column in facts[table.source].columns]
    for column in table.columns:
        if isinstance(column.rule, Aggregated):
            where = f"{path}.columns.{column.name}.aggregate"
            problems.expect_one_of(where, column.rule.function, AGGREGATES, what="aggregate")
            if column.rule.column:
                problems.expect_one_of(where, column.rule.column, names, what=f"column of {table.source}")


def _joins_fit(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    tables = {source.name: source for source in contract.source.tables} if contract.source else {}
    for join in table.joins:
        where = f"{path}.join.{join.table}"
        if problems.expect_one_of(where, join.table, tables, what="table of this contract's source"):
            if len(tables[join.table].key) != 1:
                problems.add(where, f"{join.table} has a composite key", "Join tables that have a single key")
            if table.source in tables:
                names = [field.name for field in tables[table.source].fields]
                problems.expect_one_of(where, join.on, names, what=f"column of {table.source}")


def _lookups_exist(contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    lookups = {lookup.name: lookup for lookup in contracts.lookups}
    for column in table.columns:
        if isinstance(rule := column.rule, LookedUp):
            where = f"{path}.columns.{column.name}.lookup"
            if problems.expect_one_of(where, rule.lookup, lookups, what="file of lookups/"):
                known = lookups[rule.lookup].columns
                problems.expect_one_of(where, rule.column, known, what=f"column of lookups/{rule.lookup}.csv")


def _references_exist(contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    tables = {target.name: target for target in contracts.tables()}
    for column in table.columns:
        if not column.references:
            continue
        where = f"{path}.columns.{column.name}.references"
        name, _, target = column.references.partition(".")
        if problems.expect_one_of(where, name, tables, what="table of the warehouse"):
            known = [column.name for column in tables[name].columns]
            problems.expect_one_of(where, target, known, what=f"column of {name}")


def _partitions_never_change(table: Table, path: str, problems: Problems) -> None:
    """All versions of a key must share a partition, else an update would leave its old self behind."""
    fixed = set(table.history_of or table.key)
    names = {column.name for column in table.columns}
    for part in table.partition_by:
        if part.column in names and part.column not in fixed and not table.column(part.column).immutable:
            problems.add(
                f"{path}.partition_by",
                f"{part.column!r} can change under the key {sorted(fixed)}, which would leave old versions behind",
                f"Partition by a column of the key, or say immutable: true of {part.column!r} if that is so",
            )


def _ranks_cover_their_values(table: Table, path: str, problems: Problems) -> None:
    for column in table.columns:
        if column.rank and set(column.rank) != set(column.one_of or column.rank):
            where = f"{path}.columns.{column.name}.rank"
            problems.add(
                where, "does not rank exactly the values of one_of", f"Order {list(column.one_of)}, lowest first"
            )


def _partitions_stay_small(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    feed = contract.source
    if not isinstance(feed, Feed) or table.kind != "fact":
        return
    if (rows := rows_per_partition(feed, table)) > ROWS_PER_PARTITION:
        problems.add(
            f"{path}.partition_by",
            f"about {rows:,} rows a partition, and a commit costs its partition",
            f"Choose finer parts, such as [bucket({feed.entity_column}, 64), day({feed.time_column})]",
            warning=True,
        )


def rows_per_partition(feed: Feed, table: Table) -> int:
    """The most rows that a partition can have: every slot of its time, for the entities that share it. An estimate."""
    seconds = {"year": 366 * 86_400, "month": 31 * 86_400, "day": 86_400, "hour": 3600}
    span, entities = 10 * 366 * 86_400, len(feed.entities)
    for part in table.partition_by:
        if part.transform in seconds:
            span = min(span, seconds[part.transform])
        elif part.column == feed.entity_column:
            entities = 1 if part.transform == "value" else -(-len(feed.entities) // part.buckets)
    open_share = 1.0 if feed.calendar == "always" else 0.25
    return int(span / feed.every * entities * open_share)


def shared_tables_agree(contracts: Contracts) -> Iterator[tuple[Contract, Table]]:
    """Yields each table that several contracts promise differently, with the later contract."""
    first: dict[str, Table] = {}
    for contract in contracts:
        for table in contract.tables:
            known = first.setdefault(table.name, table)
            if (known.columns, known.key, known.since, known.until, known.kind) != (
                table.columns,
                table.key,
                table.since,
                table.until,
                table.kind,
            ) or (table.kind != "calendar" and known is not table):
                yield contract, table
