"""Refused lines: whatever lies among them, each other is read whole."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.landing.records import QUARANTINE_COLUMNS
from core.landing.refused_lines import DAMAGED, refused_lines

KEY = "quarantine/dataset=sales/source_table=staff/repair-7.jsonl.gz.jsonl"
GOOD = {
    "object": "tables/sales/staff/000000000001.jsonl.gz",
    "line": 3,
    "reason": "salary: -1 breaks > 0",
    "content": "{}",
    "encoding": "utf-8",
    "rejected_at": "2026-11-20T15:00:00.000000Z",
}
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=1))


@given(
    st.binary(max_size=9).map(lambda raw: raw.translate(None, b"\r\n"))
    | st.dictionaries(st.sampled_from([*GOOD, "more"]), VALUES).map(lambda record: json.dumps(record).encode())
)
def test_a_line_is_read_whatever_its_neighbour_is(line: bytes) -> None:
    good = json.dumps(GOOD).encode()
    lines = list(refused_lines(KEY, b"\n".join([good, line, good])))
    assert [lines[0], lines[-1]] == [GOOD, GOOD]
    assert len(lines) == 3
    for name, kind, _ in QUARANTINE_COLUMNS:
        assert isinstance(lines[1][name], int if kind == "bigint" else str)


def test_what_lies_there_is_told_and_the_object_is_that_of_the_key() -> None:
    [cut, bare] = refused_lines(KEY, b'{"object": "tab\n{"line": 9, "reason": "r"}\n')
    assert cut == GOOD | {
        "object": "repair/sales/staff/7.jsonl.gz",
        "line": 0,
        "reason": DAMAGED,
        "content": '{"object": "tab',
        "rejected_at": "",
    }
    assert (bare["line"], bare["reason"], bare["object"], bare["content"]) == (9, "r", cut["object"], "")
