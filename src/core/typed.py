"""Whether a value is what its type says, all the way down: what stored JSON gave may be of any type in any place."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_INTEGERS = range(-(2**63), 2**63)  # whatever else counts or tells a time with it takes no more
Value = TypeVar("Value")
Fits = Callable[[Any], bool]


def typed(value: Value) -> Value:
    """The dataclass itself. Raises ``TypeError`` with the name of the field that is not of its type."""
    kind: Any = type(value)
    for name, fits in _fields(kind):
        if not fits(getattr(value, name)):
            raise TypeError(f"{type(value).__name__}.{name} is of another type")
    return value


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, Fits], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, _fits(hints[field.name])) for field in dataclasses.fields(kind))


@functools.cache
def _fits(kind: Any) -> Fits:
    """What tells whether a value fits a type, decided once. A type that it does not know fits anything."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        named = str in arguments and int in arguments  # a value of a key, which may be any number
        return _any_of(tuple(_any_integer if named and each is int else _fits(each) for each in arguments))
    if origin is Literal:
        return lambda value: type(value) is type(arguments[0]) and value in arguments
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return lambda value: isinstance(value, kind) and all(fits(getattr(value, name)) for name, fits in _fields(kind))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*map(_fits, arguments))
    if isinstance(origin, type) and issubclass(origin, Sequence | frozenset):
        return _sequence(origin, arguments)
    return _plain(kind)


def _any_of(options: tuple[Fits, ...]) -> Fits:
    return lambda value: any(fits(value) for fits in options)


def _any_integer(value: Any) -> bool:
    return type(value) is int


def _mapping(of_key: Fits, of_value: Fits) -> Fits:
    return lambda value: (
        isinstance(value, Mapping) and all(of_key(name) and of_value(each) for name, each in value.items())
    )


def _sequence(origin: type, arguments: tuple[Any, ...]) -> Fits:
    if origin is tuple and arguments[1:] != (Ellipsis,):
        fitting = tuple(map(_fits, arguments))
        return lambda value: (
            isinstance(value, tuple)
            and len(value) == len(fitting)
            and all(fits(each) for fits, each in zip(fitting, value, strict=True))
        )
    fits = _fits(arguments[0])
    return lambda value: isinstance(value, origin) and not isinstance(value, str) and all(fits(each) for each in value)  # type: ignore[attr-defined]


def _plain(kind: Any) -> Fits:
    if kind is int:
        return lambda value: type(value) is int and value in _INTEGERS
    if kind is float:
        return lambda value: type(value) in (int, float)
    if kind in (str, bool, bytes, types.NoneType):
        return lambda value: type(value) is kind
    return lambda _value: True
