"""Rules of single columns: where their values come from, and that checks and lists hold values of their type."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from core.authoring.problems import Problems
from core.contract.literals import COMPARISONS, read_literal
from core.contract.model import (
    Aggregated,
    Column,
    Contract,
    Contracts,
    Feed,
    Field,
    GroupValue,
    Joined,
    Latest,
    LookedUp,
    Surrogate,
    Table,
    Take,
    TakeByKind,
)
from core.contract.types import ColumnType
from core.warehouse.arrow_types import arrow_type
from core.warehouse.current_state import ENTITIES

_TEXTS = ("string", "json")


def column_rules(contract: Contract, contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    """Add what is wrong with a table's columns, each seen alone."""
    for column in table.columns:
        where = f"{path}.columns.{column.name}"
        _origin_fits_kind(contract, table, column, where, problems)
        literals_fit(column, where, problems)
        if isinstance(column.rule, LookedUp):
            _lookup_gives_type(contract, contracts, table, column, column.rule, where, problems)


# ---------------------------------------------------------------- origins


def _origin_fits_kind(contract: Contract, table: Table, column: Column, where: str, problems: Problems) -> None:
    """Each kind of table can make some kinds of columns only."""
    allowed: tuple[type, ...] = (Take, LookedUp, Surrogate, Latest)
    if table.kind == "rollup":
        allowed = (Aggregated, GroupValue)
    elif table.kind == "calendar":
        return
    elif table.kind == "dimension":
        allowed = (Take,) if table.source == ENTITIES else (Take, Joined, LookedUp, Surrogate)
    elif isinstance(contract.source, Feed):
        allowed = (*allowed, TakeByKind)
    if not isinstance(column.rule, allowed):
        origin = column.rule.rule.replace("_", " ")
        kind = f"{table.kind} from entities" if table.source == ENTITIES else table.kind
        remedy = "Give it aggregate: and by:" if table.kind == "rollup" else "Take it from a field: from"
        problems.add(where, f"a {kind} has no column that is {origin}", remedy)
    if table.source == ENTITIES and isinstance(contract.source, Feed) and isinstance(column.rule, Take):
        _entity_gives(contract.source, column, column.rule, where, problems)


def _entity_gives(feed: Feed, column: Column, rule: Take, where: str, problems: Problems) -> None:
    if rule.form != "value":
        problems.add(f"{where}.as", f"an entity has no {rule.form}", "Leave it out")
    elif rule.field == feed.entity_column:
        if column.type.name != "string":
            problems.add(f"{where}.type", f"an entity's name is no {column.type}", "Make the type string")
    elif rule.field in ("valid_from", "valid_until"):
        if column.type.name not in ("timestamp", "string"):
            problems.add(f"{where}.type", f"{rule.field} is no {column.type}", "Make the type timestamp")
    else:
        known = {name for entity in feed.entities for name in entity.attributes}
        known |= {feed.entity_column, "valid_from", "valid_until"}
        if problems.expect_one_of(f"{where}.from", rule.field, known, what="attribute of an entity"):
            for entity in feed.entities:
                text = entity.attributes.get(rule.field)
                if text is not None and (problem := _misfit(text, column.type)):
                    place = f"source.entities.{entity.name}.attributes.{rule.field}"
                    problems.add(place, *problem)


def _lookup_gives_type(
    contract: Contract,
    contracts: Contracts,
    table: Table,
    column: Column,
    rule: LookedUp,
    where: str,
    problems: Problems,
) -> None:
    lookups = {lookup.name: lookup for lookup in contracts.lookups}
    sources = contract.source.tables if contract.source else ()
    fields = {field.name: field for source in sources if source.name == table.source for field in source.fields}
    if column.name in table.key:
        remedy = "Take the key from a field"
        problems.add(where, "is null where a value is not listed, and a key never is", remedy)
    if not problems.expect_one_of(f"{where}.lookup", rule.lookup, lookups, what="file of lookups/"):
        return
    columns = lookups[rule.lookup].columns
    if problems.expect_one_of(f"{where}.lookup.by", rule.by, fields, what=f"column of {table.source}"):
        _lookup_knows_field(rule, fields[rule.by], next(iter(columns.values())), where, problems)
    if not problems.expect_one_of(f"{where}.lookup", rule.column, columns, what=f"column of lookups/{rule.lookup}.csv"):
        return
    for text in columns[rule.column]:
        problem = _misfit(text, column.type)
        if problem is None and (broken := broken_rule(column, text)):
            problem = f"{text!r} breaks {broken}", "Let the rule bear what the file holds"
        if problem is not None:
            problems.add(where, f"lookups/{rule.lookup}.csv: {problem[0]}", problem[1])
            return


