"""Resolve a written contract: fill in defaults, turn names and calls into values of the model.

Pure. Problems are collected, not raised: what cannot be resolved is left out, and the caller refuses the whole.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

from core.authoring import declare
from core.authoring.problems import Problems
from core.contract.model import (
    TIME_UNITS,
    Aggregated,
    CalendarPart,
    Check,
    Column,
    Contract,
    Database,
    Entity,
    Feed,
    Field,
    GroupValue,
    Join,
    Joined,
    Latest,
    LookedUp,
    Partition,
    Provider,
    Rule,
    Sample,
    SourceTable,
    Surrogate,
    Table,
    Take,
    TakeByKind,
)
from core.contract.types import ColumnType
from core.errors import of_kind
from core.time import format_second

CALENDAR_COLUMNS = (
    ("date_id", "date", "date", "the day itself"),
    ("year", "int", "year", ""),
    ("month", "int", "month", "1 to 12"),
    ("day", "int", "day", "of the month"),
    ("day_of_week", "int", "day_of_week", "ISO: Monday is 1"),
    ("day_name", "string", "day_name", "in English"),
    ("month_name", "string", "month_name", "in English"),
    ("quarter", "int", "quarter", "1 to 4"),
)
_CHECK = re.compile(r"(>=|<=|!=|=|>|<)\s*(\S.*)")
_CALL = re.compile(r"([a-z_]+)\(\s*([a-z0-9_]*)\s*(?:,\s*(\d+)\s*)?\)")
_TIMESTAMP, _STRING = ColumnType("timestamp"), ColumnType("string")


def resolve(shape: declare.ContractShape, problems: Problems) -> Contract:
    """The resolved contract, without its hash; ``problems`` says what could not be resolved."""
    source = _source(shape, problems)
    tables = []
    for name, table in shape.warehouse.items():
        path = f"warehouse.{name}"
        if isinstance(table, declare.CalendarShape):
            tables.append(_calendar(shape.dataset, name, table))
        elif isinstance(table, declare.FactShape):
            tables.append(_fact(shape, name, table, path, problems))
        elif isinstance(table, declare.DimensionShape):
            tables.append(_dimension(shape, name, table, path, problems))
        else:
            tables.append(_rollup(shape, name, table, path, problems))
    return Contract(
        dataset=shape.dataset,
        source=source,
        tables=tuple(_with_marks(table, source) for table in tables),
        quarantine_share=shape.quarantine.share,
        quarantine_minimum=shape.quarantine.minimum,
    )


# ---------------------------------------------------------------- sources


def _source(shape: declare.ContractShape, problems: Problems) -> Database | Feed | None:
    source = shape.source
    if source is None:
        return None
    if isinstance(source, declare.DatabaseShape):
        return Database(
            engine=source.engine,
            secret=source.secret,
            timezone=source.timezone,
            every=source.every,
            settle=source.settle,
            complete_within=source.complete_within,
            margin=source.margin,
            lookback=source.lookback,
            sweep=source.sweep,
            canary=source.canary,
            tables=tuple(_source_table(name, table) for name, table in source.tables.items()),
        )
    return Feed(
        provider=Provider(source.provider.kind, source.provider.settings),
        history=Provider(source.history.kind, source.history.settings),
        secret=source.secret,
        every=source.every,
        calendar=source.calendar,
        entity_column=source.point[0],
        time_column=source.point[1],
        entities=tuple(
            Entity(name, _instant(entity.valid_from), _instant(entity.valid_until), entity.attributes)
            for name, entity in source.entities.items()
        ),
        settle=source.settle,
        complete_within=source.complete_within,
        calls_per_minute=source.rate_limit,
        table=_feed_line(shape, source, problems),
        entities_per_message=source.entities_per_message,
        sample=Sample(source.sample.points, source.sample.tolerance) if source.sample else Sample(),
        canary=source.canary,
        stream=source.stream,
    )


def _each(names: str | list[str] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _instant(value: dt.date | dt.datetime | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return format_second(value)


NO_TIME = "none"  # as changed_at: no column of the table tells when a row changed


def _source_table(name: str, shape: declare.SourceTableShape) -> SourceTable:
    fields = [
        Field(
            column,
            field.type,
            not field.nullable,
            field.comment,
            since=_instant(field.since),
            was=_each(field.was),
        )
        for column, field in shape.columns.items()
    ]
    table = SourceTable(
        name=name,
        key=tuple(shape.key),
        fields=tuple(fields),
        created_at=shape.created_at,
        changed_at="" if shape.compare == "keys" and shape.changed_at == NO_TIME else shape.changed_at,
        rows_per_object=shape.rows_per_object,
        relation=shape.relation,
        compare=shape.compare,
    )
    marks = (
        Field(
            table.deleted_mark,
            _TIMESTAMP,
            False,
            "set by the auditor when the source no longer has the row",
            added=True,
        ),
        Field(table.checked_mark, _TIMESTAMP, False, "set by the auditor when it fetched the row again", added=True),
    )
    return replace(table, fields=(*fields, *marks))


def _with_marks(table: Table, source: Database | Feed | None) -> Table:
    """The table with the names of the marks that rows of its source have."""
    for origin in source.tables if source else ():
        if origin.name == table.source:
            return replace(table, deleted=origin.deleted_mark, checked=origin.checked_mark)
    return table


def _feed_line(shape: declare.ContractShape, source: declare.FeedShape, problems: Problems) -> SourceTable:
    """The line of a point: entity and time, its origin, and the provider's fields that the tables take."""
    entity, time = source.point
    fields = {
        entity: Field(entity, _STRING),
        time: Field(time, _TIMESTAMP),
        "kind": Field("kind", _STRING, comment="live or history: which answer of the provider this is"),
        "provenance": Field("provenance", _STRING, comment="observed, or repaired by the auditor"),
        "fetched_at": Field("fetched_at", _TIMESTAMP),
        "dataset": Field("dataset", _STRING, required=False),
    }
    for table_name, table in shape.warehouse.items():
        if not isinstance(table, declare.FactShape):
            continue
        for name, column in table.columns.items():
            taken = column.source or name
            names = [taken.live, taken.history] if isinstance(taken, declare.ByKindShape) else [taken]
            if column.surrogate or column.lookup or column.aggregate:
                continue
            for field in names:
                rounding, former = column.round or "", _each(column.was)
                known = fields.setdefault(field, Field(field, column.type, required=False, round=rounding, was=former))
                path = f"warehouse.{table_name}.columns.{name}"
                if field not in (entity, time) and column.form is None and known.type != column.type:
                    problems.add(path, f"{field!r} is {known.type} elsewhere, {column.type} here", "Give it one type")
                elif known.round != rounding:
                    problems.add(f"{path}.round", f"{field!r} is rounded otherwise elsewhere", "Say the same of both")
                elif known.was != former:
                    problems.add(f"{path}.was", f"{field!r} has other former names elsewhere", "Say the same of both")
    return SourceTable(name=shape.dataset, key=(entity, time), fields=tuple(fields.values()))


