"""JSON lines as typed rows: exact values, and a fate of each line that does not depend on its neighbours."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.model import Field, SourceTable
from core.contract.types import parse_type
from processing.lines import blocks
from processing.lines.block_parser import parser_for
from processing.lines.blocks import Block
from processing.lines.parsed import Parsed

SOURCE = SourceTable(
    "thing",
    ("id",),
    (
        Field("id", parse_type("int")),
        Field("price", parse_type("decimal(10,2)"), required=False),
        Field("big", parse_type("bigint"), required=False),
        Field("at", parse_type("timestamp"), required=False),
        Field("day", parse_type("date"), required=False),
        Field("flag", parse_type("boolean"), required=False),
        Field("share", parse_type("double"), required=False),
        Field("text", parse_type("string"), required=False),
        Field("body", parse_type("json"), required=False),
    ),
)


def parsed(*lines: bytes, timezone: str = "UTC", first_line: int = 1) -> Parsed:
    return parser_for(SOURCE, timezone=timezone).parse(Block(b"\n".join(lines) + b"\n", first_line))


def one(text: str, **how: Any) -> dict[str, Any]:
    found = parsed(text.encode(), **how)
    assert found.rejected == ()
    row: dict[str, Any] = found.rows.to_pylist()[0]
    return row


def reason(line: bytes) -> str:
    found = parsed(b'{"id":1}', line, b'{"id":3}')
    assert found.rows.column("id").to_pylist() == [1, 3]
    (rejected,) = found.rejected
    assert (rejected.line, rejected.raw) == (2, line)
    return rejected.reason


def test_decimals_are_the_digits_that_were_written() -> None:
    # 0.07 * 100 and 1.005 are not what a float makes of them; the last has more digits than a float can hold
    for text in ("0.07", "1.10", "-0.01", "99999999.99", "1E-2", "12345678.91"):
        assert one(f'{{"id":1,"price":{text}}}')["price"] == Decimal(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T14:30:00", "2026-11-20T14:30:00"),
        ("2026-11-20 14:30:00.123456", "2026-11-20T14:30:00.123456"),
        ("2026-11-20T14:30:00Z", "2026-11-20T14:30:00"),
        ("2026-11-20T14:30:00.5+02:00", "2026-11-20T12:30:00.5"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999"),
    ],
)
def test_timestamps_land_in_utc(text: str, expected: str) -> None:
    assert one(f'{{"id":1,"at":"{text}"}}')["at"] == dt.datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-20T14:30:00", "2026-01-20T13:30:00"),
        ("2026-07-20 14:30:00", "2026-07-20T12:30:00"),
        ("2026-07-20T14:30:00Z", "2026-07-20T14:30:00"),
        ("2026-10-25T02:30:00", "2026-10-25T01:30:00"),  # happened twice: the later
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00"),  # never happened: by the offset from before
    ],
)
def test_a_timestamp_without_zone_is_the_wall_clock_of_its_source(text: str, expected: str) -> None:
    assert one(f'{{"id":1,"at":"{text}"}}', timezone="Europe/Berlin")["at"] == dt.datetime.fromisoformat(expected)


def test_nested_values_keep_their_text() -> None:
    text = '{"a": 1.10, "b":[100000000000000000000000000001, {"c":"\\u00e9\\n"}]}'
    assert one(f'{{"id":1,"body":{text},"text":"x"}}')["body"] == text
    assert one('{"id":1,"body":null}')["body"] is None
    assert one('{"id":1,"body":"x"}')["body"] == '"x"'


def test_a_databases_double_may_be_infinite_or_no_number_and_a_feeds_may_not() -> None:
    """As ``row_to_json`` writes them. A bare ``NaN`` is no JSON, and ``1e999`` is no infinity, of whomever they are."""
    lines = [b'{"id":%d,"text":"\\"share\\":\\"NaN\\"","share":%s}' % each for each in enumerate(
        (b'"NaN"', b'"Infinity"', b'"-Infinity"', b"NaN", b"1e999", b'"nan"', b'"1.5"', b"1.5")
    )]  # fmt: skip
    block = Block(b"\n".join(lines) + b"\n", 0)
    ours = parser_for(replace(SOURCE, changed_at="at")).parse(block)
    assert list(map(str, ours.rows.column("share").to_pylist())) == ["nan", "inf", "-inf", "1.5"]
    assert sorted(each.line for each in ours.rejected) == [3, 4, 5, 6]
    assert parser_for(SOURCE).parse(block).rows.column("share").to_pylist() == [1.5]


def test_missing_optional_fields_are_null_and_a_missing_required_one_rejects_the_line() -> None:
    assert one('{"id":1}')["price"] is None
    assert reason(b'{"price":1.00}') == "id: required, but missing or null"
    assert reason(b'{"id":null}') == "id: required, but missing or null"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"nonsense", "no JSON: "),
        (b'{"id":1', "no JSON: "),
        (b"[1]", "no JSON object: [1]"),
        (b'{"id":"1"}', 'id: "1" is no int'),
        (b'{"id":2147483648}', "id: 2147483648 is no int"),
        (b'{"id":1,"big":9223372036854775808}', "big: 9223372036854775808 is no bigint"),
        (b'{"id":1,"price":' + b"9" * 100 + b"}", "price: 99999"),
        (b'{"id":1,"price":1.005}', "price: 1.005 is no decimal(10,2)"),
        (b'{"id":1,"price":NaN}', "no JSON: "),
        (b'{"id":1,"share":Infinity}', "share: not a finite number"),
        (b'{"id":1,"at":"yesterday"}', 'at: "yesterday" is no timestamp'),
        (b'{"id":1,"at":"2026-11-20T14:30:00.1234567"}', 'at: "2026-11-20T14:30:00.1234567" is no timestamp'),
        (b'{"id":1,"day":"2026-02-30"}', 'day: "2026-02-30" is no date'),
        (b'{"id":1,"day":"2026-02-20T10:00:00"}', 'day: "2026-02-20T10:00:00" is no date'),
        (b'{"id":1,"flag":1}', "flag: 1 is no boolean"),
        (b'{"id":1,"text":"\xff"}', "no UTF-8: byte 16 is 0xff"),
        (b'{"id":1,"id":2}', "id: given twice"),
    ],
)
def test_a_bad_line_is_rejected_with_number_reason_and_bytes_and_its_neighbours_are_not(
    line: bytes, expected: str
) -> None:
    assert reason(line).startswith(expected)


def test_line_numbers_count_from_the_start_of_the_object_and_blank_lines_count() -> None:
    found = parsed(b'{"id":1}', b"", b"  ", b"bad", b'{"id":2}\r', first_line=100)
    assert found.lines.tolist() == [100, 104]
    assert [rejected.line for rejected in found.rejected] == [103]


def test_objects_on_one_line_are_records_of_their_own() -> None:
    found = parsed(b'{"id":1}{"id":2} {"id":3}', b'{"id":4}')
    assert found.rows.column("id").to_pylist() == [1, 2, 3, 4]
    assert found.lines.tolist() == [1, 1, 1, 2]
    assert found.accounted == 4


def test_an_object_over_two_lines_is_not_made_up_for_by_two_objects_on_one() -> None:
    found = parsed(b'{"id":1,', b'"price":1}', b'{"id":2}{"id":3}')
    assert found.rows.column("id").to_pylist() == [2, 3]
    assert [rejected.line for rejected in found.rejected] == [1, 2]


def test_every_unknown_field_is_named_on_the_fast_and_on_the_slow_path() -> None:
    drifted = [b'{"id":%d}' % number for number in range(50)] + [b'{"id":50,"new":[1]}', b'{"id":51,"newer":{}}']
    assert parsed(*drifted).unknown == {"new", "newer"}
    assert parsed(*drifted).rows.num_rows == 52
    assert parsed(*drifted, b"bad").unknown == {"new", "newer"}
    assert parsed(b'{"id":1}').unknown == frozenset()


def test_a_deeply_nested_unknown_field_ends_neither_the_process_nor_the_line() -> None:
    found = parsed(b'{"id":1,"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert found.accounted == 1


def test_a_block_of_bad_lines_alone_ends_neither_the_process_nor_the_account() -> None:
    for lines in ([b"bad"], [b'{"id":"x"}', b"[]"], [b'{"price":1}']):
        found = parsed(*lines)
        assert (found.rows.num_rows, len(found.rejected)) == (0, len(lines))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    st.text(max_size=5),
    st.sampled_from(["2026-11-20", "2026-11-20T14:30:00Z", "2026-11-20 14:30:00", "1.5", "", "null"]),
    st.lists(st.integers(), max_size=2),
)
RECORDS = st.dictionaries(st.sampled_from([field.name for field in SOURCE.fields] + ["other"]), VALUES, max_size=6)


class Digits(json.JSONEncoder):
    def default(self, value: object) -> object:
        return float(value) if isinstance(value, Decimal) else super().default(value)


LINES = st.one_of(
    RECORDS.map(lambda record: json.dumps({"id": 1} | record, cls=Digits).encode()),
    st.sampled_from([b"bad", b"[]", b'{"id":7}', b'{"id":8,"text":"\xff"}', b'{"id":', b'{"id":9,"share":NaN}']),
)


@settings(max_examples=40, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=8))
def test_the_fate_of_a_line_does_not_depend_on_its_neighbours(lines: list[bytes]) -> None:
    together = parsed(*lines)
    alone = [parsed(line) for line in lines]
    assert together.accounted == sum(each.accounted for each in alone) == len(lines)
    assert repr(together.rows.to_pylist()) == repr([row for each in alone for row in each.rows.to_pylist()])
    rejected = {each.line: each.reason for each in together.rejected}
    assert rejected == {number: each.rejected[0].reason for number, each in enumerate(alone, 1) if each.rejected}


# (a line as it comes, what of it is kept where it is rejected; None: it is accepted, or blank)
LINES: tuple[tuple[bytes, bytes | None], ...] = (
    (b'{"id":1,"price":1.25}', None),
    (b'{"id":2} \t\r', None),
    (b"", None),
    (b" \t", None),
    (
        b'{"id":3,"text":"a line that is longer than a block of the test, so that it is cut in many places"}',
        None,
    ),
    (b"junk", b"junk"),
    (b'{"id":null} \t\r', b'{"id":null}'),
    (b'{"id":4,"share":1e999}', b'{"id":4,"share":1e999}'),
    (b'{"id":5,"price":1.005}\r', b'{"id":5,"price":1.005}'),
    (b"\xff\xfe no text", b"\xff\xfe no text"),
    (b'{"id":6,"text":"without an end', b'{"id":6,"text":"without an end'),
    (b'  {"id":"x"}', b'{"id":"x"}'),
    (b"\0\0", b"\0\0"),
    (b'{"id":7}{"id":', b'{"id":7}{"id":'),
)


@settings(max_examples=40, deadline=None)
@given(
    chosen=st.lists(st.sampled_from(LINES), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 600), max_size=4),
    ends=st.booleans(),
    packed=st.booleans(),
    most=st.sampled_from([1, 13, 1000]),
    block_bytes=st.sampled_from([2, 16, 64, 2 << 20]),
)
def test_a_bad_line_keeps_its_number_and_its_content_wherever_members_and_blocks_are_cut(
    chosen: list[tuple[bytes, bytes | None]], cuts: list[int], ends: bool, packed: bool, most: int, block_bytes: int
) -> None:
    """The last one too, with a newline behind it or without."""
    data = b"\n".join(line for line, _ in chosen) + b"\n" * ends
    places = sorted(min(cut, len(data)) for cut in cuts)
    members = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    body = b"".join(map(gzip.compress, members)) if packed else data
    parser = parser_for(SOURCE)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(blocks, "BLOCK_BYTES", block_bytes)
        small.setattr(blocks, "READ_BYTES", most)
        rejected = [
            (bad.line, bad.raw)
            for block in blocks.line_blocks(io.BytesIO(body), place="object")
            for bad in sorted(parser.parse(block).rejected, key=lambda bad: bad.line)
        ]
    assert rejected == [(number, kept) for number, (_, kept) in enumerate(chosen, 1) if kept is not None]
