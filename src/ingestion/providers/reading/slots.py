"""Records of a history answer fitted to the slots that were asked for. Pure.

Each record is judged alone: what lies outside of the interval is left out, what cannot be a point is a bad record of
its slot, and the others are points. Whether the answer as a whole may speak for the absence of what it lacks is told
beside.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.feeds.calendar import slot_of
from core.feeds.rest.settings import Align
from core.time import at_epoch
from ingestion.providers.answers import BadRecord, Point

LONGEST_CONTENT = 300  # characters of a record that are kept
ABOUT = 3  # steps that a shift may be told inexactly by: points may lack at both ends
ENOUGH_TO_TELL = 8  # records, from which on what they have in common is no coincidence

# Where an answer lacks records: before the first or behind the last that it has, behind them in the order in which they
# were read (of the next page), or nobody knows where.
Loss = Literal["none", "ends", "behind", "anywhere"]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read.

    ``time`` is None where it has none that can be read; ``reason`` says what is wrong with it.

    ``is_empty``: all its fields are null, which says that there is nothing for its slot. ``whole`` names the fields
    that are the record itself: two that differ in these alone say the same.
    """

    time: datetime | None
    values: Mapping[str, object]
    content: object
    reason: str = ""
    is_empty: bool = False
    whole: Collection[str] = ()

    def says_as(self, other: Record) -> bool:
        """Whether both have the same values."""
        names = (self.values.keys() | other.values.keys()) - set(self.whole)
        return all(self.values.get(name) == other.values.get(name) for name in names)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Points and bad records by slot. ``partial`` says why the answer speaks for the absence of nothing.

    ``elsewhere``: there are records, and all of them are of another interval. ``shifted`` says by how much the times
    look early or late where they do: then each value may be another slot's, and none of them may be used.
    """

    points: tuple[Point, ...]
    bad: tuple[BadRecord, ...]
    partial: str = ""
    elsewhere: bool = False
    shifted: str = ""

    @property
    def is_nonsense(self) -> bool:
        """Whether nothing of it is sound, and that is too much to be the fault of single records."""
        return not self.points and len(self.bad) >= ENOUGH_TO_TELL


def fit(
    records: Iterable[Record],
    *,
    start: datetime,
    end: datetime,
    every: int,
    align: Align = "exact",
    keep: str = "last",
    asked: tuple[datetime, datetime] | None = None,
    step: int = 0,
    published: datetime | None = None,
    loss: Loss = "none",
    doubtful: Collection[datetime] = (),
) -> Fitted:
    """Fit records to the slots of ``[start, end)``, in order of time.

    ``align`` ``exact`` takes records that begin with a slot (others are surplus, or bad where their slot has no such
    record), ``floor`` those within it, of which ``keep`` names the ``first`` or the ``last``. Records of the time
    that was ``asked`` for beside are left out. ``step``: the seconds between points, where they lie further apart than
    ``every``. A slot of which a record may lie where the answer lacks some (``loss``, and beside ``doubtful`` times)
    has none that counts, and is left out: it would be another value than the whole answer's.
    """
    records = list(records)
    first, last = int(start.timestamp()), int(end.timestamp())
    by_slot: dict[int, list[Record]] = {}
    partial, outside = "", []
    for record in records:
        if record.time is None:
            partial = partial or f"a record whose time cannot be read ({record.reason})"
            continue
        seconds = record.time.timestamp()
        if first <= seconds < last:
            by_slot.setdefault(slot_of(seconds, every), []).append(record)
        elif asked is None or not asked[0] <= record.time < asked[1]:
            outside.append(record.time)
    if align == "floor":
        cut = _cut(records, every, keep, loss) | {slot_of(time.timestamp(), every) for time in doubtful}
        cut &= by_slot.keys()
        partial = partial or (f"{len(cut)} of its slots may have records that it lacks" if cut else "")
        by_slot = {slot: of_slot for slot, of_slot in by_slot.items() if slot not in cut}
    points: list[Point] = []
    bad: list[BadRecord] = []
    for slot, of_slot in sorted(by_slot.items()):
        outcome = _of_slot(slot, of_slot, align, keep)
        if isinstance(outcome, Point):
            points.append(outcome)
        elif outcome is not None:
            bad.append(outcome)
    is_other = bool(outside) and not _neighbour(outside, start, end, timedelta(seconds=every))
    elsewhere = is_other and not by_slot
    shifted = ""
    if is_other and by_slot:
        times = [record.time for of_slot in by_slot.values() for record in of_slot if record.time] + outside
        shifted = _shift(times, asked or (start, end), published, timedelta(seconds=step or every))
    partial = partial or ("it is of another interval than was asked for" if is_other else "")
    partial = partial or _coarser(points, step or every)
    return Fitted(tuple(points), tuple(bad), partial, elsewhere, shifted)


def _of_slot(slot: int, records: Sequence[Record], align: Align, keep: str) -> Point | BadRecord | None:
    """The slot's point, its bad record, or None where its records say that there is nothing."""
    exact = [record for record in records if record.time == at_epoch(slot)]
    if align == "exact" and not exact:
        return _bad(slot, records[0], "it begins within a slot, and the contract takes what begins with one")
    chosen = exact if align == "exact" else sorted(records, key=lambda record: record.time or at_epoch(slot))
    sound = [record for record in chosen if not record.reason and not record.is_empty]
    if not sound:
        spoilt = [record for record in chosen if record.reason]
        return _bad(slot, spoilt[0], spoilt[0].reason) if spoilt else None
    if align == "exact" and not all(sound[0].says_as(record) for record in sound[1:]):
        return _bad(slot, sound[-1], f"{len(sound)} records of this slot contradict one another")
    kept = sound[0] if keep == "first" else sound[-1]
    return Point(at_epoch(slot), kept.values)


