"""One object parsed: every line is a row or a rejected line, and each row lies in its partition."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lake import NOW, department, line_of, order, shipped_contracts

from core.contract.model import Contracts
from core.landing.ingest_objects import ContentPromise
from processing import parse_object as module
from processing.lines import blocks
from processing.lines import parsed as lines_parsed
from processing.parse_object import ParsedObject, parse_object
from processing.plan import plan_source
from processing.shape import Origin

GOOD = [line_of(order(number, created_at=f"2026-{number:02d}-01T00:00:00")) for number in range(1, 6)]
BAD = [b"nonsense\n", line_of(order(1, units_sold=0)), line_of(order(2, units_sold="many"))]


def parsed(
    lines: list[bytes],
    *,
    source: str = "sales_order",
    quarantine_minimum: int = 100,
    quarantine_share: float = 0.5,
    **more: Any,
) -> ParsedObject:
    contracts: Contracts = shipped_contracts()
    contract = dataclasses.replace(
        contracts.dataset("sales"), quarantine_minimum=quarantine_minimum, quarantine_share=quarantine_share
    )
    seconds = itertools.count()
    return parse_object(
        io.BytesIO(b"".join(lines)),
        plan_source(contract, source),
        Origin(contract, contracts),
        place="k",
        now=NOW,
        timer=lambda: float(next(seconds)),
        **more,
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([*GOOD, *BAD]), max_size=8))
def test_every_line_is_a_row_of_its_partition_or_rejected_with_its_number(lines: list[bytes]) -> None:
    result = parsed(lines)
    bad = [number for number, line in enumerate(lines, 1) if line in BAD]
    assert [rejected.line for rejected in result.rejected] == bad
    assert [rejected.raw + b"\n" for rejected in result.rejected] == [lines[number - 1] for number in bad]
    assert (result.lines_in, result.accepted, result.rejected_lines) == (len(lines), len(lines) - len(bad), len(bad))
    assert result.rows_out == result.accepted == sum(part.rows.num_rows for part in result.parts)
    for part in result.parts:
        assert {f"month={at:%Y-%m}" for at in part.rows.column("created_date").to_pylist()} == {part.path}


RECORDS = {
    "good": lambda number: order(number),
    "bad": lambda number: order(number, units_sold=0),
    "misfit": lambda number: order(number, units_sold="many"),
    "outside": lambda number: order(number, created_at="2019-12-31T23:59:59"),
    "outside and bad": lambda number: order(number, created_at="1999-01-01T00:00:00", units_sold=0),
}
FATES = {"good": "good", "bad": "bad", "misfit": "bad", "outside": "outside", "outside and bad": "outside"}


@settings(max_examples=20, deadline=None)
@given(
    drawn=st.lists(st.lists(st.sampled_from([*RECORDS]), min_size=1, max_size=4), min_size=1, max_size=12),
    between=st.sampled_from([b"", b" ", b"\t"]),
    minimum=st.integers(1, 12),
    share=st.sampled_from([0.2, 0.5, 1.0]),
    block=st.sampled_from([100, 2 << 20]),
)
def test_each_record_of_a_line_with_several_has_its_own_fate(
    drawn: list[list[str]], between: bytes, minimum: int, share: float, block: int
) -> None:
    """A producer forgot newlines. What a record is is its own matter, and only the two rules of quarantine halt."""
    number = itertools.count(1)
    written = [
        [(kind, id_, line_of(RECORDS[kind](id_)).rstrip(b"\n")) for kind in kinds for id_ in [next(number)]]
        for kinds in drawn
    ]
    lines = [between.join(raw for _, _, raw in line) + b"\n" for line in written]
    fates: dict[str, list[tuple[int, int, bytes]]] = {"good": [], "bad": [], "outside": []}
    for at, line in enumerate(written, 1):
        for kind, id_, raw in line:
            fates[FATES[kind]].append((at, id_, raw))
    good, bad, outside = (len(fates[fate]) for fate in ("good", "bad", "outside"))
    with pytest.MonkeyPatch.context() as small:
        small.setattr(blocks, "BLOCK_BYTES", block)
        small.setattr(blocks, "READ_BYTES", block)
        result = parsed(lines, quarantine_minimum=minimum, quarantine_share=share)
    assert (result.accepted, result.rejected_lines, result.outside_lines) == (good, bad, outside)
    assert result.lines_in == good + bad + outside
    assert bool(result.halted) == (bad >= minimum and bad / (good + bad + outside) > share), result.halted
    kept = sorted((each.line, each.raw) for each in result.rejected)
    assert kept == sorted((at, raw) for fate in ("bad", "outside") for at, _, raw in fates[fate])
    rows = [row for part in result.parts for row in part.rows.column("sales_order_id").to_pylist()]
    assert sorted(rows) == ([] if result.halted else [id_ for _, id_, _ in fates["good"]])


def test_what_is_kept_of_lines_outside_of_the_promise_is_bounded_by_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    old = line_of(order(1, created_at="1999-01-01T00:00:00")).rstrip(b"\n")
    monkeypatch.setattr(module, "MOST_REJECTED_BYTES", 2 * (len(old) + module.REJECTED_BYTES))
    result = parsed([old + old + b"\n", old + b"\n", *GOOD])
    assert (result.halted, result.accepted, result.rejected_lines, result.outside_lines) == ("", len(GOOD), 0, 3)
    assert [each.line for each in result.rejected] == [1, 1]


LONG = "x" * 300_000
WITHOUT_BOUND = {  # values that a line may have at any length, each refused at another place
    "of a check": {"unit_price": "9" * 40, "units_sold": 0},
    "of another type": {"units_sold": LONG},
    "of a date that is none": {"agreed_delivery_date": LONG},
    "of an instant that is none": {"last_updated": LONG},
    "of a partition's column": {"created_at": "2999-01-01T00:00:00"},
}


@pytest.mark.parametrize("refused", WITHOUT_BOUND.values(), ids=list(WITHOUT_BOUND))
def test_a_reason_has_a_bound_whatever_the_value_is(refused: dict[str, Any]) -> None:
    result = parsed([line_of(order(1) | refused)])
    assert [len(each.reason) < 300 for each in result.rejected] == [True], result


def test_a_field_that_no_contract_knows_has_a_bound_and_their_number_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNKNOWN", 3)
    result = parsed([line_of(order(number, **{f"{number}{LONG}": 1})) for number in range(1, 9)])
    assert (result.accepted, len(result.unknown)) == (8, 3)
    assert max(map(len, result.unknown)) < 200


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.lines.blocks.BLOCK_BYTES", 600)
    monkeypatch.setattr("processing.lines.blocks.READ_BYTES", 500)
    lines = GOOD * 8 + BAD
    one, many = parsed(lines), parsed(lines, threads=True)
    assert [(part.path, part.rows) for part in one.parts] == [(part.path, part.rows) for part in many.parts]
    assert one.rejected == many.rejected


def test_rows_of_a_dimension_are_kept_as_current_state() -> None:
    (part,) = parsed([line_of(department(1, "Art"))], source="department").parts
    assert (part.table.name, part.path, part.rows.num_rows) == ("_current/department", "", 1)


def test_too_many_bad_lines_halt_the_object_and_the_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    result = parsed([GOOD[0], *BAD * 40])
    assert result.halted.startswith("quarantine: 99.2% of the lines are bad")
    assert "first: line 2: no JSON" in result.halted
    assert result.parts == ()
    monkeypatch.setattr(module, "MOST_REJECTED_BYTES", 3)
    assert "over 3 bytes of bad lines" in parsed([BAD[0]]).halted


def test_a_truncated_object_is_halted() -> None:
    assert parsed([b"\x1f\x8b\x08"]).halted.startswith("truncated")


MOST, KEPT = 700, 424  # bytes of a line, and, at most, of what is kept of a rejected one


def padded(number: int, size: int, character: str, bad: bool) -> bytes:
    """A line of so many bytes, or one or two fewer."""
    line = line_of(order(number, note="@", **({"units_sold": 0} if bad else {}))).rstrip(b"\n")
    return line.replace(b"@", character.encode() * ((size - len(line) + 1) // len(character.encode())))


@settings(max_examples=30, deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.sampled_from([350, KEPT - 2, KEPT, KEPT + 4, MOST - 1, MOST, MOST + 1, 5000]), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    character=st.sampled_from(["x", "é", "€", "𝄞", "}{"]),
    threads=st.booleans(),
    block=st.sampled_from([100, 1000, 2 << 20]),
    kept=st.integers(KEPT - 3, KEPT),
)
def test_a_line_of_any_size_is_a_row_or_rejected_and_its_neighbours_go_on(
    drawn: list[tuple[int, bool]], character: str, threads: bool, block: int, kept: int
) -> None:
    lines = [padded(number, size, character, bad) for number, (size, bad) in enumerate(drawn, 1)]
    body = b"\n".join(lines) + b"\n"
    with pytest.MonkeyPatch.context() as small:
        small.setattr(blocks, "LONGEST_LINE_BYTES", MOST)
        for reader in (blocks, lines_parsed):
            small.setattr(reader, "KEPT_BYTES", kept)
        small.setattr(blocks, "BLOCK_BYTES", block)
        small.setattr(blocks, "READ_BYTES", 90)
        promise = ContentPromise(len(lines), hashlib.sha256(body).hexdigest())
        result = parsed([body], threads=threads, promise=promise)
    rejected = [
        (number, line)
        for number, (line, (_, bad)) in enumerate(zip(lines, drawn, strict=True), 1)
        if bad or len(line) > MOST
    ]
    assert (result.halted, result.lines_in, result.accepted) == ("", len(lines), len(lines) - len(rejected))
    accepted = {int(row) for part in result.parts for row in part.rows.column("sales_order_id").to_pylist()}
    assert accepted == set(range(1, len(lines) + 1)) - {number for number, _ in rejected}
    assert [each.line for each in result.rejected] == [number for number, _ in rejected]
    for each, (_, line) in zip(result.rejected, rejected, strict=True):
        assert each.reason.startswith("too long: " if len(line) > MOST else "units_sold: 0 breaks")
        assert each.reason.endswith(" are kept)") == (len(line) > kept)
        assert line.startswith(each.raw)
        assert min(len(line), kept) - 3 <= len(each.raw) <= kept
        assert each.raw.decode()
        assert f"of {len(line)} bytes the first {len(each.raw)} " in each.reason or each.raw == line


@pytest.mark.parametrize("bad", [*BAD, GOOD[0][:40]])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_last_line_keeps_its_bytes_whatever_ends_it(bad: bytes, end: bytes) -> None:
    (rejected,) = parsed([*GOOD, bad.rstrip(b"\n") + end]).rejected
    assert (rejected.line, rejected.raw) == (len(GOOD) + 1, bad.rstrip(b"\n"))


def test_an_object_most_of_whose_lines_are_bad_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.lines.blocks.BLOCK_BYTES", 4000)
    monkeypatch.setattr("processing.lines.blocks.READ_BYTES", 4000)
    monkeypatch.setattr(module, "MOST_JUDGED", 120)
    for threads in (False, True):
        result = parsed([*GOOD, *BAD * 2000], threads=threads)
        assert result.halted.startswith("quarantine: ")
        assert 120 <= result.rejected_lines < 500
        assert result.lines_in == result.accepted + result.rejected_lines
    assert parsed([*GOOD * 100, *BAD * 40]).halted == ""  # many are bad, most are not


@pytest.mark.parametrize("threads", [False, True])
def test_an_object_whose_rows_take_too_much_memory_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, threads: bool
) -> None:
    monkeypatch.setattr("processing.lines.blocks.BLOCK_BYTES", 4000)
    monkeypatch.setattr("processing.lines.blocks.READ_BYTES", 4000)
    whole = parsed(GOOD * 40)
    taken = sum(part.rows.nbytes + module.SORTED_BYTES * part.rows.num_rows for part in whole.parts)
    monkeypatch.setattr(module, "MOST_ROWS_BYTES", 2 * taken)  # bits and offsets of many blocks take some more
    assert parsed(GOOD * 40, threads=threads).halted == ""
    result = parsed(GOOD * 800, threads=threads)
    assert re.match(r"too_large: its first \d+ rows take over 0 MiB; write it into several objects", result.halted)
    assert (result.parts, result.rows_out) == ((), 0)
    assert 200 <= result.lines_in == result.accepted < 800


def test_bad_lines_take_memory_beside_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REJECTED_BYTES", 40 * (1 + module.REJECTED_BYTES))
    assert len(parsed([*GOOD * 400, *[b"-\n"] * 40]).rejected) == 40
    result = parsed([*GOOD * 400, *[b"-\n"] * 41])
    assert "bytes of bad lines; first: line 2001: no JSON" in result.halted
    assert (len(result.rejected), result.rejected_lines) == (40, 41)


@pytest.mark.parametrize("change", [{}, {"rows": 6}, {"sha256": "0" * 64}], ids=str)
def test_the_content_is_compared_with_the_promise_of_its_writer(change: dict[str, Any]) -> None:
    promise = ContentPromise(len(GOOD), hashlib.sha256(b"".join(GOOD)).hexdigest())
    result = parsed(GOOD, promise=dataclasses.replace(promise, **change))
    assert result.halted.partition(":")[0] == ("altered" if change else "")
    assert result.lines_in == len(GOOD)
