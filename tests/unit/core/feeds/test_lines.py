"""The line of a point: its form, and numbers that no float ever touched."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.model import Entity, Feed, Field, Provider, SourceTable
from core.contract.types import parse_type
from core.errors import InvalidData, MissingColumns
from core.feeds.lines import PointLine, encode_line

OWN = ("symbol", "minute", "kind", "provenance", "fetched_at", "dataset")
FETCHED = dt.datetime(2026, 11, 20, 14, 30, 1, 250_000, tzinfo=dt.UTC)


def line(kind: str, value: object, *, required: bool = False) -> str:
    """The value as it stands in a line whose contract gives it this type."""
    field = Field("x", parse_type(kind), required)
    return encode(field, {"x": value}).decode().removesuffix("}\n").split('"quotes"')[1].removeprefix(',"x":')


def encode(field: Field, values: dict[str, object]) -> bytes:
    feed = Feed(
        provider=Provider("finnhub"),
        history=Provider("finnhub"),
        secret="token",
        every=60,
        calendar="XNYS",
        entity_column="symbol",
        time_column="minute",
        entities=(Entity("AAPL"),),
        settle=180,
        complete_within=7200,
        calls_per_minute=60,
        table=SourceTable("quotes", ("symbol", "minute"), (*(Field(own, parse_type("string")) for own in OWN), field)),
    )
    point = PointLine("AAPL", 1_795_185_000, "live", "observed", FETCHED, values)
    return encode_line(point, dataset="quotes", feed=feed)


def test_a_line_has_this_form() -> None:
    written = encode(Field("c", parse_type("decimal(18,6)")), {"c": Decimal("189.50"), "pc": Decimal(1), "o": 3})
    assert written == (
        b'{"symbol":"AAPL","minute":"2026-11-20T14:30:00Z","kind":"live","provenance":"observed",'
        b'"fetched_at":"2026-11-20T14:30:01.250000Z","dataset":"quotes","c":189.50}\n'
    )


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**15), max_value=10**15))
def test_decimals_come_back_to_the_last_digit(value: Decimal) -> None:
    assert Decimal(line("decimal(38,9)", value)) == value
    assert json.loads(line("decimal(38,9)", value), parse_float=Decimal, parse_int=Decimal) == value


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("decimal(18,6)", Decimal("1E+2"), "100"),
        ("decimal(18,6)", Decimal("1E-6"), "0.000001"),
        ("decimal(18,6)", Decimal("1.5000000000"), "1.500000"),
        ("decimal(18,6)", "12.30", "12.30"),
        ("decimal(18,6)", 7, "7"),
        ("double", Decimal("0.1"), "0.1"),
        ("bigint", 2**62, str(2**62)),
        ("int", Decimal("81.0"), "81"),
        ("bigint", FETCHED, "1795185001"),
        ("int", "81", "81"),
        ("boolean", True, "true"),
        ("string", 'a"b\n', '"a\\"b\\n"'),
        ("string", 5, '"5"'),
        ("timestamp", FETCHED, '"2026-11-20T14:30:01.250000Z"'),
        ("timestamp", FETCHED.astimezone(dt.timezone(dt.timedelta(hours=-5))), '"2026-11-20T14:30:01.250000Z"'),
        ("date", FETCHED, '"2026-11-20"'),
        ("date", "2026-11-20", '"2026-11-20"'),
        ("json", {"p": Decimal("1.10"), "n": 10**40}, f'{{"p":1.10,"n":{10**40}}}'),
        ("json", [None, True, "ä", {}, []], '[null,true,"ä",{},[]]'),
        ("json", "text", '"text"'),
    ],
)
def test_values_are_written_as_the_contract_types_them(kind: str, value: object, written: str) -> None:
    assert line(kind, value) == written


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("decimal(18,6)", "12,3"),
        ("decimal(18,6)", "NaN"),
        ("decimal(18,6)", Decimal("NaN")),
        ("decimal(18,6)", Decimal("Infinity")),
        ("decimal(18,6)", Decimal("1E+999999999")),
        ("decimal(18,6)", Decimal("1E-999999999")),
        ("decimal(18,6)", "1e999"),
        ("decimal(18,6)", True),
        ("decimal(18,6)", 1.5),  # a float has lost its digits already
        ("decimal(18,6)", [1]),
        ("bigint", 10**80),
        ("bigint", 2**63),
        ("int", Decimal("81.5")),
        ("decimal(12,6)", Decimal("10.357019999999999")),
        ("decimal(12,6)", Decimal("1000000")),
        ("decimal(18,6)", Decimal("1E-7")),
        ("boolean", 1),
        ("timestamp", 1_795_185_000),
        ("string", {"a": 1}),
        ("json", {"a": Decimal("NaN")}),
        ("json", {json.loads('"\\ud83d"'): 1}),
        ("string", json.loads('"\\ud83d"')),  # half a character, which JSON may name and UTF-8 cannot hold
    ],
)
def test_what_cannot_be_of_the_type_is_refused(kind: str, value: object) -> None:
    with pytest.raises(InvalidData, match="x = "):
        line(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("decimal(12,6)", Decimal("10.357019999999999"), "10.357020"),
        ("decimal(4,2)", Decimal("0.125"), "0.12"),
        ("decimal(4,2)", Decimal("0.135"), "0.14"),
        ("decimal(4,2)", "1.5", "1.5"),
        ("int", Decimal("81.5"), "82"),
    ],
)
def test_a_number_is_rounded_where_the_contract_says_so(kind: str, value: object, written: str) -> None:
    assert encode(Field("x", parse_type(kind), round="half_even"), {"x": value}).endswith(f'"x":{written}}}\n'.encode())
    with pytest.raises(InvalidData, match="digits before the point"):
        encode(Field("x", parse_type("decimal(4,2)"), round="half_even"), {"x": Decimal("99.999")})


def test_what_is_refused_for_its_digits_says_how_it_would_be_taken() -> None:
    with pytest.raises(InvalidData, match="round: half_even"):
        line("decimal(12,6)", Decimal("10.357019999999999"))


def test_a_field_that_must_be_there_is_missed_and_another_is_left_out() -> None:
    with pytest.raises(MissingColumns, match="'x'"):
        line("string", None, required=True)
    assert line("string", None) == ""


def test_a_record_that_no_stream_takes_is_refused_alone() -> None:
    """One record of over a megabyte would have Kinesis refuse its whole call, and with it what 499 others are owed."""
    assert len(line("json", {"text": "x" * 990_000})) > 990_000
    with pytest.raises(InvalidData, match="its line has 1000"):
        line("json", {"text": "x" * 1_000_000})
