"""Rules between the parts of a contract, one per function.

Each rule gets a resolved contract (and, for references, all of them) and adds what is wrong to ``problems``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from core.authoring.column_rules import column_rules, is_longer, literals_fit, types_fit
from core.authoring.name_rules import name_rules
from core.authoring.problems import Problems
from core.authoring.rollup_rules import rollup_rules
from core.authoring.source_rules import source_rules
from core.contract.model import (
    Column,
    Contract,
    Contracts,
    Feed,
    Joined,
    Latest,
    LookedUp,
    SourceTable,
    Surrogate,
    Table,
    Take,
    TakeByKind,
)
from core.contract.references import shows_newest, unknown_key
from core.feeds.providers import plans_of_accounts
from core.warehouse.current_state import ENTITIES

ROWS_PER_PARTITION = 100_000  # a commit costs its partition


def check_contract(contract: Contract, contracts: Contracts, problems: Problems, *, today: dt.date) -> None:
    """All rules, source first; a table's own come before those of what it takes from elsewhere."""
    source_rules(contract, problems)
    for table in contract.tables:
        path = f"warehouse.{table.name}"
        name_rules(contract, contracts, table, path, problems)
        column_rules(contract, contracts, table, path, problems)
        rollup_rules(contract, table, path, problems)
        _keys_are_columns(table, path, problems)
        _marks_are_mostly_null(contract, table, path, problems)
        _surrogates_are_of_own_columns(table, path, problems)
        _origins_exist(contract, table, path, problems)
        _joins_fit(contract, table, path, problems)
        _references_exist(contracts, table, path, problems)
        _partitions_never_change(table, path, problems)
        _partitions_stay_small(contract, table, path, problems)
        _days_are_in_order(table, today, path, problems)


def _keys_are_columns(table: Table, path: str, problems: Problems) -> None:
    names = [column.name for column in table.columns if not isinstance(column.rule, Latest)]
    for role, columns in (("key", table.key), ("version", table.version), ("history_of", table.history_of)):
        for name in columns:
            problems.expect_one_of(f"{path}.{role}", name, names, what="column of this table")
        if len(set(columns)) < len(columns) and table.kind != "rollup":
            problems.add(f"{path}.{role}", f"{list(columns)} names a column twice", "Name each once")
    if outside := [name for name in table.history_of if name not in table.key]:
        problems.add(f"{path}.history_of", f"{outside} are not in the key", f"Use some of {list(table.key)}")
    for column in table.columns:
        if table.kind == "dimension" and column.name in table.key and isinstance(column.rule, Joined):
            where = f"{path}.columns.{column.name}"
            problems.add(where, "a joined column may be null, and a key never is", "Take the key from the table itself")


