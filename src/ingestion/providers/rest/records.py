"""Records of a document, each read for itself: its time, its fields, and whose it is. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from jmespath.exceptions import JMESPathError

from core.feeds.rest.settings import Call
from core.feeds.rest.templates import Expression
from core.feeds.rest.times import TimeForm
from ingestion.providers.answers import Broken, excerpt
from ingestion.providers.reading.classify import Reply
from ingestion.providers.reading.slots import Record
from ingestion.providers.reading.wholeness import error_in

_TIME, _ENTITY = "\0time", "\0entity"  # no field of a line has these names
_UNREADABLE = (ValueError, TypeError, ArithmeticError, JMESPathError, RecursionError)
_Row = tuple[dict[str, Any], object]  # values by field, and the record


@dataclass(frozen=True, slots=True)
class Reader:
    """The reading of one call's records.

    ``taken`` names the fields that columns take (None: all); the others are not looked at. ``values`` fill the
    placeholders of paths. A record is of the instant ``offset`` before its own time.
    """

    call: Call
    form: TimeForm
    values: Mapping[str, str]
    taken: Collection[str] | None = None
    offset: timedelta = timedelta()

    def of_entities(self, reply: Reply) -> dict[str, list[Record]] | Broken:
        """The records by the entity that they name; of one that they do not name, under the entity asked for."""
        rows = self._rows(reply)
        if isinstance(rows, Broken):
            return rows
        asked, parts = self.values["entity"], self._parts()
        of_entity: dict[str, list[Record]] = {}
        for values, row in rows:
            name = str(values[_ENTITY]) if _ENTITY in values else asked
            of_entity.setdefault(name, []).append(self._record(values, row, parts))
        return of_entity

    def records(self, reply: Reply) -> list[Record] | Broken:
        """The records of the entity asked for."""
        of_entity = self.of_entities(reply)
        return of_entity if isinstance(of_entity, Broken) else of_entity.get(self.values["entity"], [])

    def _rows(self, reply: Reply) -> list[_Row] | Broken:
        try:
            content = self.call.records.search(reply.document, self.values)
            if reply.document is None and self.call.format == "csv":
                return Broken("an empty body where a CSV begins with its names", reply.evidence)
            if content is None:
                return Broken(_without_records(reply.document), reply.evidence)
            rows = list(self._raw(content))
        except _UNREADABLE as error:
            return Broken(f"records that the contract does not describe ({excerpt(error)})", reply.evidence)
        if not rows and (error_text := error_in(reply.document)):
            return Broken(f"an error instead of records ({error_text})", reply.evidence)
        if not rows and reply.names is not None and self._asks_for_none(reply.names):
            return Broken(f"a line without any of the contract's names ({excerpt(reply.names[0])})", reply.evidence)
        fields = self._parts()
        is_empty = bool(rows) and all(self._is_null(values.get(name)) for values, _ in rows for name in fields)
        if is_empty and not self._has_fields(rows):
            return Broken("records without any of the fields that the contract names", reply.evidence)
        return rows

    def _asks_for_none(self, names: Collection[str]) -> bool:
        """Whether a CSV that has only names has other ones: a text, such as that of a quota, is one too."""
        call = self.call
        paths = [path for path in (call.records, *call.fields.values(), call.time, call.entity) if path is not None]
        asked = {name for path in paths for name in _names_in(path.compiled(self.values).parsed)}
        return bool(asked) and asked.isdisjoint(names)

    def _parts(self) -> dict[str, Expression]:
        """The places of fields that tell whether a record has something: not of one that is the record itself."""
        paths = {name: path for name, path in self._paths().items() if name not in (_TIME, _ENTITY)}
        parts = {name: path for name, path in paths.items() if path.parsed["type"] != "current"}
        return parts or paths

    def _paths(self) -> dict[str, Expression]:
        """The places of the fields that columns take, of the time and of the entity."""
        call = self.call
        taken = {name: path for name, path in call.fields.items() if self.taken is None or name in self.taken}
        paths = dict(taken or call.fields)
        if call.time is not None:
            paths[_TIME] = call.time
        if call.entity is not None:
            paths[_ENTITY] = call.entity
        return {name: path.compiled(self.values) for name, path in paths.items()}

    def _raw(self, content: object) -> Iterator[_Row]:
        """The values of each record by field, and the record. Raises ``ValueError`` where the shape is another."""
        paths = self._paths()
        if self.call.shape == "columns":
            yield from _columns(paths, content)
        elif self.call.shape in ("map", "entities"):
            if not isinstance(content, Mapping):
                raise ValueError("an object of records that is none")
            key = _TIME if self.call.shape == "map" else _ENTITY
            for name, record in content.items():
                yield {**{field: _value(path, record) for field, path in paths.items()}, key: name}, {name: record}
        else:
            for record in content if isinstance(content, list) else [content]:
                yield {name: _value(path, record) for name, path in paths.items()}, record

    def _record(self, values: Mapping[str, object], content: object, parts: Collection[str]) -> Record:
        """One record, empty where all of its ``parts`` are; ``reason`` says what of it cannot be read."""
        fields = {
            name: None if self._is_null(value) else value
            for name, value in values.items()
            if name not in (_TIME, _ENTITY)
        }
        is_empty = all(fields[name] is None for name in parts)
        if _TIME not in values:
            return Record(None, fields, content, is_empty=is_empty)
        time = values[_TIME]
        if isinstance(time, Exception):
            return Record(None, {}, content, excerpt(time))
        try:
            instant = self.form.read(time) - self.offset
        except _UNREADABLE as error:
            return Record(None, {}, content, excerpt(error))
        spoilt = [value for value in fields.values() if isinstance(value, Exception)]
        whole = fields.keys() - set(parts)
        return Record(instant, fields, content, excerpt(spoilt[0]) if spoilt else "", is_empty, whole)

    def _is_null(self, value: object) -> bool:
        return value is None or any(_means(marker, value) for marker in self.call.nulls)

    def _has_fields(self, rows: list[_Row]) -> bool:
        """Whether some record has one of the fields, if only as null: then the contract fits, and there is nothing."""
        if self.call.shape == "columns":
            return True  # a column that is not there was no array
        paths = self._parts().values()
        is_named = self.call.shape in ("map", "entities")
        records = [next(iter(row.values())) if is_named else row for _, row in rows]  # type: ignore[attr-defined]
        return any(_is_there(path.parsed, record) for record in records for path in paths)


def _columns(paths: Mapping[str, Expression], content: object) -> Iterator[_Row]:
    columns = {name: path.search(content) for name, path in paths.items()}
    if any(not isinstance(column, list) for column in columns.values()):
        raise ValueError("a column that is no array")
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("columns of different lengths")
    for row in zip(*columns.values(), strict=True):
        values = dict(zip(columns, row, strict=True))
        yield values, {name.strip("\0"): value for name, value in values.items()}


def _value(path: Expression, record: object) -> object:
    """The value, or the error of this one field: a record of another form is not the others' fault."""
    try:
        return path.search(record)
    except _UNREADABLE as error:
        return error