# ---------------------------------------------------------------- tables


def _fact(shape: declare.ContractShape, name: str, table: declare.FactShape, path: str, problems: Problems) -> Table:
    source = table.source or (shape.dataset if isinstance(shape.source, declare.FeedShape) else "")
    columns = _columns(table.columns, (), path, problems, of_feed=isinstance(shape.source, declare.FeedShape))
    if table.history_of:
        comment = "true for the newest version unless it is deleted; sums over the current state filter on it"
        columns += (Column("is_latest", ColumnType("boolean"), Latest(), comment),)
    return Table(
        name=name,
        dataset=shape.dataset,
        kind="fact",
        description=table.grain,
        key=tuple(table.key),
        columns=columns,
        source=source,
        version=tuple(table.version),
        history_of=tuple(table.history_of or ()),
        partition_by=_partitions(shape, table.partition_by, table.columns, path, problems),
        since=table.since.isoformat(),
    )


def _dimension(
    shape: declare.ContractShape, name: str, table: declare.DimensionShape, path: str, problems: Problems
) -> Table:
    joins = tuple(Join(joined, on) for joined, on in table.join.items())
    return Table(
        name=name,
        dataset=shape.dataset,
        kind="dimension",
        description=table.description,
        key=tuple(table.key),
        columns=_columns(table.columns, tuple(join.table for join in joins), path, problems),
        source=table.source,
        joins=joins,
    )


