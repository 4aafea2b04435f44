"""Texts of values as somebody may write them, and the roads on which lines with them are read."""

from __future__ import annotations

import random
import string
from typing import Any

from tests.support.plain_lines import WILD, differs, plain_fate

from core.contract.model import Field, SourceTable
from core.contract.types import parse_type
from processing.lines.block_parser import parser_for
from processing.lines.blocks import Block
from processing.lines.fast_lines import LEAST_LINES
from processing.lines.line_parser import LineParser, Unparsable
from processing.lines.values import looks_like

NUMBERS = ("int", "bigint", "decimal(10,2)", "decimal(38,10)", "double", WILD)
TYPES = (*NUMBERS, "boolean", "date", "timestamp", "string", "json")
MIDNIGHTS = ("T00:00:00", "T10:00", "T00:00:00.000Z", "T02:00:00+02:00", "T00:00+02:00", " 19:00-05:00", "T00Z", "Z")
ZONES = ("UTC", "Etc/GMT")  # of the same clock; the second is read on the road of wall-clock times
ANYTHING = (
    *(
        "null",
        "true",
        "false",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "Inf",
        "-NaN",
        "0",
        "-0",
        "1.0",
        "1e2",
        "-0.0",
        "01",
        ".5",
        "1e400",
    ),
    *(
        '""',
        '"null"',
        '"unexpected field"',
        "[]",
        "{}",
        "[1, [2, {}]]",
        '{"a": [NaN]}',
        '"x"',
        r'"\ud800"',
        r'"\u0031"',
    ),
    *(
        "[" * 400 + "]" * 400,
        "[" * 990 + "]" * 990,
        "[" * 700 + "]" * 700,
        "[" * 1100 + "]" * 1100,
        "[",
        '"a',
        '"\t"',
        '"\xe9"',
        "",
        "9" * 40,
        '"1.50"',
    ),
)
LETTERS = (*"abé 01}{株𝄞\u2028\ufeff\x7f", r"\n", r"\"", r"\\", r"\/", r"\u0000", r"\u00e9", r"\ud834\udd1e")
MEMBERS = ("null", '"NaN"', "NaN", "[-Inf]", '{"a": -NaN}', "1e999", "[" * 600 + "]" * 600, '"\\"}{"', "1")


def any_text(draw: random.Random, kind: str) -> str:
    """A value's text: of the type, nearly of it, or of anything else."""
    road = draw.randrange(10)
    if road < 2:
        return draw.choice(ANYTHING)
    text = _good(draw, kind)
    if road < 6:
        return text
    at = draw.randrange(len(text))
    letter = draw.choice(string.digits + '-+:.TZzeE "[]{},\\')
    return draw.choice(
        [text[:at] + text[at + 1 :], text[:at] + letter + text[at:], text[:at] + letter + text[at + 1 :]]
    )


def _good(draw: random.Random, kind: str) -> str:
    if kind in ("int", "bigint"):
        return str(
            draw.choice(
                [draw.randint(-9, 9), draw.choice([1, -1]) * 2 ** draw.choice([31, 32, 63, 64]) + draw.randint(-1, 1)]
            )
        )
    if kind == WILD and draw.random() < 0.4:
        return draw.choice(['"NaN"', '"Infinity"', '"-Infinity"', '"-NaN"', '"infinity"', r'"\u004eaN"', '"Inf"'])
    if kind.startswith("decimal") or kind.endswith("double"):
        rest = draw.choice(["", ".5", ".250", "e-1", "E+3"])
        return f"{draw.choice(['', '-'])}{draw.randrange(10 ** draw.randint(1, 9))}{rest}"
    if kind == "boolean":
        return draw.choice(["true", "false"])
    if kind == "string":
        return f'"{"".join(draw.choices(LETTERS, k=draw.randint(0, 8)))}"'
    if kind == "json":
        return draw.choice(['{"a": 1.10}', "[1, null]", '"text"', "1.50", "true", '["NaN", "}{"]'])
    day = f"{draw.choice([0, 1, 1969, 2026, 9999, 10000]):04d}-{draw.randint(1, 13):02d}-{draw.randint(1, 31):02d}"
    if kind == "date":
        return f'"{day}{draw.choice(["", "", "", *MIDNIGHTS])}"'
    clock = draw.choice(["", "T14", " 14:30", "T14:30:05", "T23:59:59.5", "T00:00:00.123456", "T24:00:00", "T14:30:60"])
    zone = draw.choice(["", "", "Z", "z", "+02:00", "-05:30", "+0200", "+02", "-23:59", "+24:00"])
    return f'"{day}{clock}{zone}"'


