"""Places that earlier audits found amiss and left so: every later audit looks at them until they were seen to be well.

What a sweep found comes by again after days. Without a memory of its own it was told, over with the next audit, which
looked elsewhere, and told again. Places are numbers within a room: an object's in its table's sequence, an hour in
which objects arrived, a certificate's in the chain. So they are kept as ranges, and the ranges are bounded: of more
than :data:`MOST_RANGES` the nearest are joined, and what lay between them is looked at too, and found well. Nothing is
forgotten. An audit looks at a bounded share of many places, in turn, and a cause stays open while any wait for theirs.

``audit/outstanding/<dataset>.json``, changed on condition that nobody else has. It is a memory and not the truth: lost,
the sweeps find again what is amiss. What a scan saw lies in its run (``outstanding.json``) until the audit ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from auditor.run_files import find_run_file, write_run_file
from core.change import Remembered
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore
from core.time import parse_instant

ROOT = "audit/outstanding/"
MOST_RANGES = 500  # of a room
MOST_PARTITIONS = 500  # by name
ROUNDS = 2  # ends of a sweep until it has come round once: the first may follow at once
RUN_FILE = "outstanding"
OBJECTS = frozenset(
    {"unprocessed_object", "halted_object", "lost_object", "missing_object"}
)  # causes, by what they say
UNREFERENCED = frozenset({"unreferenced_object"})
CERTIFICATES, LEDGERS = OF_CHAIN = ("certificates", "ledgers")  # rooms: by number; by month (202611)

Numbers = tuple[tuple[int, int], ...]  # the first and the last of each range, ascending; none touches the next

# ---------------------------------------------------------------- numbers


def numbers(ranges: Iterable[tuple[int, int]]) -> Numbers:
    """Ranges in whatever order, neighbours and those that overlap in one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def each_of(places: Iterable[int]) -> Numbers:
    """Single numbers as ranges."""
    return numbers((place, place) for place in places)


def without(ranges: Numbers, others: Numbers) -> Numbers:
    """The numbers of the one that are not of the others."""
    left: list[tuple[int, int]] = []
    for first, last in ranges:
        for begin, end in others:
            if end < first or begin > last:
                continue
            if first < begin:
                left.append((first, begin - 1))
            first = end + 1
        left += [(first, last)] if first <= last else []
    return numbers(left)


def within(ranges: Numbers, first: int, last: int) -> Numbers:
    """The numbers from the first to the last one."""
    return numbers((max(begin, first), min(end, last)) for begin, end in ranges)


def bounded(ranges: Numbers, most: int) -> Numbers:
    """At most so many ranges that hold all of these: those that lie nearest to each other are joined."""
    over = len(ranges) - most
    if over <= 0:
        return ranges
    nearest = sorted(range(1, len(ranges)), key=lambda place: (ranges[place][0] - ranges[place - 1][1], place))[:over]
    return numbers([*ranges, *((ranges[place - 1][1], ranges[place][0]) for place in nearest)])


def in_turn(ranges: Numbers, most: int, after: int) -> Numbers:
    """At most so many numbers, those behind ``after`` first, then from the beginning."""
    left, taken = most, []
    ahead = [*((max(first, after + 1), last) for first, last in ranges), *((a, min(b, after)) for a, b in ranges)]
    for first, last in ahead:
        if first <= last and left:
            end = min(last, first + left - 1)
            taken.append((first, end))
            left -= end - first + 1
    return numbers(taken)


# ---------------------------------------------------------------- what a scan saw


@dataclass(frozen=True, slots=True)
class Looks:
    """What a scan looked at and what of it was amiss, as numbers by room.

    ``at`` is when (ISO 8601). ``following`` says by room up to where the places that are looked at again had their
    turn. ``partitions`` are those with objects that nothing points to, ``passed`` those of before that have none;
    ``rounded``: the sweep of them came to its end. ``released`` are objects that stood halted and were seen to be
    taken, or gone, with the day of their row; ``read`` is by room the key up to which every receipt was read once.
    """

    at: str = ""
    seen: Mapping[str, Numbers] = field(default_factory=dict)
    amiss: Mapping[str, Numbers] = field(default_factory=dict)
    following: Mapping[str, int] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    rounded: bool = False
    released: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """As the run's file has it."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Looks:
        """Read what ``to_data`` gave; what another release added is passed over."""
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        known |= {name: _numbers_of(known[name]) for name in ("seen", "amiss") if name in known}
        known |= {name: tuple(known[name]) for name in ("partitions", "passed") if name in known}
        return cls(**known)

    def of_scan(self, at: str, partitions: tuple[str, ...], passed: tuple[str, ...], *, rounded: bool) -> Looks:
        """The same, of a scan at that time which has also looked for objects that nothing points to."""
        return replace(self, at=at, partitions=partitions, passed=passed, rounded=rounded)

    def beside(self, other: Looks) -> Looks:
        """Both, where they are about other rooms."""
        return replace(
            self,
            seen={**self.seen, **other.seen},
            amiss={**self.amiss, **other.amiss},
            following={**self.following, **other.following},
            read={**self.read, **other.read},
        )


def _numbers_of(rooms: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, Numbers]:
    return {room: numbers((int(first), int(last)) for first, last in ranges) for room, ranges in rooms.items()}


def keep_looks(store: ObjectStore, run: str, looks: Looks) -> None:
    """Keep in the run what its last scan looked at."""
    write_run_file(store, run, RUN_FILE, looks.to_data())


def kept_looks(store: ObjectReader, run: str) -> Looks | None:
    """What the run's last scan looked at; None where an earlier release scanned, or nothing beside the rows was."""
    kept = find_run_file(store, run, RUN_FILE)
    return Looks.from_data(kept) if kept is not None else None