def _calendar(dataset: str, name: str, table: declare.CalendarShape) -> Table:
    return Table(
        name=name,
        dataset=dataset,
        kind="calendar",
        description="every day of the calendar",
        key=("date_id",),
        columns=tuple(
            Column(column, ColumnType(kind), CalendarPart(part), comment)
            for column, kind, part, comment in CALENDAR_COLUMNS
        ),
        since=table.since.isoformat(),
        until=table.until.isoformat(),
    )


def _rollup(
    shape: declare.ContractShape, name: str, table: declare.RollupShape, path: str, problems: Problems
) -> Table:
    fact = shape.warehouse.get(table.source)
    if not isinstance(fact, declare.FactShape):
        facts = [fact_name for fact_name, kind in shape.warehouse.items() if isinstance(kind, declare.FactShape)]
        problems.expect_one_of(f"{path}.from", table.source, facts, what="fact of this contract")
        return Table(name, shape.dataset, "rollup", table.grain, (), (), table.source)
    group: list[Column] = []
    for text in table.by:
        unit, column, _ = _partition_call(text)
        if problems.expect_one_of(f"{path}.by", column, fact.columns, what=f"column of {table.source}"):
            kind = fact.columns[column].type
            group.append(Column(unit or column, kind, GroupValue(column, unit), f"group of {table.source}"))
    aggregates = _columns(table.columns, (), path, problems)
    since = fact.since.isoformat()
    parts = table.partition_by or fact.partition_by
    known = {**fact.columns, **table.columns, **{column.name: fact.columns[_grouped(column)] for column in group}}
    return Table(
        name=name,
        dataset=shape.dataset,
        kind="rollup",
        description=table.grain or f"{table.source} by {', '.join(table.by)}",
        key=tuple(column.name for column in group),
        columns=tuple(group) + aggregates,
        source=table.source,
        partition_by=_partitions(shape, parts, known, path, problems),
        since=since,
    )


def _grouped(column: Column) -> str:
    return of_kind(column.rule, GroupValue, "resolve", column.name).column


# ---------------------------------------------------------------- columns


def _columns(
    shapes: dict[str, declare.ColumnShape],
    joined: tuple[str, ...],
    path: str,
    problems: Problems,
    *,
    of_feed: bool = False,
) -> tuple[Column, ...]:
    columns = []
    for name, shape in shapes.items():
        where = f"{path}.columns.{name}"
        rule = _rule(name, shape, joined, where, problems)
        if shape.round and (not of_feed or shape.type.name not in ("decimal", "int", "bigint")):
            remedy = "Leave it out: databases and doubles keep the digits that they have"
            problems.add(f"{where}.round", "only a feed's decimals and integers are rounded", remedy)
        if shape.was and (not of_feed or isinstance(shape.source, declare.ByKindShape)):
            remedy = "Of a database, say it of the source's column; of two fields, give each a column of its own"
            problems.add(f"{where}.was", "former names are those of one field of a line", remedy)
        columns.append(
            Column(
                name=name,
                type=shape.type,
                rule=rule,
                comment=shape.comment,
                unit=shape.unit,
                references=shape.references if isinstance(shape.references, str) else shape.references.on,
                missing="alarm" if isinstance(shape.references, str) else shape.references.missing,
                check=_check(shape.check, where, problems),
                one_of=tuple(shape.one_of or ()),
                rank=tuple(shape.rank or ()),
                immutable=shape.immutable,
                required=shape.required,
            )
        )
    return tuple(columns)


