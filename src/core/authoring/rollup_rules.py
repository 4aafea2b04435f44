"""Rules of rollups: one row per entity and unit of time of a feed's fact, in the fact's own partitions."""

from __future__ import annotations

from core.authoring.column_rules import is_longer
from core.authoring.problems import Problems
from core.contract.model import TIME_UNITS, Aggregated, Column, Contract, Feed, GroupValue, Table, Take
from core.contract.types import MAX_DECIMAL_PRECISION, ColumnType

COUNTED = ("count", "expected", "repaired", "absent")
CHOSEN = ("first", "last", "min", "max")
AGGREGATES = (*CHOSEN, "sum", *COUNTED, "complete")
_SECONDS = {"year": 366 * 86_400, "month": 31 * 86_400, "day": 86_400, "hour": 3_600}  # at most
_UNITS = [[unit] for unit in _SECONDS]
_SUMMED = ("int", "bigint", "double", "decimal")


def rollup_rules(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    """Add what is wrong with a rollup; other tables have nothing of it."""
    facts = {fact.name: fact for fact in contract.tables if fact.kind == "fact"}
    if table.kind != "rollup" or table.source not in facts:
        return
    fact = facts[table.source]
    if not isinstance(contract.source, Feed):
        problems.add(path, "a rollup is of a feed's fact: it counts what a calendar expects", "Aggregate in a query")
        return
    _groups_are_points(contract.source, fact, table, path, problems)
    for column in table.columns:
        if isinstance(column.rule, Aggregated):
            where = f"{path}.columns.{column.name}"
            _aggregate_fits(fact, column, column.rule, where, problems)
            _sum_fits(contract.source, fact, table, column, where, problems)


def _groups_are_points(feed: Feed, fact: Table, table: Table, path: str, problems: Problems) -> None:
    entity, time = (_taking(fact, name) for name in (feed.entity_column, feed.time_column))
    groups = [column.rule for column in table.columns if isinstance(column.rule, GroupValue)]
    by_entity = [group for group in groups if group.column == entity and not group.unit]
    by_time = [group for group in groups if group.column == time and group.unit in TIME_UNITS]
    if len(groups) != 2 or len(by_entity) != 1 or len(by_time) != 1:
        problem = "is not by entity and unit of time"
        problems.add(f"{path}.by", problem, f"Write by: [{entity}, hour({time})], or with {', '.join(TIME_UNITS)}")
        return
    if table.partition_by != fact.partition_by:
        problems.add(f"{path}.partition_by", f"is not that of {fact.name}", "Leave it out: it is made part by part")
    if others := [part.column for part in fact.partition_by if part.column not in (entity, time)]:
        problem = f"a group lies in several partitions of {fact.name}, which is placed by {', '.join(others)}"
        problems.add(f"{path}.from", problem, f"Partition {fact.name} by {entity} and {time} alone")
    finest = max(
        (TIME_UNITS.index(part.transform) for part in fact.partition_by if part.transform in TIME_UNITS), default=0
    )
    if TIME_UNITS.index(by_time[0].unit) < finest:
        problem = f"a {by_time[0].unit} lies in several partitions of {fact.name}"
        problems.add(f"{path}.by", problem, f"Write {TIME_UNITS[finest]}({time}) or finer")


def _taking(fact: Table, field: str) -> str:
    """The fact's column that takes a field as it is; empty where none does, which is another rule's to say."""
    for column in fact.columns:
        if isinstance(column.rule, Take) and column.rule.field == field and column.rule.form == "value":
            return column.name
    return ""


def _aggregate_fits(fact: Table, column: Column, rule: Aggregated, where: str, problems: Problems) -> None:
    if not problems.expect_one_of(f"{where}.aggregate", rule.function, AGGREGATES, what="aggregate"):
        return
    if rule.function in (*COUNTED, "complete"):
        if rule.column:
            problems.add(f"{where}.aggregate", f"{rule.function}() is of no column", f"Write {rule.function}()")
        wanted = ("boolean",) if rule.function == "complete" else ("int", "bigint")
        if column.type.name not in wanted:
            problems.add(f"{where}.type", f"{rule.function}() gives no {column.type}", f"Make the type {wanted[0]}")
        return
    stored = {stored_column.name: stored_column.type for stored_column in fact.stored_columns}
    if not problems.expect_one_of(f"{where}.aggregate", rule.column, stored, what=f"stored column of {fact.name}"):
        return
    _result_fits(rule.function, stored[rule.column], column.type, where, problems)


def _result_fits(function: str, given: ColumnType, wanted: ColumnType, where: str, problems: Problems) -> None:
    if function == "sum":
        if given.name not in _SUMMED:
            problems.add(f"{where}.aggregate", f"{given} cannot be summed", "Count, or take the first or last")
            return
        if given.name in ("int", "bigint"):
            given = ColumnType("bigint")
        elif given.name == "decimal":
            given = ColumnType("decimal", given.precision, given.scale)
    if not is_longer(given, wanted):
        problems.add(f"{where}.type", f"{function} of {given} is no {wanted}", f"Make the type {given}")


def _sum_fits(feed: Feed, fact: Table, table: Table, column: Column, where: str, problems: Problems) -> None:
    """Warn where a group of the greatest values that the fact's column holds has a sum of more digits than the column.

    A warning, for most values are far from the greatest; what does not fit is an error of its group when it is summed.
    """
    rule = column.rule
    summed = next((known.type for known in fact.stored_columns if known.name == getattr(rule, "column", "")), None)
    units = [group.rule.unit for group in table.columns if isinstance(group.rule, GroupValue) and group.rule.unit]
    if not isinstance(rule, Aggregated) or rule.function != "sum" or summed is None or units[:1] not in _UNITS:
        return
    if summed.name != "decimal" or column.type.name != "decimal":
        return
    points = -(-_SECONDS[units[0]] // feed.every)
    greatest = ColumnType("decimal", len(str(points * (10**summed.precision - 1))), summed.scale)
    if is_longer(greatest, column.type):
        return
    problem = f"a sum of {points} values of {summed} may have more digits than {column.type} holds"
    if greatest.precision > MAX_DECIMAL_PRECISION:
        remedy = f"No decimal holds every such sum: give {summed} fewer digits in {fact.name}, or leave it"
    else:
        remedy = f"Make the type {greatest}, or leave it where values stay far below"
    problems.add(f"{where}.type", problem, remedy, warning=True)
