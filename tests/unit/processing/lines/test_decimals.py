"""A number of a line is kept exactly or rejects its line, on every path: alone, in a small block and in a large one."""

from __future__ import annotations

import dataclasses
import decimal
import functools
import random
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from tests.support.lake import MemoryLake, line_of, order, shipped_contracts

from core.contract.model import Field, SourceTable
from core.contract.types import ColumnType, parse_type
from processing.lines.block_parser import parser_for
from processing.lines.blocks import Block
from processing.lines.decimals import MOST_WRITTEN
from processing.lines.fast_lines import LEAST_LINES

SIZES = (3, LEAST_LINES - 1, LEAST_LINES, LEAST_LINES + 50)  # of a block: the last two are enough to be cut
BITS = {"int": 32, "bigint": 64}
EXACT = decimal.Context(prec=100)

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
NUMBER = re.compile(r"[-+]?([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]+))?")


class Rejected:
    """What is expected of a line with a text that is no value of its type."""


@functools.cache
def expected(text: str, kind: ColumnType) -> int | Decimal | type[Rejected] | None:
    """The value that a text is of a type, by Python's whole numbers, fractions and decimals alone."""
    if text == "null":
        return None
    if not text.startswith('"') and not JSON_NUMBER.fullmatch(text):
        return Rejected
    if kind.name != "decimal":
        end = 2 ** (BITS[kind.name] - 1)
        return int(text) if re.fullmatch("-?[0-9]+", text) and -end <= int(text) < end else Rejected
    number = NUMBER.fullmatch(text.strip('"'))
    if not number or not (number[1] or number[2]):
        return Rejected
    exponent = int(number[3] or 0)
    digits = len(number[1].lstrip("0")) + max(len(number[2] or ""), exponent)
    if digits > MOST_WRITTEN or exponent < -MOST_WRITTEN:
        return Rejected
    unscaled = Fraction(Decimal(number[0])) * 10**kind.scale
    if unscaled.denominator != 1 or abs(unscaled) >= 10**kind.precision:
        return Rejected
    return Decimal(int(unscaled)).scaleb(-kind.scale, EXACT)


def with_point(unscaled: int, scale: int) -> str:
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    point = len(digits) - scale
    return "-" * (unscaled < 0) + digits[:point] + ("." + digits[point:] if scale else "")


def any_kind(draw: random.Random) -> ColumnType:
    if draw.random() < 0.2:
        return parse_type(draw.choice(["int", "bigint"]))
    precision = draw.choice([1, 10, 18, 38, draw.randint(1, 38)])
    return parse_type(
        f"decimal({precision},{draw.choice([0, min(2, precision), precision, draw.randint(0, precision)])})"
    )


def any_text(draw: random.Random, kind: ColumnType) -> str:
    """A number as somebody may write it: in the type, about its ends or those of machine words, in every spelling."""
    bits = BITS.get(kind.name, 128)
    end = 10**kind.precision if kind.name == "decimal" else 2 ** (bits - 1)
    value = draw.choice([1, -1]) * draw.randrange(10 ** draw.randint(0, len(str(end)) - 1))
    number = draw.choice(
        [
            value,
            value,
            value + draw.randint(-3, 3) * 2**bits,  # the value again, if words wrap
            value + draw.randint(-3, 3) * 2 ** (2 * bits),
            draw.choice([1, -1]) * (draw.choice([end, 2 ** (bits - 1), 10**38]) + draw.randint(-1, 1)),
            draw.randrange(10 ** draw.randint(1, 90)),
        ]
    )
    scale = draw.choice([kind.scale, kind.scale, 0, draw.randint(0, 45)])
    text = with_point(number, scale)
    spelling = draw.randrange(12)
    if spelling < 3 and scale:
        text += "0" * draw.choice([1, 2, 30, 60])
    elif spelling == 3:
        text = f"{with_point(number, 0)}e-{scale}"
    elif spelling == 4:
        text += draw.choice(["e", "E", "e+", "e-", "E-", "e-0"]) + str(
            draw.choice([0, 1, 2, 30, 39, draw.randint(0, 400)])
        )
    elif spelling == 5:
        text = draw.choice(["+", "0", "-", "00", "-0", "."]) + text
    elif spelling == 6:
        text = draw.choice(["-0", "0", "-0.0", "0." + "0" * 50, "-", ".5", "5.", "0e38", "0e39", "0E-400", "null", ""])
    return f'"{text}"' if kind.name == "decimal" and draw.random() < 0.1 else text


def source_of(*kinds: ColumnType) -> SourceTable:
    return SourceTable("n", ("n0",), tuple(Field(f"n{at}", kind, False) for at, kind in enumerate(kinds)))


def line_with(*texts: str) -> str:
    return "{" + ",".join(f'"n{at}":{text}' for at, text in enumerate(texts)) + "}"


def fates(lines: list[str], source: SourceTable) -> list[object]:
    """The values of each line, or the reason why it has none."""
    parsed = parser_for(source).parse(Block(("\n".join(lines) + "\n").encode(), 0))
    assert parsed.accounted == len(lines)
    found: dict[int, object] = {rejected.line: rejected.reason for rejected in parsed.rejected}
    columns = [column.to_pylist() for column in parsed.rows.columns]
    found |= zip(parsed.lines.tolist(), zip(*columns, strict=True), strict=True)
    return [found[number] for number in range(len(lines))]


