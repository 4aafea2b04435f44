"""Derived tables: the last writer has seen the newest inputs, and nobody works for nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pyarrow as pa
import pytest
from tests.fakes.partitions import MemoryPartitions
from tests.support.tables import COUNTS, column, counts, fact, rows_of

from core.errors import OutOfReach
from core.ports import PartitionStore, Pointer, Refused, Written
from core.warehouse.pointer import pointer_key
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    Outcome,
    Snapshot,
    SourceRef,
    commit_rows,
    commit_table,
    read_partition,
    rederive,
)

SUM = fact("dim_sum", ["name"], [column("name", "string"), column("total", "bigint")])
OTHER = fact("dim_other", ["number"], [column("number", "bigint"), column("total", "bigint")])


class Summing:
    """Adds the numbers of both inputs up, and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, inputs: Mapping[str, Snapshot]) -> pa.Table:
        self.times += 1
        totals = {name: sum(snapshot.table["number"].to_pylist()) for name, snapshot in inputs.items()}
        return rows_of(SUM, [{"name": name, "total": total} for name, total in totals.items()])


def context(seed: int, contract: str = "c") -> CommitContext:
    return CommitContext(contract, random=random.Random(seed), sleep=lambda _: None)


def put(store: PartitionStore, number: int, table=COUNTS) -> None:
    source = SourceRef(f"{table.name}-{number}", "e")
    commit_rows(store, table, "", counts([number]), sources=[source], context=context(number))


def derive(store: PartitionStore, summing: Summing, *, seed: int = 99, contract: str = "c") -> Outcome:
    inputs = [(COUNTS, ""), (OTHER, "")]
    return commit_table(store, SUM, "", summing, inputs=inputs, context=context(seed, contract))


def totals(store: PartitionStore) -> dict[str, int]:
    snapshot = read_partition(store, SUM, "")
    return {row["name"]: row["total"] for row in snapshot.table.to_pylist()} if snapshot else {}


@pytest.mark.parametrize("damage", ["gone", "cut off", "altered", "no pointer"])
def test_a_computed_partition_is_made_again_whatever_has_become_of_its_object(damage: str) -> None:
    store = MemoryPartitions()
    rows = rows_of(SUM, [{"name": "dim_count", "total": 1}])

    def remake() -> Outcome:
        return rederive(store, SUM, "", lambda: (rows, {"dim_count": "key"}), context=context(random.randrange(2**31)))

    made = remake()
    assert isinstance(made, Committed)
    assert isinstance(remake(), AlreadyThere)
    body = store.objects[made.key]
    if damage == "gone":
        store.objects.pop(made.key)
    elif damage == "no pointer":
        store.objects.pop(pointer_key("dim_sum"))
    else:
        store.objects[made.key] = body[:20] if damage == "cut off" else body[:4] + bytes([body[4] ^ 1]) + body[5:]
    assert isinstance(remake(), Committed)
    assert totals(store) == {"dim_count": 1}


def test_a_derived_table_names_the_objects_that_it_was_made_of() -> None:
    store = MemoryPartitions()
    put(store, 1)
    derive(store, Summing())
    snapshot, source = read_partition(store, SUM, ""), read_partition(store, COUNTS, "")
    assert snapshot is not None
    assert source is not None
    assert snapshot.footer.inputs == {"dim_count": source.key, "dim_other": ""}
    assert totals(store) == {"dim_count": 1}


def test_unchanged_inputs_are_not_computed_again() -> None:
    store, summing = MemoryPartitions(), Summing()
    put(store, 1)
    derive(store, summing)
    assert isinstance(derive(store, summing), AlreadyThere)
    assert summing.times == 1


def test_a_changed_input_or_contract_makes_a_new_version() -> None:
    store, summing = MemoryPartitions(), Summing()
    put(store, 1)
    derive(store, summing)
    put(store, 2, OTHER)
    assert isinstance(derive(store, summing, seed=100), Committed)
    assert totals(store) == {"dim_count": 1, "dim_other": 2}
    assert isinstance(derive(store, summing, seed=101, contract="another"), Committed)


def test_an_input_that_changes_while_the_table_is_made_is_seen_by_the_next_writer() -> None:
    store = MemoryPartitions()
    put(store, 1)

    class Changing(Summing):
        def __call__(self, inputs: Mapping[str, Snapshot]) -> pa.Table:
            if not self.times:
                put(store, 5)
                derive(store, Summing(), seed=7)  # whoever committed the input derives too, and is faster
            return super().__call__(inputs)

    changing = Changing()
    outcome = derive(store, changing)
    assert totals(store) == {"dim_count": 6}
    assert changing.times == 1  # beaten, it reads again and finds the newest inputs already used
    assert isinstance(outcome, AlreadyThere)


def test_a_stale_writer_never_overwrites_a_fresh_one() -> None:
    """Every interleaving of two derivations with a change of the input ends with the newest input."""
    for gap in range(1, 8):
        store = MemoryPartitions()
        put(store, 1)
        derive(store, Summing(), seed=1)
        slow = _PausedAt(store, gap, lambda store=store: (put(store, 10), derive(store, Summing(), seed=2)))
        put(store, 3)
        derive(slow, Summing(), seed=3)
        assert slow.left <= 0
        assert totals(store) == {"dim_count": 14}, f"paused before call {gap}"


class _PausedAt:
    """Before the n-th call to the store, something else happens."""

    def __init__(self, store: MemoryPartitions, number: int, then) -> None:
        self._store, self.left, self._then = store, number, then

    def _tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._then()

    def read_pointer(self, partition: str) -> Pointer | None:
        self._tick()
        return self._store.read_pointer(partition)

    def list_objects(self, partition: str):
        self._tick()
        return self._store.list_objects(partition)

    def read_object(self, key: str):
        self._tick()
        return self._store.read_object(key)

    def write_object(self, partition: str, name: str, body: bytes) -> str:
        self._tick()
        return self._store.write_object(partition, name, body)

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        self._tick()
        return self._store.swap_pointer(partition, target, expected=expected)


def test_an_altered_derived_table_is_made_again() -> None:
    store, summing = MemoryPartitions(), Summing()
    put(store, 1)
    first = derive(store, summing)
    body = bytearray(store.objects[first.key])
    body[30] ^= 1
    store.objects[first.key] = bytes(body)
    assert isinstance(derive(store, summing, seed=5), Committed)
    assert totals(store) == {"dim_count": 1}


def test_an_input_out_of_reach_leaves_the_table_as_it_was() -> None:
    class Down(MemoryPartitions):
        down = False

        def read_object(self, key: str):
            if self.down and "dim_count" in key:
                raise OutOfReach("read object", key, "down")
            return super().read_object(key)

    store = Down()
    put(store, 1)
    derive(store, Summing())
    put(store, 2)
    store.down = True
    with pytest.raises(OutOfReach):
        derive(store, Summing(), seed=5)
    assert totals(store) == {"dim_count": 1}
