"""Fields that lines have and no contract names, with the contract's lines that would take them. Pure.

Nothing of a line is lost where nobody takes it: the ingest object has it for ever, and a contract that takes a field
later gets its values of all that time. An API's answer is kept whole by a column of type json that takes its record
(``@``); what is in there and no path leads to is told too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from core.contract.model import HASH, HASH_LIST, Contract, Database, Feed, Provider, SourceTable, Table, Take
from core.contract.types import MAX_DECIMAL_PRECISION, ColumnType
from core.sources.lines import star_name, text, type_text
from core.sources.suggestions import Suggestion

WHOLE = "@"  # JMESPath's word for the record itself
_ROOM = 18  # digits of a decimal that is proposed from a few values
_HEAD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z_][A-Za-z0-9_]*))')
Line = Mapping[str, object]


def unknown_fields(contract: Contract, source: SourceTable, lines: Sequence[Line]) -> Iterator[Suggestion]:
    """What the lines of a source table have that the contract does not name, in the order in which it comes.

    Numbers with a fraction are ``Decimal``, with the digits that they were written with.
    """
    known = {HASH, HASH_LIST, *(name for field in source.fields for name in (field.name, *field.was))}
    for name, values in _members(lines, known):
        reason = f"{len(values)} of {len(lines)} lines have {_shown(name)}, such as {_shown(values[0])}"
        kind = _kind_of(values)
        if isinstance(contract.source, Database):
            path = f"source.tables.{source.name}.columns"
            yield Suggestion(contract.dataset, path, (f"{text(name)}: {type_text(kind, nullable=True)}",), reason)
        yield from _columns(contract, source, name, kind, reason)
    if isinstance(contract.source, Feed):
        yield from _in_records(contract, source, contract.source, lines)


def _in_records(contract: Contract, source: SourceTable, feed: Feed, lines: Sequence[Line]) -> Iterator[Suggestion]:
    """What records that are kept whole have, and no path of the call that they answer leads to."""
    for role, provider, call in (("provider", feed.provider, "live"), ("history", feed.history, "history")):
        paths = _paths(provider, call)
        of_call = [line for line in lines if line.get("kind") == call]
        whole = [name for name, path in paths.items() if path == WHOLE]
        records = [record for line in of_call for name in whole if isinstance(record := line.get(name), Mapping)]
        taken = {head for path in (*paths.values(), *_own_paths(provider, call)) for head in _head(path)}
        for name, values in _members(records, taken):
            reason = f"{len(values)} of {len(records)} records have {_shown(name)}, such as {_shown(values[0])}"
            place = f"source.{role}.{provider.kind}.{call}.fields"
            yield Suggestion(contract.dataset, place, (f"{text(star_name(name))}: {_path(name)}",), reason)
            yield from _columns(contract, source, star_name(name), _kind_of(values), reason)


def _columns(contract: Contract, source: SourceTable, name: str, kind: ColumnType, reason: str) -> Iterator[Suggestion]:
    """A column of each table that takes rows of the source and has none that takes this field."""
    for star in contract.tables:
        if star.source == source.name and star.kind in ("fact", "dimension") and not _takes(star, name):
            written = text(str(kind)) if kind.name == "decimal" else str(kind)
            line = f"{text(star_name(name))}: {{type: {written}, from: {text(name)}}}"
            yield Suggestion(contract.dataset, f"warehouse.{star.name}.columns", (line,), reason)


def _takes(star: Table, name: str) -> bool:
    return any(
        column.name == star_name(name) or (isinstance(column.rule, Take) and column.rule.field == name)
        for column in star.columns
    )


def _members(objects: Sequence[Line], known: set[str]) -> Iterator[tuple[str, list[object]]]:
    """The members of objects that are not known, with all of their values but nulls."""
    values: dict[str, list[object]] = {}
    for each in objects:
        for name, value in each.items():
            if name not in known and value is not None:
                values.setdefault(name, []).append(value)
    yield from values.items()


def _kind_of(values: Sequence[object]) -> ColumnType:
    """A type that holds these values, and more of their kind."""
    if all(isinstance(value, bool) for value in values):
        return ColumnType("boolean")
    numbers = [Decimal(value) for value in values if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        return _kind_of_numbers(numbers)
    return ColumnType("string" if all(isinstance(value, str) for value in values) else "json")


def _kind_of_numbers(numbers: Sequence[Decimal]) -> ColumnType:
    """The type of numbers: those that no decimal holds, such as 1e-400 or NaN, are measured and no money."""
    if not all(number.is_finite() for number in numbers):
        return ColumnType("double")
    scale = max(max(0, -int(number.as_tuple().exponent)) for number in numbers)
    digits = max(max(0, number.adjusted() + 1) for number in numbers)
    if digits + scale > MAX_DECIMAL_PRECISION:
        return ColumnType("double")
    if not scale and digits < len(str(2**63)):
        return ColumnType("bigint")
    return ColumnType("decimal", min(MAX_DECIMAL_PRECISION, max(_ROOM, digits + scale)), scale)


def _shown(value: object) -> str:
    """The beginning of a value on one line: what stands behind it in a comment stays there."""
    return "".join(each if each.isprintable() else " " for each in str(value)[:60])


def _paths(provider: Provider, call: str) -> dict[str, str]:
    """The paths of a call's fields; none where the provider is not described by the contract."""
    described = provider.settings.get(call)
    fields = described.get("fields") if isinstance(described, Mapping) else None
    return {str(name): str(path) for name, path in fields.items()} if isinstance(fields, Mapping) else {}


def _own_paths(provider: Provider, call: str) -> list[str]:
    """The paths to a record's time and entity."""
    described = provider.settings.get(call)
    return [str(described[name]) for name in ("time", "entity") if name in described] if described else []


def _head(path: str) -> tuple[str, ...]:
    """The member of a record that a path leads through first; none for the record itself and for functions."""
    match = _HEAD.match(path)
    if match is None:
        return ()
    try:
        return (match[2] or str(json.loads(f'"{match[1]}"')),)
    except ValueError:  # a quoted name with escapes that JSON does not have
        return (match[1],)


def _path(name: str) -> str:
    """A JMESPath to a member, as YAML has it."""
    plain = _HEAD.fullmatch(name)
    if plain and plain[2] == name:
        return text(name)
    quoted = json.dumps(name).replace("'", "''")
    return f"'{quoted}'"
