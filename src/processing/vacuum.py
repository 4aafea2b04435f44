"""Removing objects that no pointer will ever name again and no reader can still be reading.

What stays: the current object; what was replaced, for a grace period counted from its successor's time; the last object
of each day for a week (the current footer names them); and whatever has a greater number than the current one, for its
writer may still be on the way to swap. An object that never was current cannot be told from a replaced one by its name,
nor need it be: with a number not above the pointer's it can never become current, for its swap expects a pointer that
is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from core.contract.model import Table
from core.errors import InvalidData
from core.pointer import DATA_ROOT, parse_object, version_of
from core.ports import ObjectInfo, ObjectStore, PartitionStore
from processing.attempt import read_current
from processing.footer import DAILY

GRACE = timedelta(hours=6)
SHORTEST_GRACE = timedelta(hours=1)  # must outlast any reader and any writer


@dataclass(frozen=True, slots=True)
class VacuumPlan:
    """What of one partition goes, and how much stays. ``bytes`` are those that the removal frees."""

    partition: str
    remove: tuple[str, ...]
    bytes: int
    stay: int


def plan_vacuum(
    partition: str,
    objects: Iterable[ObjectInfo],
    *,
    current: str,
    dailies: Collection[str],
    now: datetime,
    grace: timedelta = GRACE,
) -> VacuumPlan:
    """Choose from the objects of one partition. ``dailies`` are the keys that the current object's footer names.

    A successor's time is that of the latest object with the next greater number there is: never too early. Raises
    ``InvalidData`` on a grace below an hour.
    """
    if grace < SHORTEST_GRACE:
        raise InvalidData("vacuum", partition, f"a grace of {grace} is too short", f"use at least {SHORTEST_GRACE}")
    listed = {info.key: info for info in objects if parse_object(info.key) is not None}
    limit = version_of(current)
    written: dict[int, datetime] = {}
    for info in listed.values():
        version = version_of(info.key)
        written[version] = max(written.get(version, info.modified), info.modified)
    today = listed[current].modified.date() if current in listed else None  # that day's last object is the current one
    numbers = sorted(written, reverse=True)
    replaced = dict(zip(numbers[1:], (written[number] for number in numbers), strict=False))
    remove = []
    for key, info in listed.items():
        version = version_of(key)
        since = info.modified if version == limit else max(info.modified, replaced.get(version, now))
        day = info.modified.date()
        is_daily = key in dailies and day != today and day >= (now - DAILY).date()
        if version <= limit and key != current and not is_daily and now - since >= grace:
            remove.append(key)
    freed = sum(listed[key].size for key in remove)
    return VacuumPlan(partition, tuple(sorted(remove)), freed, len(listed) - len(remove))


def vacuum(
    store: PartitionStore,
    objects: ObjectStore,
    table: Table,
    *,
    now: datetime,
    grace: timedelta = GRACE,
    dry_run: bool = False,
) -> Iterator[VacuumPlan]:
    """Clean every partition of a table, one after the other; yields each plan that removes something, once done.

    Interrupting it is harmless, and so is running it beside commits, readers and itself. A partition whose pointer
    leads to no readable object is left alone: what is there may be needed to mend it.
    """
    listing = objects.list(f"{DATA_ROOT}{table.name}/")
    for partition, found in groupby(listing, key=_partition):
        infos = list(found)
        current = read_current(store, partition) if partition else None
        if current is None or current.opened is None:
            continue
        dailies = {daily.key for daily in current.footer.dailies}
        plan = plan_vacuum(partition, infos, current=current.pointer.target, dailies=dailies, now=now, grace=grace)
        if plan.remove:
            if not dry_run:
                objects.delete(plan.remove)
            yield plan


def _partition(info: ObjectInfo) -> str:
    name = parse_object(info.key)
    return name.partition if name else ""
