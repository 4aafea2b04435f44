"""Quarantine: rejected lines come back as they came."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects
from tests.support.lake import NOW, landing

from core.landing.records import QUARANTINE_COLUMNS
from core.landing.zone import QUARANTINE
from processing.lines.parsed import Rejected
from processing.records.quarantine import MOST_OF_A_HALTED, quarantine_body, read_quarantine, write_quarantine

LANDING = landing("tables/sales/staff/000000000001.jsonl.gz")


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_the_bytes_of_a_line_can_be_had_again(lines: list[bytes]) -> None:
    rejected = [Rejected(number, "why", raw) for number, raw in enumerate(lines, 1)]
    records = [json.loads(line) for line in quarantine_body(LANDING, rejected, now=NOW).splitlines()]
    decoded = [
        base64.b64decode(record["content"]) if record["encoding"] == "base64" else record["content"].encode()
        for record in records
    ]
    assert decoded == lines
    assert [record["line"] for record in records] == [line.line for line in rejected]
    assert all(set(record) == {name for name, *_ in QUARANTINE_COLUMNS} for record in records)


def write(store: MemoryObjects, count: int, *, halted: bool = False) -> int:
    rejected = [Rejected(number, "why", b"x") for number in range(count)]
    write_quarantine(store, LANDING, rejected, halted=halted, now=NOW)
    return len(list(read_quarantine(store, QUARANTINE)))


def test_an_object_without_rejected_lines_has_no_quarantine_and_an_earlier_one_is_emptied() -> None:
    store = MemoryObjects()
    assert write(store, 0) == 0
    assert store.stat(LANDING.quarantine_key) is None
    assert write(store, 2) == 2
    assert write(store, 0) == 0


def test_of_a_halted_object_the_first_lines_are_kept() -> None:
    assert write(MemoryObjects(), MOST_OF_A_HALTED + 1, halted=True) == MOST_OF_A_HALTED
    assert write(MemoryObjects(), MOST_OF_A_HALTED + 1) == MOST_OF_A_HALTED + 1
