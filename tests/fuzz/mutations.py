"""Changes of JSON as JSON: what most readers here are given, and what changed bytes seldom stay."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

# Values that parsers of numbers, times, keys and texts have fallen over elsewhere.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**40, 1e308, float("inf"), float("nan"), -0.0, 1e-320,
    "", " ", "0", "-0", "+1", "1e999999999", "NaN", "null", "\x00", "\ud800", "é" * 40, "a" * 5000, "[[", "{}",
    "../../x",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "0000-00-00", "2026-02-30", "2026-11-20T25:00:00Z",
    "24:00:00", "1969-12-31T23:59:59Z", "2026-11-20", "٣", "１", "s3://", "%", "%ZZ", "*", "${x}", "{{0}}",
    "\r\n", "\t",
    [], {}, [[]], [None], {"": None}, [[[[[[[[]]]]]]]],
)  # fmt: skip
DEEP = 3000  # deeper than Python's own stack


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside, the outermost's first."""
    yield path
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for name, held in inner:
        yield from places(held, (*path, name))


def changed(value: Any, draw: random.Random) -> Any:
    """The value with one to three changes somewhere inside."""
    result = copy.deepcopy(value)
    for _ in range(draw.choice((1, 1, 2, 3))):
        path = draw.choice(list(places(result)))
        if not path:
            result = _other(result, draw)
            continue
        holder = result
        for name in path[:-1]:
            holder = holder[name]
        _change(holder, path[-1], draw)
    return result


def _change(holder: Any, name: Any, draw: random.Random) -> None:
    match draw.randrange(5):
        case 0:
            del holder[name]
        case 1 if isinstance(holder, dict):
            holder[draw.choice((f"{name}_", "", "x" * 300, str(name).upper()))] = holder.pop(name)
        case 1 | 2 if isinstance(holder, list):
            holder.insert(draw.randrange(len(holder) + 1), copy.deepcopy(holder[name]))
        case _:
            holder[name] = _other(holder[name], draw)


def _other(value: Any, draw: random.Random) -> Any:
    if isinstance(value, bool | None) or draw.random() < 0.5:
        return copy.deepcopy(draw.choice(ODD))
    if isinstance(value, int | float):
        return draw.choice((value + 1, -value, value * 10**12, str(value), value / 3, [value]))
    if isinstance(value, str) and value:
        place = draw.randrange(len(value))
        return draw.choice(
            (value[:place], value[place:] + value, value[:place] + draw.choice("\x00é0-+:.{}") + value[place + 1 :])
        )
    return [value]


def in_json(data: bytes, seed: int) -> bytes | None:
    """The bytes with a change in one of their JSON texts: the whole, or one line. None where there is no such text."""
    draw = random.Random(seed)
    lines = data.split(b"\n")
    number = draw.randrange(len(lines))
    for take, put in ((data, _whole), (lines[number], _line(lines, number))):
        try:
            value = json.loads(take)
        except (ValueError, RecursionError):
            continue
        if draw.random() < 0.01:
            return put(b"[" * DEEP + b"]" * DEEP)
        return put(json.dumps(changed(value, draw), separators=draw.choice(((",", ":"), (", ", ": ")))).encode())
    return None


def _whole(text: bytes) -> bytes:
    return text


def _line(lines: list[bytes], number: int) -> Callable[[bytes], bytes]:
    return lambda text: b"\n".join([*lines[:number], text, *lines[number + 1 :]])