def _means(marker: object, value: object) -> bool:
    """Whether a value is a marker: a number is, however it is written, as a number or as text."""
    if isinstance(marker, bool) or isinstance(value, bool):
        return marker is value
    if isinstance(value, Decimal) and not value.is_finite():  # a bare NaN, which equals nothing
        return str(value).lower() == str(marker).lower()
    if isinstance(marker, Decimal) and not marker.is_finite():
        return isinstance(value, str) and value.lower() == str(marker).lower()
    if isinstance(marker, Decimal):
        try:
            return isinstance(value, str | int | Decimal) and Decimal(value) == marker
        except InvalidOperation:
            return False
    return marker == value


def _without_records(document: object) -> str:
    error = error_in(document)
    return f"an error instead of records ({error})" if error else "no records where the contract says they are"


def _names_in(node: Mapping[str, Any]) -> Iterator[str]:
    """The names that a JMESPath asks for, at any depth."""
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        yield from _names_in(child)


def _is_there(node: Mapping[str, Any], record: object) -> bool:
    """Whether a path of names leads to a key of the record; what is no such path counts as being there."""
    if node["type"] == "field":
        return isinstance(record, Mapping) and node["value"] in record
    if node["type"] == "subexpression" and all(child["type"] == "field" for child in node["children"]):
        outer, inner = node["children"]
        return _is_there(outer, record) and _is_there(inner, record[outer["value"]])  # type: ignore[index]
    return True