def _rule(name: str, shape: declare.ColumnShape, joined: tuple[str, ...], path: str, problems: Problems) -> Rule:
    ways = [way for way in ("source", "surrogate", "lookup", "aggregate") if getattr(shape, way) is not None]
    if len(ways) > 1:
        problems.add(path, f"has several origins ({', '.join(ways)})", "Keep one of from, surrogate, lookup, aggregate")
    if shape.form and (ways not in ([], ["source"]) or isinstance(shape.source, declare.ByKindShape)):
        problems.add(f"{path}.as", f"as: {shape.form} needs one field to take from", "Leave it out, or use from alone")
    if shape.surrogate:
        return Surrogate(tuple(shape.surrogate))
    if shape.lookup:
        return LookedUp(shape.lookup.table, shape.lookup.by, shape.lookup.column)
    if shape.aggregate is not None:
        match = _CALL.fullmatch(shape.aggregate.strip())
        if not match:
            problems.add(path, f"{shape.aggregate!r} is no aggregate", "Write it like first(price) or count()")
            return Aggregated("count")
        return Aggregated(match[1], match[2])
    if isinstance(shape.source, declare.ByKindShape):
        return TakeByKind(shape.source.live, shape.source.history)
    source = shape.source or name
    if "." in source:
        table, _, field = source.partition(".")
        if shape.form:
            problems.add(
                f"{path}.as", f"as: {shape.form} takes no joined field", "Make the joined field a column first"
            )
        problems.expect_one_of(f"{path}.from", table, joined, what="joined table")
        return Joined(table, field)
    return Take(source, shape.form or "value")


def _check(text: str | None, path: str, problems: Problems) -> Check | None:
    if text is None:
        return None
    match = _CHECK.fullmatch(text.strip())
    if not match:
        problems.add(f"{path}.check", f"{text!r} is no check", 'Write an operator and a value: "> 0"')
        return None
    operator: Any = match[1]
    return Check(operator, match[2])


# ---------------------------------------------------------------- partitions


def _partition_call(text: str) -> tuple[str, str, int]:
    """``month(created_at)`` -> (month, created_at, 0); ``bucket(symbol, 64)``; ``symbol`` -> ("", symbol, 0)."""
    if match := _CALL.fullmatch(text.strip()):
        return match[1], match[2], int(match[3] or 0)
    return "", text.strip(), 0


def _partitions(
    shape: declare.ContractShape,
    texts: list[str],
    columns: dict[str, declare.ColumnShape],
    path: str,
    problems: Problems,
) -> tuple[Partition, ...]:
    parts = []
    for text in texts:
        transform, column, buckets = _partition_call(text)
        where = f"{path}.partition_by"
        if not problems.expect_one_of(where, column, columns, what="column of this table"):
            continue
        if transform == "":
            parts.append(
                Partition(column, column, "value", values=_listed(shape, column, columns[column], where, problems))
            )
        elif transform == "bucket":
            if buckets < 1:
                problems.add(where, f"{text!r} has no number of buckets", f'Write "bucket({column}, 64)", in quotes')
            parts.append(Partition(f"{column}_bucket", column, "bucket", buckets=buckets))
        elif transform in TIME_UNITS:
            unit: Any = transform
            if columns[column].type.name not in ("timestamp", "date"):
                problems.add(
                    where, f"{column!r} is {columns[column].type}, no time", "Partition by a timestamp or date"
                )
            parts.append(Partition(transform, column, unit))
        else:
            problems.expect_one_of(where, transform, [*TIME_UNITS, "bucket"], what="partition transform")
    return tuple(parts)


def _listed(
    shape: declare.ContractShape, name: str, column: declare.ColumnShape, path: str, problems: Problems
) -> tuple[str, ...]:
    """The values that the catalog lists for a partition column."""
    if column.one_of:
        values = tuple(column.one_of)
    elif isinstance(shape.source, declare.FeedShape) and name == shape.source.point[0]:
        values = tuple(shape.source.entities)
    else:
        problems.add(
            path,
            f"the values of {name!r} are not listed",
            f'List them in one_of, or write "bucket({name}, 64)", in quotes',
        )
        return ()
    for value in values:
        if not re.fullmatch(declare.SAFE_VALUE, value):
            problems.add(path, f"{value!r} cannot be a folder name", f'Write "bucket({name}, 64)", in quotes')
    return values
