"""Whether a line in quarantine is over, whatever the line is: these are the lines that something is wrong with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lake import MemoryLake, department, shipped_contracts

from auditor.stories.superseded import Superseded
from core.contract.model import Database, Feed

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


def test_a_line_of_a_key_that_came_as_new_or_newer_is_over_and_one_that_is_newer_still_is_not() -> None:
    lake = MemoryLake(CONTRACTS)
    key = lake.put_table("sales", "department", 1, [department(1, "Sales", "2026-11-20T10:00:00.000")])
    lake.process(key)
    superseded = Superseded(lake.services.partitions, CONTRACTS)
    for at, is_over in (("09:00", True), ("10:00", True), ("11:00", False)):
        line = json.dumps(department(1, "Sales", f"2026-11-20T{at}:00.000"))
        assert superseded.is_over(refused(key, line)) == is_over
    assert not superseded.is_over(refused(key, json.dumps(department(2, "Sales", "2026-11-20T09:00:00.000"))))