@pytest.mark.parametrize("seed", range(5))
def test_a_number_has_its_value_or_rejects_its_line_whoever_its_neighbours_are(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(30):
        kinds = [any_kind(draw) for _ in range(draw.choice([1, 1, 2]))]
        source = source_of(*kinds)
        plain = [draw.choice([with_point(7, kind.scale), "0", "null"]) for kind in kinds]
        rows = [list(plain) for _ in range(draw.choice(SIZES))]
        odd = [draw.randrange(len(rows)) for _ in range(draw.choice([1, 1, 1, 3]))]
        for place in odd:
            column = draw.randrange(len(kinds))
            rows[place][column] = any_text(draw, kinds[column])
        lines = [line_with(*row) for row in rows]
        found = fates(lines, source)
        for line, row, fate in zip(lines, rows, found, strict=True):
            wanted = tuple(expected(text, kind) for text, kind in zip(row, kinds, strict=True))
            assert isinstance(fate, str) if Rejected in wanted else fate == wanted, (line, kinds, len(lines))
        for place in odd:
            assert fates([lines[place]], source) == [found[place]], (lines[place], kinds, len(lines))


@pytest.mark.parametrize("neighbours", [0, 149, 249])
@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("decimal(10,2)", "12345678.900", "12345678.90"),
        ("decimal(10,2)", "12345678.901", None),
        ("decimal(10,2)", "340282366920938463463374607431768211457", None),  # 2**128 + 1
        ("decimal(10,2)", "9999999999", None),
        ("decimal(18,6)", "10000000000000", None),
        ("decimal(18,6)", "1e-06", "0.000001"),  # as Python's json writes it
        ("decimal(38,2)", "1e-41", None),
        ("decimal(38,10)", "970092746116832757305031289807286714371", None),
        ("decimal(38,10)", "1e30", None),
        ("decimal(38,10)", "1234567890123456789012345678.1234567891", "1234567890123456789012345678.1234567891"),
        ("decimal(38,38)", "0." + "9" * 38, "0." + "9" * 38),
        ("decimal(38,0)", "9" * 38, "9" * 38),
        ("decimal(10,2)", "1e-10000000", None),  # it ended the process, as the next ones did
        ("decimal(10,2)", '"1e-10000000"', None),
        ("decimal(10,2)", r'"1\u0065-10000000"', None),
        ("decimal(10,2)", r'"\u0031.\u002ee-10000000"', None),
        ("decimal(10,2)", "1E-0010000000", None),
    ],
)
def test_a_decimal_is_its_value_or_its_line_says_why_not(
    kind: str, text: str, value: str | None, neighbours: int
) -> None:
    plain = line_with("1" if kind == "decimal(38,0)" else "0.5" if kind == "decimal(38,38)" else "1.00")
    fate = fates([plain] * neighbours + [line_with(text)], source_of(parse_type(kind)))[-1]
    assert fate == (f"n0: {text} is no {kind}" if value is None else (Decimal(value),))


@pytest.mark.parametrize(
    "members",
    [
        '"text":"1e-10000000"',
        '"text":"550e8400-e29b-41d4-8e-4567"',
        r'"text":"\"n0\":1e-10000000"',
        r'"text":"\u0031e-10000000"',
        '"other":{"n0":1e-10000000}',
        '"other":1e-10000000',
    ],
)
def test_what_is_no_decimal_may_look_like_one_that_is_too_small(members: str) -> None:
    source = source_of(parse_type("decimal(10,2)"))
    source = dataclasses.replace(source, fields=(*source.fields, Field("text", parse_type("string"), False)))
    line = f'{{"n0":1.50,{members}}}'
    for lines in ([line], [line] * LEAST_LINES, ['{"n0":1e-10000000}', line]):
        fate = fates(lines, source)[-1]
        assert isinstance(fate, tuple)
        assert fate[0] == Decimal("1.50")


@pytest.mark.parametrize("text", ['{"n0":1}{"n0":1e-10000000}', '{"n0":1,\n"n0":1e-10000000}', '{"n0":\n1e-10000000}'])
def test_an_exponent_is_found_where_an_object_is_no_line(text: str) -> None:
    parsed = parser_for(source_of(parse_type("decimal(10,2)"))).parse(Block(text.encode(), 0))
    assert parsed.rejected


def test_an_amount_beyond_its_column_lies_in_quarantine_and_its_neighbours_in_the_warehouse() -> None:
    amounts = ["1.10"] * 249 + ["340282366920938463463374607431768211457"]
    lines = [
        line_of(order(number, unit_price=0)).replace(b" ", b"").replace(b'_price":0', f'_price":{amount}'.encode())
        for number, amount in enumerate(amounts, 1)
    ]
    lake = MemoryLake(shipped_contracts())
    key = lake.put_table("sales", "sales_order", 1, lines)
    assert lake.process(key) == {}
    assert [row["unit_price"] for row in lake.rows("fact_sales_order")] == [Decimal("1.10")] * 249
    (quarantined,) = lake.quarantined(key)
    assert quarantined["reason"] == f"unit_price: {amounts[-1]} is no decimal(10,2)"
