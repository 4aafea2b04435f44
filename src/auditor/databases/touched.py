"""The slices of a database that commits have touched since the last audit, and those whose pointers are gone since.

Late changes of an old month, a replay, a rebuild, a rollback and a hold all end in a pointer, whatever began them. A
listing of pointers tells all of it, a thousand in a call, and reads none. Compared with the listing of the audit before
it tells which of them somebody removed: a partition without one is to every reader as one that never had a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from auditor.databases.memory import Memory
from auditor.databases.open_slices.looks import WAITING
from auditor.databases.open_slices.seen import slices_now
from auditor.databases.rows.targets import Slice, Target, slices_of
from auditor.services import Limits
from core.ports import ObjectInfo, ObjectReader
from core.time import at_epoch
from core.warehouse.pointer import POINTER_NAME, pointer_key

LISTED = 5_000  # pointers of a table, in one run: those of more partitions wait for the sweep
SKEW = 60  # seconds between the clocks of the store and of who remembers when it looked
GONE = datetime.min.replace(tzinfo=UTC)  # before all that was swapped: readers see nothing of it
AHEAD = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Touched:
    """The ``slices`` that a run has a budget for, those that wait for the next ones, and the listing.

    ``gone`` are those that wait and whose pointers were removed; ``pointers`` the paths of the partitions by their
    table's folder.
    """

    slices: Sequence[Slice] = ()
    waiting: Sequence[Slice] = ()
    gone: Sequence[Slice] = ()
    pointers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def touched_slices(
    records: ObjectReader,
    targets: Sequence[Target],
    memory: Memory,
    looked_at: Collection[Slice],
    limits: Limits,
    *,
    now: int,
) -> Touched:
    """The slices that were touched since the last audit chose its own, without those that are ``looked_at`` anyway.

    Those whose pointers are gone come first, then those that waited longest, in earlier runs too, as many as the budget
    of rows takes, never fewer than one; then those that begin after ``now``, such as bookings of next month, which
    nothing else looks at: they are few, and readers count them. Tables that no time slices are not among them.
    """
    since = at_epoch(memory.swept_at - SKEW) if memory.swept_at else None
    still = slices_now(targets, memory.open, now=now).items()
    waiting = {part: at_epoch(look.at) for part, look in still if look.why == WAITING and part not in looked_at}
    pointers = {}
    for target in (target for target in targets if target.column):
        folder = target.table.folder
        listed, until = _listed(records, target)
        pointers[folder] = tuple(listed)
        ahead = [(path, AHEAD) for path in listed if any(part.start > now for part in _parts(target, path))]
        swapped = [(path, info.modified) for path, info in listed.items() if since and info.modified >= since]
        gone = [(path, GONE) for path in _gone(target, memory.pointers.get(folder, ()), listed, until)]
        for path, at in (*swapped, *gone, *ahead):
            for part in set(_parts(target, path)).difference(looked_at):
                waiting[part] = min(at, waiting.get(part, at))
    ordered = sorted(waiting, key=lambda part: (waiting[part], part))
    rows = 0
    for place, part in enumerate(ordered):
        rows += max(1, memory.rows.get(part.table, 0))
        if place and rows > limits.sweep_rows:
            left = ordered[place:]
            return Touched(ordered[:place], left, [part for part in left if waiting[part] == GONE], pointers)
    return Touched(ordered, pointers=pointers)


def _listed(records: ObjectReader, target: Target) -> tuple[dict[str, ObjectInfo], str]:
    """The pointers of a table by their partitions' paths, and the key that the listing ends with where it was cut."""
    folder = pointer_key(target.table.folder).removesuffix(POINTER_NAME)
    infos = list(islice(records.list(folder), LISTED))
    pointers = (info for info in infos if info.key.endswith(f"/{POINTER_NAME}"))
    by_path = {info.key.removeprefix(folder).removesuffix(f"/{POINTER_NAME}"): info for info in pointers}
    return by_path, infos[-1].key if len(infos) == LISTED else ""


def _gone(target: Target, known: Sequence[str], listed: Collection[str], until: str) -> Iterator[str]:
    """The paths that had a pointer when they were listed last, as far as they were listed now."""
    for path in known:
        if path not in listed and (not until or pointer_key(f"{target.table.folder}/{path}") < until):
            yield path


def _parts(target: Target, path: str) -> list[Slice]:
    try:
        return slices_of(target, path)
    except ValueError:  # no path of ours
        return []