def fates_differ(texts: list[str], kind: str) -> list[str]:
    """What differs, in words, between the roads on which lines with these values are read, or from what Python's own
    libraries read (``plain_lines``); nothing if all is well."""
    differences: list[str] = []
    types = {"v": kind, "n": "int"}
    draw = random.Random(len(texts))
    for zone in ZONES:
        source = _source(kind, Field("n", parse_type("int"), False))
        lines = [_line(text, draw, number) for number, text in enumerate(texts)]
        alone = [_fates([line], source, zone)[0] for line in lines]
        plain = '{"v":null,"n":0}'
        for road, fates in (
            ("among all", _fates(lines, source, zone)),
            (
                "among others of its form",
                [_fates([plain] * LEAST_LINES + [line], source, zone)[-1] for line in lines[:6]],
            ),
            (
                "among bad lines",
                _fates([part for line in lines for part in ("bad", line, '{"v":[]}')], source, zone)[1::3],
            ),
            ("with threads", _fates(lines, source, zone, threads=True)),
        ):
            differences += [
                f"{kind} {zone}: {line[:200]!r} is {_short(first)} alone, {_short(second)} {road}"
                for line, first, second in zip(lines, alone, fates, strict=False)
                if repr(first) != repr(second)
            ]
        differences += [
            f"{kind} {zone}: {line[:200]!r} is {_short(fate)}, and not {_short(plain)}"
            for line, fate in zip(lines, alone, strict=True)
            if differs(plain := plain_fate(line.encode(), types), _rows_of(fate), types)
        ]
        differences += [
            f"{kind} {zone}: {line[:200]!r} has no reason"
            for line, fate in zip(lines, alone, strict=True)
            if fate == ""
        ]
    if kind == "timestamp":
        first_zone, second_zone = ([_fates([line], source, zone)[0] for line in lines] for zone in ZONES)
        differences += [
            f"{line!r}: {first} in {ZONES[0]}"
            for line, first, second in zip(lines, first_zone, second_zone, strict=True)
            if first != second
        ]
    return differences


def misjudged(texts: list[str], kind: str) -> list[str]:
    """The texts whose look says another thing of them than the parser, which decides: they cost time, nothing else."""
    parser = LineParser(_source(kind))
    wrong = []
    for text in texts:
        try:
            parser.read(f'{{"v":{text}}}'.encode(), 1)
            accepted = True
        except Unparsable:
            accepted = False
        if looks_like(text.strip('"'), parse_type(kind.removeprefix("wild "))) != accepted:
            wrong.append(text)
    return wrong


def _source(kind: str, *fields: Field) -> SourceTable:
    """A table whose field ``v`` is of that kind; it is a database's where its doubles are wild."""
    field = Field("v", parse_type(kind.removeprefix("wild ")), False)
    return SourceTable("v", (), (field, *fields), compare="keys" if kind == WILD else "time")


def _line(text: str, draw: random.Random, number: int) -> str:
    more = f',"other":{draw.choice(MEMBERS)}' if draw.random() < 0.15 else ""
    return f'{{"v":{text},"n":{number}{more}}}'


def _fates(lines: list[str], source: SourceTable, zone: str, *, threads: bool = False) -> list[Any]:
    """The values of each line, read back, or the reason why it has none."""
    block = Block(("\n".join(lines) + "\n").encode(), 0)
    parsed = parser_for(source, timezone=zone, threads=threads).parse(block)
    fates: dict[int, Any] = {rejected.line: rejected.reason for rejected in parsed.rejected}
    for line, row in zip(parsed.lines.tolist(), parsed.rows.to_pylist(), strict=True):
        fates[line] = (*fates.get(line, ()), row["v"], row["n"])
    return [fates.get(number) for number in range(len(lines))]


def _rows_of(fate: Any) -> list[tuple[Any, ...]]:
    """The rows of a line that was read: as many as it has objects."""
    return [] if isinstance(fate, str) else [tuple(fate[at : at + 2]) for at in range(0, len(fate or ()), 2)]


def _short(fate: object) -> str:
    return repr(fate)[:120]
