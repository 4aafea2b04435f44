"""Vacuum: the objects of a partition that no pointer can name again and no reader still reads. Pure.

What stays: the current object; what was replaced, for a grace period counted from when it was; the last object of each
day for a week (the current footer names them); what a snapshot of the mirror names; and whatever has a greater
number than the current one, for its writer may still be on the way to swap. The name of an object does not say whether
it was ever current, nor need it: with a number not above the pointer's it can never become current, for its swap
expects a pointer that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import InvalidData
from core.ports import ObjectInfo
from core.warehouse.footer import DAILY
from core.warehouse.pointer import parse_object, version_of

GRACE = timedelta(hours=6)
SHORTEST_GRACE = timedelta(hours=1)  # must outlast any reader and any writer


@dataclass(frozen=True, slots=True)
class VacuumPlan:
    """The objects of one partition to remove, and how many stay. ``bytes`` is what the removal frees."""

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
    held: Collection[str],
    swapped: datetime | None,
    now: datetime,
    grace: timedelta = GRACE,
) -> VacuumPlan:
    """Choose the objects of one partition to remove.

    ``dailies`` are the keys that the current object's footer names, ``held`` those that snapshots of the mirror name
    (``core.mirroring.held``).

    ``swapped`` is when the pointer came to name the current object (None: not known, as long as now).

    When an object was replaced its successor's time does not tell: between its writing and its swap a writer may wait,
    and where it died there, whoever mends a pointer that is lost takes the number after the dead one's. But whatever
    has the next number but one was written when the object had been replaced, for writers take the number that follows
    the pointer's, menders that which follows all. So the last two numbers of a part of the listing are held to be
    replaced now, but for the current one and that before it: what is chosen from a part that is cut between two
    numbers is chosen from the whole too. Raises
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
    replaced = _replaced(written, limit, swapped, now)
    remove = []
    for key, info in listed.items():
        if key in held:
            continue
        version = version_of(key)
        since = info.modified if version == limit else max(info.modified, replaced[version])
        day = info.modified.date()
        is_daily = key in dailies and day != today and day >= (now - DAILY).date()
        if version <= limit and key != current and not is_daily and now - since >= grace:
            remove.append(key)
    freed = sum(listed[key].size for key in remove)
    return VacuumPlan(partition, tuple(sorted(remove)), freed, len(listed) - len(remove))


def _replaced(
    written: Mapping[int, datetime], current: int, swapped: datetime | None, now: datetime
) -> dict[int, datetime]:
    """When the object of each number had been replaced, at the latest; ``written`` are their times by number."""
    numbers = sorted(written)
    replaced: dict[int, datetime] = {}
    for place, number in enumerate(numbers):
        following = numbers[place + 1 : place + 3]
        last = swapped if swapped and following == [current] else now
        replaced[number] = max(written[after] for after in following) if len(following) == 2 else last
    return replaced
