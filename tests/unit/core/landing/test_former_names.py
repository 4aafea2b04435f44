"""Former names of a source's fields: lines under them are read as the fields of today, and rows hash alike."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.model import Field, SourceTable
from core.contract.types import parse_type
from core.landing.content import HashList
from core.landing.former_names import line_now, list_now
from processing.lines.block_parser import parser_for
from processing.lines.blocks import Block
from processing.lines.parsed import Parsed

TABLE = SourceTable(
    "payment",
    ("id",),
    (
        Field("id", parse_type("int"), was=("payment_id",)),
        Field("paid", parse_type("decimal(10,2)"), was=("amount", "sum")),
        Field("at", parse_type("timestamp"), required=False, was=("made_at",)),
        Field("day", parse_type("date"), required=False, was=("date",)),
        Field("share", parse_type("double"), required=False, was=("part",)),
        Field("more", parse_type("json"), required=False, was=("extra",)),
    ),
    changed_at="at",
)
TODAY: dict[str, Any] = {
    "id": 1, "paid": "1.50", "at": "2026-11-20T10:00:00", "day": "2026-11-20", "share": "Infinity", "more": {"a": [1]},
}  # fmt: skip
FORMER = {"id": "payment_id", "paid": "amount", "at": "made_at", "day": "date", "share": "part", "more": "extra"}


def parsed(lines: list[dict[str, Any]], *, timezone: str = "UTC") -> Parsed:
    data = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    return parser_for(TABLE, timezone=timezone).parse(Block(data, 1))


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("count", [3, 300])  # by the parser, and by the fast road
@pytest.mark.parametrize("names", [FORMER, FORMER | {"paid": "sum"}, {"paid": "sum"}])
def test_lines_under_any_former_name_are_read_as_those_of_today(
    names: dict[str, str], count: int, timezone: str
) -> None:
    today = [TODAY | {"id": number} for number in range(count)]
    former = [{names.get(name, name): value for name, value in line.items()} for line in today]
    assert parsed(former, timezone=timezone).rows.equals(parsed(today, timezone=timezone).rows)
    mixed = parsed([line for pair in zip(former, today, strict=True) for line in pair], timezone=timezone)
    assert (mixed.rows.num_rows, mixed.rejected, mixed.unknown) == (2 * count, (), frozenset())


def test_a_line_that_has_both_is_read_by_the_newest_name_that_is_not_null() -> None:
    lines = [TODAY | {"amount": 2, "sum": 3}, TODAY | {"paid": None, "amount": 2, "sum": 3}, TODAY | {"paid": None}]
    read = parsed(lines)
    assert read.rows.column("paid").to_pylist() == [Decimal("1.50"), Decimal("2.00")]
    assert [rejected.reason for rejected in read.rejected] == ["paid: required, but missing or null"]


@given(
    st.dictionaries(st.sampled_from(["paid", "amount", "sum"]), st.sampled_from([1, 2, 3, None]), min_size=1).filter(
        lambda line: any(value is not None for value in line.values())
    )
)
def test_a_line_alone_says_what_the_row_says_that_was_read_of_it(line: dict[str, int | None]) -> None:
    (paid,) = parsed([{name: value for name, value in TODAY.items() if name != "paid"} | line]).rows["paid"].to_pylist()
    assert line_now(TABLE, line) == {"paid": int(paid)}


def test_a_bad_value_is_told_under_the_name_that_the_line_has() -> None:
    bad = {FORMER[name]: value for name, value in TODAY.items()} | {"amount": "much"}
    (rejected,) = parsed([TODAY, bad]).rejected
    assert rejected.reason == 'amount: "much" is no decimal(10,2)'


def test_a_line_and_a_list_of_hashed_columns_are_told_by_the_names_of_today() -> None:
    assert line_now(TABLE, {"payment_id": 1, "sum": 2, "other": 3}) == {"id": 1, "paid": 2, "other": 3}
    assert line_now(TABLE, {"payment_id": 1, "id": 2}) == {"id": 2}
    columns = HashList("server", (("amount", "numeric"), ("payment_id", "bigint")))
    assert list_now(TABLE, columns) == HashList("server", (("paid", "numeric"), ("id", "bigint")))
