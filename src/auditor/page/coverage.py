"""Coverage of a feed: entities x hours or days, the points that are not plainly there, and one verdict. Pure.

Counts are points, instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Literal

import numpy as np
import numpy.typing as npt

from auditor.feeds.points import ABSENT, LATE, MISSING, NOT_OWED, OBSERVED, REPAIRED, Coverage
from auditor.windows import DAY, HOUR, Window
from core.time import at_epoch

STATES = ("observed", "late", "repaired", "absent", "missing")
CODES: Mapping[str, int] = {
    "observed": OBSERVED,
    "late": LATE,
    "repaired": REPAIRED,
    "absent": ABSENT,
    "missing": MISSING,
}
MOST_HOURS = 40  # columns; more hours than this are shown by the day
MOST_GAPS = 12  # that are listed one by one
MOST_RUNS = 150_000  # of a feed: stretches of points, 1.5 MB
ALL = "all"

# A window's status after its last audit, from best to worst: a day has its worst one.
Status = Literal["certified", "unaudited", "changed", "open", "held", "alarmed"]
STATUSES: tuple[Status, ...] = ("certified", "unaudited", "changed", "open", "held", "alarmed")
# ``filling``: what is missing may still come within the time that the contract allows, and nobody has given it up.
Verdict = Literal["complete", "uncertified", "filling", "incomplete", "empty"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Points by what is known of them; ``expected`` is their sum."""

    observed: int = 0
    late: int = 0
    repaired: int = 0
    absent: int = 0
    missing: int = 0

    @property
    def present(self) -> int:
        return self.observed + self.late + self.repaired

    @property
    def expected(self) -> int:
        return self.present + self.absent + self.missing

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in STATES))

    def shares(self) -> dict[str, float]:
        """The share of each state; all are 0 where nothing is expected."""
        whole = self.expected or 1
        return {name: getattr(self, name) / whole for name in STATES}


@dataclass(frozen=True, slots=True)
class WindowSeen:
    """A window with its status after the last audit; ``certificate`` is 0 where there is none."""

    window: Window
    status: Status
    certificate: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """An hour or a day of the heat map: ``[start, end)``, its windows' worst status, and their certificates."""

    start: int
    end: int
    windows: int
    certified: int
    status: Status
    certificates: tuple[int, ...]

    @property
    def day(self) -> str:
        """``Fri 20 Nov``."""
        return f"{at_epoch(self.start):%a} {at_epoch(self.start).day} {at_epoch(self.start):%b}"

    @property
    def hour(self) -> str:
        return f"{at_epoch(self.start):%H}:00"


@dataclass(frozen=True, slots=True)
class Row:
    """An entity's cells, one per column."""

    name: str
    cells: tuple[Counts, ...]

    @property
    def total(self) -> Counts:
        return total(self.cells)