def _marks_are_mostly_null(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    """What the auditor's repairs add is null in every row that was not repaired."""
    if contract.source is None or table.source not in {source.name for source in contract.source.tables}:
        return
    added = {field.name for field in contract.source_table(table.source).fields if field.added}
    partitioned = {part.column for part in table.partition_by}
    for column in table.columns:
        if isinstance(column.rule, Take) and column.rule.field in added:
            where = f"{path}.columns.{column.name}"
            if column.required or column.name in (*table.key, *partitioned):
                problems.add(where, "is null in every row that was not repaired", "Neither require it nor place by it")


def _surrogates_are_of_own_columns(table: Table, path: str, problems: Problems) -> None:
    taken = [column.name for column in table.columns if isinstance(column.rule, Take | TakeByKind | LookedUp)]
    for column in table.columns:
        if isinstance(column.rule, Surrogate):
            for name in column.rule.columns:
                where = f"{path}.columns.{column.name}.surrogate"
                problems.expect_one_of(where, name, taken, what="column of this table that is taken from a field")
            if column.type.name != "bigint":
                problems.add(f"{path}.columns.{column.name}.type", "a surrogate has 63 bits", "Use bigint")


def _origins_exist(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    if table.kind in ("calendar", "rollup"):
        return
    if table.source == ENTITIES and isinstance(contract.source, Feed):
        _entities_have_names(contract.source, table, path, problems)
        return
    tables = {source.name: source for source in contract.source.tables} if contract.source else {}
    if not problems.expect_one_of(f"{path}.from", table.source, tables, what="table of this contract's source"):
        return
    if isinstance(contract.source, Feed) and table.kind == "dimension":
        problems.add(f"{path}.from", "a feed's points make no dimension", f"Write from: {ENTITIES}")
        return
    for column in table.columns:
        _field_fits(tables, table, column, path, problems)


def _field_fits(tables: Mapping[str, SourceTable], table: Table, column: Column, path: str, problems: Problems) -> None:
    """The fields that a column takes are there, and its type holds them."""
    where = f"{path}.columns.{column.name}.from"
    source, rule = tables[table.source], column.rule
    names: tuple[str, ...] = ()
    if isinstance(rule, Take):
        names = (rule.field,)
    elif isinstance(rule, TakeByKind):
        names = (rule.live, rule.history)
    for name in names:
        if problems.expect_one_of(where, name, _names(source), what=f"column of {source.name}"):
            kind = source.field(name).type
            types_fit(kind, column.type, getattr(rule, "form", "value"), where, problems)
            if kind.name == "json" and column.type.name == "string":  # its text is kept, quotes and all
                literals_fit(replace(column, type=kind), f"{path}.columns.{column.name}", problems)
    if isinstance(rule, Joined) and rule.table in tables:
        joined = tables[rule.table]
        if problems.expect_one_of(where, rule.field, _names(joined), what=f"column of {joined.name}"):
            kind = joined.field(rule.field).type
            if not is_longer(kind, column.type) and (kind.name, column.type.name) != ("json", "string"):
                problems.add(where, f"{kind} cannot become {column.type} when joined", f"Make the type {kind}")


def _names(source: SourceTable) -> list[str]:
    return [field.name for field in source.fields]


def _entities_have_names(feed: Feed, table: Table, path: str, problems: Problems) -> None:
    """Only the name of an entity is never null; all else is an attribute, or open."""
    for column in table.columns:
        if column.name in table.key and isinstance(column.rule, Take) and column.rule.field != feed.entity_column:
            remedy = f"Make the column that takes {feed.entity_column!r} the key"
            problems.add(f"{path}.key", f"{column.name!r} is not what entities are known by", remedy)


def _joins_fit(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    tables = {source.name: source for source in contract.source.tables} if contract.source else {}
    for join in table.joins:
        where = f"{path}.join.{join.table}"
        if problems.expect_one_of(where, join.table, tables, what="table of this contract's source"):
            joined = tables[join.table]
            if len(joined.key) != 1:
                problems.add(where, f"{join.table} has a composite key", "Join tables that have a single key")
            if table.source in tables:
                own = tables[table.source]
                names = [field.name for field in own.fields]
                known = problems.expect_one_of(where, join.on, names, what=f"column of {table.source}")
                if known and len(joined.key) == 1 and joined.key[0] in [field.name for field in joined.fields]:
                    key, kind = joined.field(joined.key[0]).type, own.field(join.on).type
                    if not is_longer(kind, key):
                        problem = f"{join.on!r} is {kind}, the key of {join.table} is {key}"
                        problems.add(where, problem, "Give both one type in the source's columns")


def _unknown_fits(table: Table, parent: Table, target: str, where: str, problems: Problems) -> None:
    """An unknown member needs a dimension of a source's rows, a key that has a value for it, and a view to show it."""
    remedy = "Say missing: allow, so that such values stay as they are and are counted"
    if parent.kind != "dimension" or parent.source == ENTITIES or (target,) != parent.key:
        problems.add(f"{where}.missing", f"{parent.name}.{target} is no key of a dimension of source rows", remedy)
    elif unknown_key(parent) is None:
        kind = parent.column(target).type
        problems.add(f"{where}.missing", f"a key of {kind} has no unknown value (int, bigint, string have)", remedy)
    if not shows_newest(table):
        problems.add(f"{where}.missing", f"{table.name} keeps no history and so has no view that shows it", remedy)


def _references_exist(contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    tables = {target.name: target for target in contracts.tables()}
    for column in table.columns:
        if not column.references:
            continue
        where = f"{path}.columns.{column.name}.references"
        name, _, target = column.references.partition(".")
        if problems.expect_one_of(where, name, tables, what="table of the warehouse"):
            known = {parent.name: parent.type for parent in tables[name].columns}
            if problems.expect_one_of(where, target, known, what=f"column of {name}"):
                kind = known[target]
                if column.missing == "unknown":
                    _unknown_fits(table, tables[name], target, where, problems)
                if not is_longer(column.type, kind) and not is_longer(kind, column.type):
                    problems.add(where, f"{target!r} is {kind}, this is {column.type}", "Give both one type")


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


def _partitions_stay_small(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    feed = contract.source
    if not isinstance(feed, Feed) or table.kind != "fact":
        return
    if (rows := rows_per_partition(feed, table)) > ROWS_PER_PARTITION:
        problems.add(
            f"{path}.partition_by",
            f"about {rows:,} rows a partition, and a commit costs its partition",
            f'Choose finer parts: ["bucket({feed.entity_column}, 64)", "day({feed.time_column})"], in quotes',
            warning=True,
        )


def _days_are_in_order(table: Table, today: dt.date, path: str, problems: Problems) -> None:
    if table.kind == "calendar" and table.until < table.since:
        problems.add(f"{path}.to", f"{table.until} is before {table.since}", "Let the calendar end after it begins")
    if table.kind == "fact" and table.since > today.isoformat():
        remedy = "Begin with a day that rows may already be of"
        problems.add(f"{path}.since", f"{table.since} has not come yet, so every row would be refused", remedy)


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


def contradicted_plans(contracts: Iterable[Contract]) -> Iterator[tuple[Contract, str, str]]:
    """Yields each contract that tells another plan of an account than one before it, what it says, and a remedy."""
    remedy = "It is one account with one plan: tell the same in both, or give each a secret of its own"
    for account, plans in plans_of_accounts(contracts).items():
        for unit in ("minute", "second"):
            limits = [(contract, calls) for contract, plan in plans if (calls := getattr(plan, f"per_{unit}"))]
            for contract, calls in limits[1:]:
                known, first = limits[0]
                if calls != first:
                    yield contract, f"allows {account} {calls} calls a {unit}, and {known.dataset} {first}", remedy


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
