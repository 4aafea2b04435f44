"""A feed on the page: entities x hours or days, each cell with its shares; gaps; and one verdict. Pure.

Counts are points, instants are epoch seconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auditor.feeds.points import ABSENT, LATE, MISSING, NOT_OWED, OBSERVED, REPAIRED, Coverage, slots_of_ranges
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
MOST_ROWS = 40  # entities with a row of their own; of more, those that miss most
MOST_GAPS = 12  # that are listed one by one
MOST_SLOTS = 240  # of which each is also shown by itself
NAMED_IN_CELL = 6  # gaps that a cell's text names
ALL = "all"

# A window's status after its last audit, from best to worst: a day has its worst one.
Status = Literal["certified", "unaudited", "changed", "open", "alarmed"]
STATUSES: tuple[Status, ...] = ("certified", "unaudited", "changed", "open", "alarmed")
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
class Stretch:
    """Neighbouring owed slots in one state, by their places ``[first, last)`` among the view's slots."""

    first: int
    last: int
    state: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entity's cells, one per column; ``gaps`` says in words which points of a cell are missing.

    ``stretches`` are there where the view has ``slots``.
    """

    name: str
    cells: tuple[Counts, ...]
    gaps: tuple[str, ...]
    stretches: tuple[Stretch, ...] = ()

    @property
    def total(self) -> Counts:
        return total(self.cells)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of one entity's missing points."""

    entity: str
    start: int
    end: int
    points: int


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed on the page. ``rows`` are at most ``MOST_ROWS`` of ``entities``; ``all`` is the sum over all of them.

    ``[start, end)`` is from the first owed slot to the end of the last. ``overdue`` of the missing points should have
    come by now. ``held`` are partitions that were rolled back on purpose, with the reason.
    ``slots`` are those of the rows' stretches, where they are few enough to be shown one by one.
    """

    dataset: str
    table: str
    every: int
    unit: Literal["hour", "day"]
    columns: tuple[Column, ...]
    all: Row
    rows: tuple[Row, ...]
    entities: int
    gaps: tuple[Gap, ...]
    gap_count: int
    windows: int
    certified: int
    start: int
    end: int
    overdue: int
    verdict: Verdict
    held: tuple[tuple[str, str], ...] = ()
    slots: tuple[int, ...] = ()

    @property
    def total(self) -> Counts:
        return self.all.total


def total(cells: Sequence[Counts]) -> Counts:
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
) -> FeedView | None:
    """A feed's windows from place ``first`` on; ``seen`` are the coverage's windows, in order.

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
    columns = tuple(_column([seen[place] for place in group]) for group in groups)
    counted = _count(coverage, bounds)
    slots = expectation.grid.slots[bounds[0][0] : bounds[-1][1]]
    few = len(slots) <= MOST_SLOTS
    rows = tuple(
        Row(
            expectation.grid.entities[entity],
            tuple(_counts(counted, entity, place) for place in range(len(columns))),
            tuple(_gap_text(coverage, entity, bound, every) for bound in bounds),
            _stretches(coverage.cells[entity, bounds[0][0] : bounds[-1][1]]) if few else (),
        )
        for entity in _shown(counted["missing"].sum(axis=1), MOST_ROWS)
    )
    summed = {name: counts.sum(axis=0, keepdims=True) for name, counts in counted.items()}
    everything = tuple(_counts(summed, 0, place) for place in range(len(columns)))
    since = seen[kept[0]].window.start
    gaps = sorted(
        (gap for gap in _gaps(coverage) if gap.start >= since),
        key=lambda gap: (-gap.points, gap.start, gap.entity),
    )
    certified = sum(seen[place].status == "certified" for place in kept)
    missing = coverage.cells[:, bounds[0][0] : bounds[-1][1]] == MISSING
    overdue = int(missing[:, slots < due_before].sum())
    given_up = any(seen[place].status == "alarmed" for place in kept)
    return FeedView(
        dataset=dataset,
        table=table,
        every=every,
        unit="day" if by_day else "hour",
        columns=columns,
        all=Row(ALL, everything, tuple("" for _ in columns)),
        rows=rows,
        entities=len(expectation.grid.entities),
        gaps=tuple(gaps[:MOST_GAPS]),
        gap_count=len(gaps),
        windows=len(kept),
        certified=certified,
        start=int(slots[0]),
        end=int(slots[-1]) + every,
        overdue=overdue,
        verdict=_verdict(total(everything), overdue=overdue, given_up=given_up, uncertified=len(kept) - certified),
        held=tuple(held),
        slots=tuple(slots.tolist()) if few else (),
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


def _count(coverage: Coverage, bounds: Sequence[tuple[int, int]]) -> dict[str, np.ndarray]:
    """Numbers of slots per state, as ``[entity, column]``."""
    numbers = {}
    for name, code in CODES.items():
        cells = coverage.cells == code
        parts = [cells[:, first:last].sum(axis=1) for first, last in bounds]
        numbers[name] = np.stack(parts, axis=1) if parts else np.zeros((len(cells), 0), np.int64)
    return numbers


def _counts(counted: Mapping[str, np.ndarray], entity: int, column: int) -> Counts:
    return Counts(**{name: int(counts[entity, column]) for name, counts in counted.items()})


def _shown(missing: np.ndarray, most: int) -> list[int]:
    """The entities with a row of their own: all of few, else those that miss most; always in the contract's order."""
    if len(missing) <= most:
        return list(range(len(missing)))
    worst = np.argsort(-missing, kind="stable")[:most]
    return sorted(worst.tolist())


def _gap_text(coverage: Coverage, entity: int, bound: tuple[int, int], every: int) -> str:
    """``15:03, 15:17-15:19 and 4 more``; days are named where the slots are of several."""
    slots = coverage.expectation.grid.slots[bound[0] : bound[1]]
    at = slots[coverage.cells[entity, bound[0] : bound[1]] == MISSING]
    if not len(at):
        return ""
    cuts = np.flatnonzero(np.diff(at) > every) + 1
    pairs = [(int(stretch[0]), int(stretch[-1])) for stretch in np.split(at, cuts)]
    days = slots[0] // DAY != slots[-1] // DAY
    named = [_moment(first, days) + (f"-{_moment(last, False)}" if last > first else "") for first, last in pairs]
    more = len(named) - NAMED_IN_CELL
    return ", ".join(named[:NAMED_IN_CELL]) + (f" and {more} more" if more > 0 else "")


def _stretches(cells: np.ndarray) -> tuple[Stretch, ...]:
    names = {code: name for name, code in CODES.items()}
    cuts = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(cells)]
    pairs = itertools.pairwise(cuts)
    return tuple(Stretch(first, last, names[cells[first]]) for first, last in pairs if cells[first] in names)


def _moment(instant: int, day: bool) -> str:
    return at_epoch(instant).strftime("%d %b %H:%M" if day else "%H:%M")


def _gaps(coverage: Coverage) -> Iterator[Gap]:
    for entity, ranges, _ in coverage.ranges_of(MISSING):
        for start, end in ranges:
            yield Gap(entity, start, end, len(slots_of_ranges(coverage.expectation.grid.slots, [(start, end)])))


def _verdict(counts: Counts, *, overdue: int, given_up: bool, uncertified: int) -> Verdict:
    if counts.missing == counts.expected:
        return "empty"
    if counts.missing:
        return "incomplete" if overdue or given_up else "filling"
    return "uncertified" if uncertified else "complete"