def _cut(records: Sequence[Record], every: int, keep: str, loss: Loss) -> set[int]:
    """The slots whose first record (or last, as ``keep`` says) may be one that the answer lacks.

    Beside a record whose time cannot be read, both neighbours' slots are: it may be of either.
    """
    read = [record.time for record in records if record.time is not None]
    slots = [slot_of(time.timestamp(), every) for time in read]
    doubtful = {slots[place] for place in _beside_unreadable(records) if 0 <= place < len(slots)}
    rising = all(earlier <= later for earlier, later in itertools.pairwise(read))
    falling = all(earlier >= later for earlier, later in itertools.pairwise(read))
    if loss == "none" or not read:
        return doubtful
    if loss == "anywhere" or not (rising or falling):
        return set(slots)
    is_one_sided = loss == "behind" and rising != falling
    if keep == "first" and not (is_one_sided and rising) and min(read) != at_epoch(min(slots)):
        doubtful.add(min(slots))
    if keep == "last" and not (is_one_sided and falling):
        doubtful.add(max(slots))
    return doubtful


def _beside_unreadable(records: Sequence[Record]) -> Iterator[int]:
    """The places, among the records whose time can be read, before and behind each one whose time cannot."""
    readable = 0
    for record in records:
        if record.time is None:
            yield from (readable - 1, readable)
        else:
            readable += 1


def _bad(slot: int, record: Record, reason: str) -> BadRecord:
    return BadRecord(at_epoch(slot), reason, json.dumps(record.content, default=str)[:LONGEST_CONTENT])


def _neighbour(outside: Sequence[datetime], start: datetime, end: datetime, step: timedelta) -> bool:
    """Whether records lie on both sides of the interval, or in the next slots alone: then the answer is of it.

    APIs whose interval includes its end give one record more; one that is shifted gives others.
    """
    return min(outside) < start < max(outside) or all(start - step <= time < end + step for time in outside)


def _shift(
    times: Sequence[datetime], asked: tuple[datetime, datetime], published: datetime | None, step: timedelta
) -> str:
    """By how much the times look early or late; empty where they do not.

    An answer that has as much before what was asked for as it lacks at its end has its times early, as happens where
    one side takes local time for UTC. One that begins early and ends where it should is rounded, and no error. Of a few
    steps nobody can tell whether it was either.
    """
    start, end = asked[0], min(asked[1], published or asked[1])
    first, last = min(times), max(times)
    early = start - first, end - step - last
    late = last - (asked[1] - step), first - start
    for word, (surplus, lacking) in (("early", early), ("late", late)):
        if surplus > ABOUT * step and abs(surplus - lacking) <= ABOUT * step:
            return f"its times look {word} by {surplus}"
    return ""


def _coarser(points: Sequence[Point], every: int) -> str:
    """A reason where all points lie on a coarser grid than was asked for, as APIs that thin out old data give them."""
    slots = [int(point.time.timestamp()) for point in points if point.time is not None]
    if len(slots) < ENOUGH_TO_TELL:
        return ""
    step = math.gcd(*(later - earlier for earlier, later in itertools.pairwise(slots)))
    return f"records every {step} s where every {every} s were asked for" if step > every else ""
