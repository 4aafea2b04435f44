"""The memory between audits of a database."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects

from auditor.databases.memory import (
    Memory,
    TableMemory,
    change_memory,
    keep_for_certifying,
    kept_for_certifying,
    memory_key,
    read_memory,
)

HEALED = st.sets(st.integers(1, 9), max_size=4).map(lambda numbers: tuple(sorted(numbers)))
TABLES = st.builds(TableMemory, st.integers(0, 9), HEALED, st.integers(0, 9), st.sampled_from(["", "a", "b"]))
MEMORIES = st.builds(
    Memory,
    st.dictionaries(st.sampled_from(["orders", "lines"]), TABLES),
    st.tuples(st.sampled_from(["", "fact_order"]), st.integers(0, 9)),
    st.integers(0, 9),
    st.dictionaries(st.just("fact_order"), st.integers(0, 9)),
    st.lists(st.sampled_from("abcd"), unique=True).map(tuple),
    open=st.lists(st.tuples(st.just("fact_order"), st.integers(0, 9), st.integers(10, 19)), unique=True).map(tuple),
)


@given(MEMORIES)
def test_a_memory_is_read_as_it_was_written(memory: Memory) -> None:
    assert Memory.from_json(memory.to_json()) == memory
    store = MemoryObjects()
    keep_for_certifying(store, "run", memory)
    assert kept_for_certifying(store, "run") == memory
    assert kept_for_certifying(store, "another") is None


@given(MEMORIES, MEMORIES)
def test_a_later_audit_forgets_nothing_that_is_verified_healed_or_redriven(before: Memory, later: Memory) -> None:
    after = before.updated_by(later)
    assert (after.sweep, after.swept_at, after.rows) == (later.sweep, later.swept_at, later.rows)
    for name in {*before.tables, *later.tables}:
        old, new, merged = before.of(name), later.of(name), after.of(name)
        assert merged.verified == max(old.verified, new.verified)
        assert set(merged.healed) == {*old.healed, *new.healed}
        assert merged.swept == new.swept
    assert set(after.redriven) == {*before.redriven, *later.redriven}


def test_a_memory_that_cannot_be_read_counts_as_none_and_is_written_anew() -> None:
    store = MemoryObjects()
    assert read_memory(store, "test") == Memory()
    store.write(memory_key("test"), b"{}")
    assert read_memory(store, "test") == Memory()
    change_memory(store, "test", lambda _: Memory(swept_at=7))
    assert read_memory(store, "test").swept_at == 7


def test_where_the_sweep_of_repairs_goes_on_is_kept_where_earlier_releases_pass_it_over() -> None:
    memory = Memory({"orders": TableMemory(3, repairs="b", repairs_swept="a"), "others": TableMemory(2)})
    data = json.loads(memory.to_json())
    assert Memory.from_json(memory.to_json()) == memory
    assert set(data["tables"]["orders"]) == {"verified", "healed", "swept", "repairs"}
    assert "repairs_swept" not in json.loads(Memory({"orders": TableMemory(3)}).to_json())
