"""Whether a line in quarantine is over, whatever the line is: these are the lines that something is wrong with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lake import MemoryLake, department, shipped_contracts

from auditor.stories.superseded import Superseded
from core.contract.model import HASH, HASH_LIST, Database, Feed
from core.landing.ingest_objects import TableObject

CONTRACTS = shipped_contracts()
INSTANTS = ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "infinity"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from([*INSTANTS, "1", "none"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
)


def _sources() -> list[tuple[str, tuple[str, ...]]]:
    """The key of an object of each source table, and the names of its lines' fields."""
    sources: list[tuple[str, tuple[str, ...]]] = []
    for contract in CONTRACTS:
        if isinstance(contract.source, Feed):
            names = (contract.source.entity_column, contract.source.time_column)
            sources.append((f"feeds/{contract.dataset}/2026/11/20/10/object", names))
        elif isinstance(contract.source, Database):
            for table in contract.source.tables:
                key = f"tables/{contract.dataset}/{table.name}/000000000001.jsonl.gz"
                sources.append((key, tuple(field.name for field in table.fields)))
    return sources


def refused(key: str, content: str) -> dict[str, object]:
    line = {"object": key, "line": 1, "reason": "the test refuses it", "content": content, "encoding": "utf-8"}
    return {**line, "rejected_at": "2026-11-20T10:00:00.000000Z"}


@pytest.mark.parametrize(("key", "names"), _sources(), ids=lambda value: value if isinstance(value, str) else "")
@given(st.data())
def test_a_line_is_over_or_not_whatever_is_wrong_with_it(key: str, names: tuple[str, ...], data: st.DataObject) -> None:
    """A list in place of a key ended the whole list of the quarantine."""
    fields: Any = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES)) | VALUES)
    lake = MemoryLake(CONTRACTS)
    assert not Superseded(lake.services.partitions, CONTRACTS).is_over(refused(key, json.dumps(fields)))


def row(name: str, at: str, *, checked: str = "", content: int | None = None, number: int = 1) -> dict[str, Any]:
    """A line of ``department``; times are of one day."""
    marks = {"checked_at": f"2026-11-20T{checked}.000000Z"} if checked else {}
    hashed = {} if content is None else {HASH_LIST: 1, HASH: content}
    return department(number, name, f"2026-11-20T{at}.000", **marks, **hashed)


def took(*lines: dict[str, Any]) -> MemoryLake:
    """A lake that took these lines of ``department``, each as an object of its own."""
    lake = MemoryLake(CONTRACTS)
    for number, line in enumerate(lines, 1):
        key = TableObject("sales", "department", number).key
        lake.put(f"repair/sales/department/{number}.jsonl.gz" if "checked_at" in line else key, [line])
        lake.process(f"repair/sales/department/{number}.jsonl.gz" if "checked_at" in line else key)
    return lake


def is_over(lake: MemoryLake, line: dict[str, Any], *, rejected: str = "15:00:00") -> bool:
    key = TableObject("sales", "department", 99).key
    record = refused(key, json.dumps(line)) | {"rejected_at": f"2026-11-20T{rejected}.000000Z"}
    return Superseded(lake.services.partitions, CONTRACTS).is_over(record)


def test_a_line_of_a_key_that_came_as_new_or_newer_is_over_and_one_that_is_newer_still_is_not() -> None:
    lake = took(row("Sales", "10:00:00", content=7))
    for at, expected in (("09:00:00", True), ("10:00:00", True), ("11:00:00", False)):
        assert is_over(lake, row("Sales", at, content=7)) == expected
    assert not is_over(lake, row("Sales", "09:00:00", content=7, number=2))


@pytest.mark.parametrize(
    ("stored", "line", "expected"),
    [
        # Somebody cleared the name and left the time of change: what is stored is the row as it was before.
        (row("Sales", "10:00:00", content=7), row("", "10:00:00", checked="14:55:00", content=8), False),
        (row("Sales", "10:00:00", content=7), row("", "10:00:00", content=8), False),
        (row("Sales", "10:00:00"), row("", "10:00:00"), False),
        # It was mended, the time of change left again, and fetched after the line was refused.
        (row("Sales", "10:00:00", checked="15:01:00", content=9), row("", "10:00:00", content=8), True),
        (
            row("Sales", "10:00:00", checked="15:01:00", content=9),
            row("", "10:00:00", checked="14:55:00", content=8),
            True,
        ),
        # A fetch before the refusal says nothing of a line whose time of reading is not known.
        (row("Sales", "10:00:00", checked="14:59:00", content=9), row("", "10:00:00", content=8), False),
        # The source set the row's clock back: the later version that is stored was there before.
        (row("Sales", "10:00:00", content=7), row("", "09:00:00", checked="14:55:00", content=8), False),
        # A time of change in the future, of a wrong clock, outranks nothing that was written after its fetch.
        (row("Sales", "23:00:00", checked="09:00:00", content=7), row("", "10:00:00", content=8), False),
        # The line's time of change is none: the mended row may have any, and was fetched after the line was refused.
        (
            row("Sales", "10:00:00", checked="15:01:00", content=9),
            row("", "10:00:00", content=8) | {"last_updated": "infinity"},
            True,
        ),
        (row("Sales", "10:00:00", content=9), row("", "10:00:00") | {"last_updated": "infinity"}, False),
    ],
)
def test_equal_or_later_times_of_change_do_not_tell_that_what_is_stored_is_newer(
    stored: dict[str, Any], line: dict[str, Any], expected: bool
) -> None:
    assert is_over(took(stored), line) == expected


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["later", "same", "earlier"]), st.integers(1, 2), st.booleans(), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_a_line_is_over_where_the_row_was_read_again_and_taken(changes: list[tuple[str, int, bool, bool]]) -> None:
    """The rows are read one after the other: what was read after a refused line, and taken, is newer than it."""
    lines: list[tuple[dict[str, Any], bool]] = []
    at = "01:00:00"
    for hour, (touch, content, by_repair, is_taken) in enumerate(changes, 10):
        at = {"later": f"{hour}:00:00", "same": at, "earlier": f"00:{30 - hour}:00"}[touch]
        checked = f"{hour}:05:00" if by_repair or touch != "later" else ""  # an extraction reads what was touched
        lines.append((row(f"name {content}", at, checked=checked, content=content), is_taken))
    lake = took(*[line for line, is_taken in lines if is_taken])
    last = max((place for place, (_, is_taken) in enumerate(lines) if is_taken), default=-1)
    for place, (line, is_taken) in enumerate(lines):
        stored = lines[last][0] if last >= 0 else {}
        is_same = all(stored.get(name) == line[name] for name in ("department_name", "last_updated"))
        if not is_taken:
            assert is_over(lake, line, rejected=f"{10 + place}:10:00") == (last > place or is_same)
