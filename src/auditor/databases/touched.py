"""The slices of a database that commits have touched since the last audit, by when their pointers were swapped.

Late changes of an old month, a replay, a rebuild, a rollback and a hold all end in a pointer, whatever began them. A
listing of pointers tells all of it, a thousand in a call, and reads none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice

from auditor.databases.memory import Memory
from auditor.databases.rows.targets import Slice, Target, slices_of
from auditor.services import Limits
from core.ports import ObjectReader
from core.time import at_epoch
from core.warehouse.pointer import POINTER_NAME, pointer_key

LISTED = 5_000  # pointers of a table, in one run: those of more partitions wait for the sweep
SKEW = 60  # seconds between the clocks of the store and of who remembers when it looked


def touched_slices(
    records: ObjectReader, targets: Sequence[Target], memory: Memory, looked_at: Collection[Slice], limits: Limits
) -> tuple[list[Slice], list[Slice]]:
    """The slices that were touched since the last audit chose its own, without those that are ``looked_at`` anyway.

    Those that waited longest come first, as many as the budget of rows takes, never fewer than one; and the others,
    which the next audits have to look at. Tables that no time slices are not among them. A first audit has none.
    """
    if not memory.swept_at:
        return [], []
    since = at_epoch(memory.swept_at - SKEW)
    waiting: dict[Slice, datetime] = {}
    for target in targets:
        for part, at in _swapped_since(records, target, since) if target.column else ():
            if part not in looked_at:
                waiting[part] = min(at, waiting.get(part, at))
    ordered = sorted(waiting, key=lambda part: (waiting[part], part))
    rows = 0
    for place, part in enumerate(ordered):
        rows += max(1, memory.rows.get(part.table, 0))
        if place and rows > limits.sweep_rows:
            return ordered[:place], ordered[place:]
    return ordered, []


def _swapped_since(records: ObjectReader, target: Target, since: datetime) -> Iterator[tuple[Slice, datetime]]:
    folder = pointer_key(target.table.folder).removesuffix(POINTER_NAME)
    for info in islice(records.list(folder), LISTED):
        if info.modified >= since and info.key.endswith(f"/{POINTER_NAME}"):
            try:
                parts = slices_of(target, info.key.removeprefix(folder).removesuffix(f"/{POINTER_NAME}"))
            except ValueError:  # no path of ours
                continue
            yield from ((part, info.modified) for part in parts)