def _lookup_knows_field(rule: LookedUp, field: Field, listed: Sequence[str], where: str, problems: Problems) -> None:
    """The file's first column holds values of the field, as they are printed."""
    if field.added:
        problem = f"{field.name!r} is null in every row that was not repaired"
        problems.add(f"{where}.lookup.by", problem, "Look another field up")
    for text in listed:
        if problem_of_text := _misprint(text, field.type):
            problems.add(f"{where}.lookup.by", f"lookups/{rule.lookup}.csv: {problem_of_text[0]}", problem_of_text[1])
            return


# ---------------------------------------------------------------- literals


def _misprint(text: str, kind: ColumnType) -> tuple[str, str] | None:
    """Problem and remedy of a text that no value of a type is printed as, for values are looked up as texts."""
    if misfit := _misfit(text, kind):
        return misfit
    printed = pa.array([text], pa.string()).cast(arrow_type(kind)).cast(pa.string())[0].as_py()
    return None if printed == text else (f"{text!r} is printed as {printed!r}", f'Write "{printed}"')


def _misfit(text: str, kind: ColumnType) -> tuple[str, str] | None:
    """Problem and remedy of a text that is no value of a type; Arrow, which reads it later, has to agree."""
    try:
        value = read_literal(text, kind)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        return problem, remedy[:1].upper() + remedy[1:]
    try:
        read = pa.array([text], pa.string()).cast(arrow_type(kind))[0].as_py()
    except pa.ArrowInvalid as error:
        return f"{text!r} is no {kind}: {error}", "Write it otherwise"
    return None if read == value else (f"{text!r} is read as {read}", "Write it otherwise")


def literals_fit(column: Column, where: str, problems: Problems) -> None:
    """Add what is wrong with a column's check, listed values and rank."""
    _check_is_of_type(column, where, problems)
    _listed_values_are_of_type(column, where, problems)


def _check_is_of_type(column: Column, where: str, problems: Problems) -> None:
    if column.check is None:
        return
    if problem := _misfit(column.check.literal, column.type):
        problems.add(f"{where}.check", *problem)
    elif column.type.name == "boolean" and column.check.operator not in ("=", "!="):
        problems.add(f"{where}.check", f"booleans have no {column.check.operator}", 'Compare with "= true"')


def _listed_values_are_of_type(column: Column, where: str, problems: Problems) -> None:
    if len(set(column.one_of)) < len(column.one_of):
        problems.add(f"{where}.one_of", "lists a value twice", "List each once")
    for text in column.one_of:
        if misprint := _misprint(text, column.type):
            problems.add(f"{where}.one_of", *misprint)
        elif broken := broken_rule(column, text):
            problems.add(f"{where}.one_of", f"{text!r} breaks {broken}", "Leave one of the two out")
    if column.rank and column.type.name not in _TEXTS:
        problems.add(f"{where}.rank", f"ranks are of texts, this is {column.type}", "Make the type string")
    if column.rank and sorted(column.rank) != sorted(column.one_of or set(column.rank)):
        remedy = f"Order {list(column.one_of)}, lowest first" if column.one_of else "Name each value once"
        problems.add(f"{where}.rank", "does not rank exactly the values of one_of", remedy)


def broken_rule(column: Column, text: str) -> str:
    """The rule of a column that a value breaks, a text of the column's type; empty where it breaks none."""
    if column.one_of and text not in column.one_of:
        return f"one_of {', '.join(column.one_of)}"
    check = column.check
    if check is None or _misfit(check.literal, column.type) or _misfit(text, column.type):
        return ""
    holds = COMPARISONS[check.operator](read_literal(text, column.type), read_literal(check.literal, column.type))
    return "" if holds else f"check {check.operator} {check.literal}"


# ---------------------------------------------------------------- types


def types_fit(source: ColumnType, target: ColumnType, form: str, path: str, problems: Problems) -> None:
    """A value may be taken as it is, made longer without loss, or read from text; never rounded."""
    if form in ("date", "time"):
        if source.name != "timestamp":
            problems.add(path, f"as: {form} needs a timestamp, this is {source}", "Take it from a timestamp")
        wanted = "date" if form == "date" else "string"
        if target.name != wanted:
            problems.add(path, f"as: {form} gives {wanted}, not {target}", f"Make the type {wanted}")
        return
    read = source.name == "string" and target.name in ("date", "timestamp")
    if not read and not (source.name in _TEXTS and target.name == "string") and not is_longer(source, target):
        problems.add(path, f"{source} cannot become {target} without loss", f"Make the type {source}")


def is_longer(source: ColumnType, target: ColumnType) -> bool:
    """Whether every value of the one type is a value of the other."""
    return (
        source == target
        or (source.name == "int" and target.name == "bigint")
        or (
            source.name == target.name == "decimal"
            and target.scale >= source.scale
            and target.precision - target.scale >= source.precision - source.scale
        )
    )
