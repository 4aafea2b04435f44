"""The memory between audits of a database."""

from __future__ import annotations

import json
from dataclasses import replace

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
from auditor.databases.open_slices.altered import Altered, Drawn
from auditor.databases.open_slices.looks import AMISS, UNFINISHED, WAITING, Look

HEALED = st.sets(st.integers(1, 9), max_size=4).map(lambda numbers: tuple(sorted(numbers)))
TABLES = st.builds(TableMemory, st.integers(0, 9), HEALED, st.integers(0, 9), st.sampled_from(["", "a", "b"]))
LOOKS = st.builds(
    Look,
    st.sampled_from([AMISS, UNFINISHED, WAITING]),
    st.integers(0, 9),
    st.sampled_from(["first", "second"]),
    st.sampled_from([(), ("missing_row",), ("missing_row", "orphan_key")]),
) | st.just(Look())
ALTERED = st.builds(
    Altered,
    st.sampled_from(["object-1", "object-2"]),
    st.sampled_from(["fact_order", "_current/orders"]),
    st.just("month=2026-11"),
    st.just("2 of 3 sampled rows"),
    st.sampled_from([(), ((1, "a"), (2, "b"))]),
    st.none() | st.just(Drawn("orders", "run", 500, 4, ("tables/test/orders/000000000001.jsonl.gz",))),
)
MEMORIES = st.builds(
    Memory,
    st.dictionaries(st.sampled_from(["orders", "lines"]), TABLES),
    st.tuples(st.sampled_from(["", "fact_order"]), st.integers(0, 9)),
    st.integers(0, 9),
    st.dictionaries(st.just("fact_order"), st.integers(0, 9)),
    st.lists(st.sampled_from("abcd"), unique=True).map(tuple),
    open=st.dictionaries(st.tuples(st.just("fact_order"), st.integers(0, 9), st.integers(10, 19)), LOOKS),
    pointers=st.dictionaries(st.just("fact_order"), st.just(("month=2026-11",))),
    altered=st.dictionaries(st.sampled_from(["fact_order/month=2026-11", "_current/orders"]), ALTERED),
)


@given(MEMORIES)
def test_a_memory_is_read_as_it_was_written(memory: Memory) -> None:
    assert Memory.from_json(memory.to_json()) == memory
    store = MemoryObjects()
    keep_for_certifying(store, "run", memory, read=memory)
    assert kept_for_certifying(store, "run") == (memory, replace(memory, pointers={}))
    assert kept_for_certifying(store, "another") is None


@given(MEMORIES, MEMORIES, MEMORIES, st.booleans())
def test_an_audit_that_ends_forgets_nothing_that_others_have_learnt(
    before: Memory, read: Memory, later: Memory, scheduled: bool
) -> None:
    after = before.updated_by(later, read=read, scheduled=scheduled, now=9)
    assert after.swept_at >= before.swept_at
    newest = later if scheduled and later.swept_at >= before.swept_at else before
    assert (after.sweep, after.swept_at, after.pointers) == (newest.sweep, newest.swept_at, newest.pointers)
    for name in {*before.tables, *later.tables}:
        old, new, merged = before.of(name), later.of(name), after.of(name)
        assert merged.verified == max(old.verified, new.verified)
        assert set(merged.healed) == {*old.healed, *new.healed}
        assert merged.swept == (new.swept if old.swept == read.of(name).swept else old.swept)
    assert set(after.redriven) == {*before.redriven, *later.redriven}
    for name, rows in {**before.rows, **later.rows}.items():
        assert after.rows[name] >= max(rows, before.rows.get(name, 0)), "a run that sees small slices knows no others"
    for forgotten in before.open.keys() - after.open.keys():
        assert forgotten not in later.open
        assert before.open[forgotten] == read.open[forgotten], "another run has looked since"
    assert after.open.keys() >= {name for name, look in later.open.items() if look != read.open.get(name)}
    for name in before.altered.keys() - after.altered.keys():
        assert before.altered[name] == read.altered[name]
    assert before.updated_by(before, read=before, scheduled=scheduled, now=9) == before
    assert after.updated_by(later, read=read, scheduled=scheduled, now=9) == after, "a retry changes nothing"


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


def test_looks_at_open_slices_and_what_is_altered_lie_where_earlier_releases_pass_them_over() -> None:
    name, look = ("fact_order", 0, 9), Look(AMISS, 5, "run", ("missing_row",))
    altered = Altered("object-1", "fact_order", "month=2026-11", "2 of 3 sampled rows", ((1, "a"),))
    memory = Memory(open={name: look}, altered={"fact_order/month=2026-11": altered})
    data = json.loads(memory.to_json())
    assert data["open"] == [["fact_order", 0, 9]]
    data["looks"][0].append("what a later release adds")
    data["altered"]["fact_order/month=2026-11"].append("what a later release adds")
    assert Memory.from_json(json.dumps(data).encode()) == memory
    earlier = {field: value for field, value in data.items() if field not in ("looks", "altered")}
    assert Memory.from_json(json.dumps(earlier).encode()) == Memory(open={name: Look()})
    assert {"looks", "altered"}.isdisjoint(json.loads(Memory().to_json()))
