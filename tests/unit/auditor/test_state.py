"""A dataset's state is a memory: kept whole, and none where it cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects

from auditor.state import DatasetState, change_state, read_state, state_key


@given(st.builds(DatasetState))
def test_a_state_is_read_as_it_was_written(state: DatasetState) -> None:
    store = MemoryObjects()
    assert change_state(store, "quotes", lambda _: state) == state
    assert read_state(store, "quotes") == state


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"open": {"0": {}}}', b'{"open": {}, "causes": [], "more": 1}'])
def test_a_state_that_cannot_be_read_counts_as_none_and_is_written_anew(body: bytes) -> None:
    store = MemoryObjects()
    store.write(state_key("quotes"), body)
    assert read_state(store, "quotes") == DatasetState()
    change_state(store, "quotes", lambda before: DatasetState(frontier=(before.frontier or 0) + 1))
    assert read_state(store, "quotes") == DatasetState(frontier=1)


def test_no_state_is_one_that_begins() -> None:
    assert read_state(MemoryObjects(), "quotes") == DatasetState()
