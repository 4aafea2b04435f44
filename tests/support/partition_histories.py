"""Random histories of one partition: commits, crashes, losses and restatements, against a dictionary."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from tests.fakes.partitions import MemoryPartitions
from tests.support.committing import PLACE, context, source
from tests.support.tables import COUNTS, counts, rows_of

from core.errors import LostCommit
from core.warehouse.pointer import pointer_body, pointer_key, version_of
from processing.partitions.commit import commit_rows, read_partition, restate
from processing.partitions.state import read_current

POINTER = pointer_key(PLACE)
DERIVED = replace(COUNTS, name="dim_sum")


def current_key(store: MemoryPartitions) -> str:
    current = read_current(store, PLACE)
    assert current is not None
    return current.pointer.target


def lose_pointer(store: MemoryPartitions) -> None:
    store.delete([POINTER])


def lose_object(store: MemoryPartitions) -> None:
    store.delete([current_key(store)])


def scribble(store: MemoryPartitions) -> None:
    store.objects[POINTER] = b"what is this?\n"


def point_abroad(store: MemoryPartitions) -> None:
    """To a sound object, of another partition."""
    commit_rows(store, DERIVED, "", counts([7]), sources=[source("abroad")], context=context())
    store.objects[POINTER] = store.objects[pointer_key(DERIVED.name)]


def point_to_no_commit(store: MemoryPartitions) -> None:
    store.objects[POINTER] = pointer_body(store.bucket, f"warehouse/_data/{PLACE}/part-0.parquet")


DAMAGES: list[Callable[[MemoryPartitions], None]] = [
    lose_pointer,
    lose_object,
    scribble,
    point_abroad,
    point_to_no_commit,
]


def losses(seed: int) -> list[str]:
    """A random history of one partition; tells where its rows were not those of a dictionary."""
    source_of, store = random.Random(seed), MemoryPartitions()
    model: dict[int, int] = {}
    faults: list[str] = []
    broken = False
    for step in range(12):
        what = source_of.choice(["commit", "commit", "commit", "crash", "damage", "restate"])
        rows = {source_of.randrange(9): source_of.randrange(5) for _ in range(2)}
        records = [{"number": number, "total": total} for number, total in rows.items()]
        at = context(seed * 100 + step)
        merged = model | {number: max(total, model.get(number, -1)) for number, total in rows.items()}
        if what == "damage" and not broken and pointed(store):
            source_of.choice(DAMAGES)(store)
            broken = True
        elif what == "restate" and model:
            whole = rows_of(COUNTS, as_records(model))
            restate(store, COUNTS, "", lambda whole=whole: (whole, ()), context=at)
            broken = False
        elif what == "crash" and not pointed(store) and not broken:
            ghost = MemoryPartitions()
            key = commit_rows(ghost, COUNTS, "", rows_of(COUNTS, records), sources=[source(str(step))], context=at).key
            store.write_object(PLACE, key.rpartition("/")[2], ghost.objects[key])
            model = merged
            continue
        elif what == "commit":
            try:
                before = max((version_of(key) for key in store.list_objects(PLACE)), default=0)
                outcome = commit_rows(
                    store, COUNTS, "", rows_of(COUNTS, records), sources=[source(str(step))], context=at
                )
                if outcome.version < before:
                    faults.append(f"seed {seed}, step {step}: began again at version {outcome.version}")
                model, broken = merged, False
            except LostCommit:
                if not broken:
                    faults.append(f"seed {seed}, step {step}: raised over a sound partition")
                continue
        if not broken and pointed(store):
            snapshot = read_partition(store, COUNTS, "")
            held = {row["number"]: row["total"] for row in snapshot.table.to_pylist()} if snapshot else {}
            if held != model:
                faults.append(f"seed {seed}, step {step}, after {what}: {held}, not {model}")
    return faults


def pointed(store: MemoryPartitions) -> bool:
    return POINTER in store.objects


def as_records(model: dict[int, int]) -> list[dict[str, int]]:
    return [{"number": number, "total": total} for number, total in model.items()]
