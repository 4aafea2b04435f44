"""The resolved contract as JSON and back, so that a Lambda needs neither YAML nor pydantic."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from core.contract.model import Contracts
from core.json import canonical_text

FORMAT = 1
_PLAIN = (str, int, types.NoneType)


def to_data(value: Any) -> Any:
    """Dataclasses to JSON-ready data; fields that equal their default are left out.

    A field has the name of its attribute, unless its metadata give it another under ``json``. One whose metadata say
    ``apart`` is never written: releases before it would refuse the whole, so whoever writes it puts it beside.
    """
    if isinstance(value, _PLAIN):  # most are
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        data = {}
        for field in _fields(type(value)):
            content = getattr(value, field.attribute)
            if not field.apart and (field.always or content != field.default):
                data[field.name] = to_data(content)
        return data
    if isinstance(value, tuple | list):
        return [to_data(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_data(item) for key, item in value.items()}
    return value


def from_data(kind: Any, data: Any) -> Any:
    """Data back to the type they came from; unknown fields are an error, for a guess would hide a version skew."""
    return _reader(kind)(data)


def json_name(field: dataclasses.Field[Any]) -> str:
    """The name of a dataclass's field in JSON."""
    return str(field.metadata.get("json", field.name))


Read = Callable[[Any], Any]


@functools.cache
def _reader(kind: Any) -> Read:
    """What reads a type, decided once: an audit reads thousands of values of a few dozen types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union_reader(arguments)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return functools.partial(_read_dataclass, kind)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return lambda data: tuple(map(_reader(arguments[0]), data))
        return lambda data: tuple(_reader(each)(item) for each, item in zip(arguments, data, strict=True))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return lambda data: (
            {key: _reader(arguments[1])(item) for key, item in data.items()} if isinstance(data, dict) else data
        )
    return _as_it_is


def _as_it_is(data: Any) -> Any:
    return data


def _read_dataclass(kind: Any, data: Any) -> Any:
    known = _fields_by_name(kind)
    if unknown := data.keys() - known.keys():
        raise ValueError(f"{kind.__name__}: unknown fields {sorted(unknown)}")
    values = {}
    for name, item in data.items():
        field = known[name]
        values[field.attribute] = _reader(field.hint)(item)
    return kind(**values)


def _union_reader(options: tuple[Any, ...]) -> Read:
    classes: list[Any] = [option for option in options if dataclasses.is_dataclass(option)]
    if not classes:
        return _as_it_is
    tags = [
        (option, {field.name: field.default for field in dataclasses.fields(option) if field.name in ("rule", "kind")})
        for option in classes
    ]

    def read(data: Any) -> Any:
        if data is None:
            return None
        for option, tag in tags:
            if len(classes) == 1 or any(data.get(name) == value for name, value in tag.items()):
                return _read_dataclass(option, data)
        raise ValueError(f"none of {[option.__name__ for option in classes]} fits {data!r}")

    return read


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """A field of a dataclass in JSON; ``always``: also where it equals its default, ``apart``: never."""

    name: str
    attribute: str
    hint: Any
    default: Any
    always: bool
    apart: bool


@functools.cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    """The fields of a dataclass, read once: what they are does not change, and an audit writes thousands of values."""
    hints = get_type_hints(kind)

    def field_of(field: dataclasses.Field[Any]) -> _Field:
        hint = hints[field.name]
        is_tag = get_origin(hint) is Literal and field.name in ("rule", "kind")
        always, apart = is_tag or field.default is dataclasses.MISSING, bool(field.metadata.get("apart"))
        return _Field(json_name(field), field.name, hint, field.default, always, apart)

    return tuple(map(field_of, dataclasses.fields(kind)))


@functools.cache
def _fields_by_name(kind: Any) -> dict[str, _Field]:
    return {field.name: field for field in _fields(kind)}


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of a resolved value; the same promise has the same hash on every machine."""
    return hashlib.sha256(canonical_text(to_data(value)).encode()).hexdigest()


@functools.lru_cache(maxsize=4)
def load_rendered(text: str | bytes) -> Contracts:
    """Read what ``contract render`` wrote; raises ``ValueError`` on another format. The same text is read once."""
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise ValueError(
            f"contract format {document.get('format')!r}, expected {FORMAT}; run: starmend contract render"
        )
    return from_data(Contracts, document["model"])  # type: ignore[no-any-return]