@dataclass(frozen=True, slots=True)
class Points:
    """Every point of a feed that is not plainly observed, in runs.

    ``slots`` are the view's, as stretches (first instant, how many, seconds between two). ``runs`` holds for an entity
    (its place among the rows) triples one after another: place of the first slot, how many, place of the state among
    ``STATES`` (beyond them: not owed). ``unlisted`` are entities whose runs were too many.
    """

    slots: tuple[tuple[int, int, int], ...]
    runs: Mapping[int, tuple[int, ...]]
    unlisted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of one entity's missing points."""

    entity: str
    start: int
    end: int
    points: int


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed on the page: a row for each entity, in the contract's order, and ``all``, the sum over them.

    ``[start, end)`` is from the first owed slot to the end of the last. ``overdue`` of the missing points should have
    come by now. ``held`` are partitions that were rolled back on purpose, with the reason: ``held_back`` of the missing
    points are theirs, and none of these is overdue.
    """

    dataset: str
    table: str
    every: int
    unit: Literal["hour", "day"]
    columns: tuple[Column, ...]
    all: Row
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    gap_count: int
    windows: int
    certified: int
    start: int
    end: int
    overdue: int
    first_missing: int | None
    verdict: Verdict
    points: Points
    held: tuple[tuple[str, str], ...] = ()
    held_back: int = 0

    @property
    def total(self) -> Counts:
        return self.all.total


def total(cells: Sequence[Counts]) -> Counts:
    """The sum of the cells."""
    return sum(cells, Counts())


# ---------------------------------------------------------------- a feed


def shape_feed(
    dataset: str,
    table: str,
    every: int,
    coverage: Coverage,
    seen: Sequence[WindowSeen],
    *,
    due_before: int,
    first: int = 0,
    held: Sequence[tuple[str, str]] = (),
    held_back: npt.NDArray[np.bool_] | None = None,
) -> FeedView | None:
    """A feed's windows from place ``first`` on; ``seen`` are the coverage's windows, in order.

    ``held_back`` are the cells of partitions that are ``held``, where there are any.

    Slots that begin before ``due_before`` (epoch seconds) have had all the time that the contract allows.

    Windows that owe nothing (yet) are left out; None where none is left.
    """
    expectation = coverage.expectation
    owed = expectation.per_window(coverage.cells != NOT_OWED)
    kept = [place for place in range(first, len(seen)) if owed[place]]
    if not kept:
        return None
    by_day = len(kept) > MOST_HOURS or any(seen[at].window.end - seen[at].window.start > HOUR for at in kept)
    groups = list(_grouped(seen, kept, by_day=by_day))
    bounds = [(expectation.columns(group[0]).start, expectation.columns(group[-1]).stop) for group in groups]
    shown = slice(bounds[0][0], bounds[-1][1])
    cells, slots = coverage.cells[:, shown], expectation.grid.slots[shown]
    rows = tuple(_rows(expectation.grid.entities, _count(coverage, bounds)))
    everything = tuple(total([row.cells[place] for row in rows]) for place in range(len(bounds)))
    runs = _runs(cells)
    ends = slots + expectation.grid.steps[shown]
    gap_count = sum(int((part[:, 2] == STATES.index("missing")).sum()) for part in runs.values())
    certified = sum(seen[place].status == "certified" for place in kept)
    lacking = cells == MISSING
    kept_back = lacking & held_back[:, shown] if held_back is not None else np.zeros_like(lacking)
    overdue = int((lacking & ~kept_back)[:, slots < due_before].sum())
    given_up = any(seen[place].status in ("alarmed", "held") for place in kept)
    return FeedView(
        dataset=dataset,
        table=table,
        every=every,
        unit="day" if by_day else "hour",
        columns=tuple(_column([seen[place] for place in group]) for group in groups),
        all=Row(ALL, everything),
        rows=rows,
        gaps=tuple(_gaps(runs, expectation.grid.entities, ends, slots)),
        gap_count=gap_count,
        windows=len(kept),
        certified=certified,
        start=int(slots[0]),
        end=int(ends[-1]),
        overdue=overdue,
        first_missing=_first_missing(runs, slots),
        verdict=_verdict(total(everything), overdue=overdue, given_up=given_up, uncertified=len(kept) - certified),
        points=_points(runs, slots, every),
        held=tuple(held),
        held_back=int(kept_back.sum()),
    )


def _grouped(seen: Sequence[WindowSeen], kept: Sequence[int], *, by_day: bool) -> Iterator[list[int]]:
    """The windows' places, one group per column."""
    groups: dict[int, list[int]] = {}
    for place in kept:
        start = seen[place].window.start
        groups.setdefault(start // DAY if by_day else start, []).append(place)
    yield from groups.values()


def _column(windows: Sequence[WindowSeen]) -> Column:
    return Column(
        start=windows[0].window.start,
        end=windows[-1].window.end,
        windows=len(windows),
        certified=sum(window.status == "certified" for window in windows),
        status=max((window.status for window in windows), key=STATUSES.index),
        certificates=tuple(window.certificate for window in windows if window.status == "certified"),
    )


def _count(coverage: Coverage, bounds: Sequence[tuple[int, int]]) -> np.ndarray:
    """Numbers of slots as ``[entity, column, state]``."""
    counts = np.zeros((len(coverage.cells), len(bounds), len(STATES)), np.int64)
    for place, (first, last) in enumerate(bounds):
        part = coverage.cells[:, first:last]
        for number, name in enumerate(STATES):
            counts[:, place, number] = np.count_nonzero(part == CODES[name], axis=1)
    return counts


def _rows(entities: Sequence[str], counted: np.ndarray) -> Iterator[Row]:
    for name, cells in zip(entities, counted.tolist(), strict=True):
        yield Row(name, tuple(Counts(*numbers) for numbers in cells))


def _runs(cells: np.ndarray) -> dict[int, np.ndarray]:
    """What is not plainly observed, by entity: rows of first slot, length, and place of the state."""
    place_of = np.full(max(CODES.values()) + 1, len(STATES), np.int64)  # of what is not owed
    for place, name in enumerate(STATES):
        place_of[CODES[name]] = place
    runs = {}
    for entity in np.flatnonzero((cells != OBSERVED).any(axis=1)).tolist():
        row = cells[entity]
        cuts = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1, [len(row)]])
        codes = row[cuts[:-1]]
        runs[entity] = np.stack([cuts[:-1], np.diff(cuts), place_of[codes]], axis=1)[codes != OBSERVED]
    return runs