# ---------------------------------------------------------------- what is remembered


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What is amiss, as numbers by room, and by name the partitions with objects that nothing points to.

    ``at`` is when the newest scan looked that any of it is of (ISO 8601; empty: none). ``more``: there were more
    partitions than are kept; so many ends of their sweep are awaited before it is believed that the kept ones are all.
    ``halted`` are the objects that stand halted, by key, with the day on which they were found so, and ``read`` the
    keys up to which receipts were read.
    """

    at: str = ""
    rooms: Mapping[str, Numbers] = field(default_factory=dict)
    following: Mapping[str, int] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    more: int = 0
    halted: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)

    def of(self, room: str, most: int) -> Numbers:
        """The numbers of a room whose turn it is: all, where they are not more than ``most``."""
        return in_turn(self.rooms.get(room, ()), most, self.following.get(room, -1))

    def looked_until(self, before: timedelta) -> datetime | None:
        """The instant so long before the newest scan; what was there then, it has looked at. None: nobody has."""
        return parse_instant(self.at) - before if self.at else None

    def after(self, looks: Looks, halted: Mapping[str, str]) -> Outstanding:
        """The same when a scan has looked, and found these objects ``halted``. Applied twice it is as if once.

        A scan that is older than one that was taken in already adds what it found, and ends nothing.
        """
        is_late = looks.at < self.at
        seen: Mapping[str, Numbers] = {} if is_late else looks.seen
        rooms = {
            room: bounded(_after(self.rooms, seen, looks.amiss, room), MOST_RANGES)
            for room in sorted({*self.rooms, *looks.amiss})
        }
        passed, released = ((), ()) if is_late else (looks.passed, looks.released)
        partitions = sorted({*self.partitions} - {*passed} | {*looks.partitions})
        is_next = looks.rounded and looks.at > self.at
        standing = {key: day for key, day in self.halted.items() if key not in released}
        return replace(
            self,
            at=max(self.at, looks.at),
            rooms={room: ranges for room, ranges in rooms.items() if ranges},
            following=self.following if is_late else {**self.following, **looks.following},
            partitions=tuple(partitions[:MOST_PARTITIONS]),
            more=ROUNDS if len(partitions) > MOST_PARTITIONS else max(0, self.more - is_next),
            halted=dict(sorted({**halted, **standing}.items())),
            read=self.read if is_late else {**self.read, **looks.read},
        )

    def still_open(self, causes: Iterable[str], looks: Looks) -> tuple[str, ...]:
        """The causes of before that may not be over, for there are places that this scan did not come to."""
        waits = any(
            without(ranges, numbers([*looks.seen.get(room, ()), *looks.amiss.get(room, ())]))
            for room, ranges in self.rooms.items()
            if room not in OF_CHAIN
        )
        names = (OBJECTS if waits else frozenset()) | (UNREFERENCED if self.more else frozenset())
        return tuple(sorted(names & {*causes}))

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, body: bytes) -> Outstanding:
        """Read what ``to_json`` gave; what another release added is passed over."""
        data = json.loads(body)
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        known["rooms"] = _numbers_of(known.get("rooms", {}))
        known["partitions"] = tuple(known.get("partitions", ()))
        outstanding = cls(**known)
        outstanding.looked_until(timedelta())  # raises where that is no instant
        return outstanding


def _after(
    before: Mapping[str, Numbers], seen: Mapping[str, Numbers], amiss: Mapping[str, Numbers], room: str
) -> Numbers:
    return numbers([*without(before.get(room, ()), seen.get(room, ())), *amiss.get(room, ())])


_OUTSTANDING = Remembered(Outstanding, ROOT, "what is outstanding")
outstanding_key, read_outstanding = _OUTSTANDING.key, _OUTSTANDING.read


def settle_looks(store: ObjectStore, dataset: str, looks: Looks, halted: Mapping[str, str]) -> Outstanding:
    """Remember what a scan looked at. Returns what is outstanding now."""
    return _OUTSTANDING.change(store, dataset, lambda before: before.after(looks, halted))
