"""Poisoned ingest objects of orders, by what is wrong with them: lines, bodies, metadata, and bombs.

A bomb is small as it is stored and enormous when it is read. ``LINES`` and ``VALUES`` are single lines; each ends in
quarantine with a reason. ``BODIES``, ``METADATA`` and ``BOMBS`` are whole objects, of which nothing is taken.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping

from tests.support.lake import line_of, order, shipped_contracts

from core.contract.model import Contracts, Field
from core.contract.types import parse_type

MIB = 1 << 20
NOTE = "note"  # a field of type json, which the shipped contract has not


def good(number: int, **more: object) -> bytes:
    """A valid line."""
    return line_of(order(number, **more))


def with_value(number: int, name: str, text: str) -> bytes:
    """A line of which one value is written as it is given."""
    return good(number, **{name: "@"}).replace(b'"@"', text.encode())


VALUES: Mapping[str, tuple[str, str]] = {
    "a decimal that wraps": ("unit_price", "340282366920938463463374607431768211457"),
    "a decimal beyond its precision": ("unit_price", "9999999999"),
    "an exponent that ends the process": ("unit_price", "1e-10000000"),
    "the parser's own words": ("unit_price", '"unexpected field"'),
    "the parser's own words as an instant": ("last_updated", '"unexpected field"'),
    "a deep list in a known field": ("units_sold", "[" * 1000 + "]" * 1000),
    "a deeper list in a known field": ("units_sold", "[" * 100_000 + "]" * 100_000),
    "a deep list in a json field": (NOTE, "[" * 3000 + "]" * 3000),
    "no number in a json field": (NOTE, "NaN"),
    "an instant in the year 0": ("last_updated", '"0000-12-31T23:59:59"'),
    "an instant in the year 10000": ("last_updated", '"9999-12-31T23:59:59-05:00"'),
    "a partition in the year 0": ("created_at", '"0000-01-01T00:00:00"'),
    "an integer beyond its type": ("units_sold", "2147483648"),
    "half a character": ("currency_id", r'"\ud800"'),
}


def longer_than(bound: int, number: int) -> bytes:
    """A good line but for its length, a mebibyte beyond ``bound``."""
    return good(number, more="m" * (bound + MIB))


LINES: Mapping[str, bytes] = {
    "a deep list": b"[" * 1000 + b"]" * 1000 + b"\n",
    "an open list": b"[" * 100_000 + b"\n",
    "bytes that are no text": good(1).replace(b"2026-11-21", b"\xff\xfe"),
    "nothing": b"\0" * 50 + b"\n",
    "half a line": good(1)[:60],
}
_SHORT_LINES: Mapping[str, Callable[[int], bytes]] = {
    what: (lambda number, name=name, text=text: with_value(number, name, text)) for what, (name, text) in VALUES.items()
} | {what: (lambda _number, line=line: line) for what, line in LINES.items()}
TOO_LONG = "a line that is too long"
POISONED_LINES = {**_SHORT_LINES, TOO_LONG: lambda number: longer_than(16 * MIB, number)}

WHOLE = b"".join(good(5000 + number) for number in range(3))
BODIES: Mapping[str, bytes] = {
    "gzip in gzip": gzip.compress(gzip.compress(WHOLE)),
    "a damaged first byte": b"\x1e" + gzip.compress(WHOLE)[1:],
    "a damaged second byte": b"\x1f\x8a" + gzip.compress(WHOLE)[2:],
    "cut off": gzip.compress(WHOLE)[:-5],
    "a damaged middle": gzip.compress(WHOLE)[:40] + b"\xff\xff" + gzip.compress(WHOLE)[42:],
}
METADATA: Mapping[str, Mapping[str, str]] = {
    "other lines than were extracted": {"starmend-sha256": hashlib.sha256(b"other").hexdigest(), "starmend-rows": "3"},
    "fewer lines than were extracted": {"starmend-sha256": hashlib.sha256(WHOLE).hexdigest(), "starmend-rows": "4"},
}


def noted_contracts() -> Contracts:
    """The shipped contracts; sales orders have a nested note as well."""
    shipped = shipped_contracts()
    sales = shipped.dataset("sales")
    assert sales.source is not None
    noted = tuple(
        dataclasses.replace(table, fields=(*table.fields, Field(NOTE, parse_type("json"), False)))
        if table.name == "sales_order"
        else table
        for table in sales.source.tables
    )
    changed = dataclasses.replace(sales, source=dataclasses.replace(sales.source, tables=noted))
    others = tuple(changed if contract is sales else contract for contract in shipped)
    return dataclasses.replace(shipped, contracts=others)


# ---------------------------------------------------------------- bombs


def bomb(unit: bytes, size: int, *, head: bytes = b"", tail: bytes = b"") -> bytes:
    """One gzip member of about ``size`` bytes of a repeated unit, made in a moment: one piece of it is repeated.

    Its checksum is wrong, which nobody sees who does not read it to its end.
    """
    piece = unit * max(1, MIB // len(unit))
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    begin = compressor.compress(head) + compressor.flush(zlib.Z_FULL_FLUSH)
    first = compressor.compress(piece) + compressor.flush(zlib.Z_FULL_FLUSH)
    again = compressor.compress(piece) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = compressor.compress(tail) + compressor.flush()
    return begin + first + again * max(0, -(-size // len(piece)) - 1) + end


def members(unit: bytes, size: int) -> bytes:
    """Gzip members of a mebibyte each, as many as make ``size`` bytes; each is whole."""
    member = gzip.compress(unit * max(1, MIB // len(unit)), 9, mtime=0)
    return member * -(-size // MIB)


def nested(size: int) -> bytes:
    """A valid line with one enormous value, which takes many times as much memory when it is taken apart."""
    value = b"[" + b"[]," * (size // 3) + b"1]"
    return gzip.compress(good(1)[:-2] + b',"unknown":' + value + b"}\n", 1) + gzip.compress(b"no line\n" * 200)


# What is read of it, in bytes as (bound of a line, bound of an object) allow -> the object.
BOMBS: Mapping[str, Callable[[int, int], bytes]] = {
    "a line without end": lambda _line, _size: bomb(b"a", 10 << 30),
    "nothing without end": lambda _line, _size: bomb(b"\0", 10 << 30),
    "brackets without end": lambda _line, _size: bomb(b"[", 10 << 30),
    "newlines without end": lambda _line, size: members(b"\n", 2 * size),
    "blank lines without end": lambda _line, size: bomb(b" \n", 2 * size),
    "good lines without end": lambda _line, size: bomb(good(1), 2 * size),
    "bad lines without end": lambda _line, size: bomb(b"{}\n", 2 * size),
    "an enormous value among bad lines": lambda line, _size: nested(line - MIB // 2),
    "enormous bad lines": lambda line, size: bomb(b'{"a":"' + b"b" * (line - MIB // 2) + b'"}\n', 2 * size),
    "objects without a newline": lambda line, _size: gzip.compress(b"{}" * (line // 8) + b"\n" + b"-\n" * 200, 1),
}