def _points(runs: Mapping[int, np.ndarray], slots: np.ndarray, every: int) -> Points:
    """The runs as they are shown; where they are too many, those of the entities that have fewest."""
    listed, unlisted, left = {}, [], MOST_RUNS
    for entity in sorted(runs, key=lambda entity: (len(runs[entity]), entity)):
        left -= len(runs[entity])
        if left < 0:
            unlisted.append(entity)
        else:
            listed[entity] = tuple(runs[entity].ravel().tolist())
    return Points(tuple(_stretches(slots, every)), listed, tuple(sorted(unlisted)))


def _gaps(runs: Mapping[int, np.ndarray], entities: Sequence[str], ends: np.ndarray, slots: np.ndarray) -> list[Gap]:
    """The longest stretches of missing points, the longest first."""
    missing = {entity: part[part[:, 2] == STATES.index("missing")] for entity, part in runs.items()}
    longest = nsmallest(
        MOST_GAPS,
        (
            (-length, int(slots[first]), entities[entity], int(ends[first + length - 1]))
            for entity, part in missing.items()
            for first, length, _ in part[np.argsort(-part[:, 1], kind="stable")[:MOST_GAPS]].tolist()
        ),
    )
    return [Gap(entity, start, end, -points) for points, start, entity, end in longest]


def _first_missing(runs: Mapping[int, np.ndarray], slots: np.ndarray) -> int | None:
    firsts = [part[part[:, 2] == STATES.index("missing"), 0] for part in runs.values()]
    return min((int(slots[places[0]]) for places in firsts if len(places)), default=None)


def _stretches(slots: np.ndarray, every: int) -> Iterator[tuple[int, int, int]]:
    """Neighbouring slots of one distance as (first instant, how many, distance)."""
    steps = np.diff(slots)
    first = 0
    while first < len(slots):
        step = int(steps[first]) if first < len(steps) else every
        others = np.flatnonzero(steps[first:] != step)
        last = first + int(others[0]) if len(others) else len(slots) - 1
        yield int(slots[first]), last - first + 1, step
        first = last + 1


def _verdict(counts: Counts, *, overdue: int, given_up: bool, uncertified: int) -> Verdict:
    if counts.missing == counts.expected:
        return "empty"
    if counts.missing:
        return "incomplete" if overdue or given_up else "filling"
    return "uncertified" if uncertified else "complete"
