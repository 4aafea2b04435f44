"""Key columns of rows against expected points, on arrays without a loop over points. Pure.

``Coverage`` is one byte per owed point; 10,000 entities with five trading days are 20 MB.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from auditor.feeds.expect import Expectation
from core.audit.findings import MissingPoints
from core.audit.history import Ranges
from core.feeds.grid import Bitmap, Slots
from core.time import iso
from core.warehouse.order import as_array

NOT_OWED, MISSING, ABSENT, REPAIRED, LATE, OBSERVED = 0, 1, 2, 3, 4, 5
PROVENANCES = ("repaired", "late", "observed")  # in the order of their codes
MICROSECONDS = 1_000_000


class Coverage:
    """The state of each owed point: ``cells[entity, slot]`` holds one of the codes above."""

    def __init__(self, expectation: Expectation) -> None:
        self.expectation = expectation
        self.cells: npt.NDArray[np.uint8] = expectation.owed().astype(np.uint8)
        self._entities = pa.array(expectation.grid.entities, pa.string())
        self._row_of = {entity: row for row, entity in enumerate(expectation.grid.entities)}

    def mark_present(
        self,
        entities: pa.Array | pa.ChunkedArray | str,
        instants: pa.Array | pa.ChunkedArray,
        provenance: pa.Array | pa.ChunkedArray | None,
    ) -> None:
        """Mark rows as there; those that nobody owes are passed over. ``entities`` may be one name for all rows."""
        slots = self._slots(as_array(instants))
        rows: Slots | np.int64
        if isinstance(entities, str):
            place = pc.index_in(pa.scalar(entities), value_set=self._entities).as_py()
            if place is None:
                return
            rows = np.full(len(slots), place, np.int64)
        else:
            rows = self._places(as_array(entities))
        known = (slots >= 0) & (rows >= 0)
        if not known.all():
            slots, rows = slots[known], rows[known]
        codes: npt.NDArray[np.uint8] | np.uint8 = np.uint8(OBSERVED)
        if provenance is not None:
            codes = _codes(as_array(provenance))
            codes = codes if known.all() else codes[known]
        owed = self.cells[rows, slots] != NOT_OWED
        if owed.all():
            self.cells[rows, slots] = codes
        else:
            self.cells[rows[owed], slots[owed]] = codes if isinstance(codes, np.uint8) else codes[owed]

    def mark_absent(self, entity: str, ranges: Ranges) -> None:
        """Mark points that the source has proven not to have; one that is there all the same stays present."""
        place = self._row_of.get(entity)
        if place is None:
            return
        row = self.cells[place]
        for start, end in ranges:
            first, last = np.searchsorted(self.expectation.grid.slots, [start, end])
            part = row[first:last]
            part[part == MISSING] = ABSENT

    def lacks(self, entities: Iterable[str], start: int, end: int) -> bool:
        """Whether one of these entities misses a point between two instants."""
        first, last = np.searchsorted(self.expectation.grid.slots, [start, end])
        rows = [self._row_of[entity] for entity in entities if entity in self._row_of]
        return bool((self.cells[rows, first:last] == MISSING).any())

    @property
    def missing(self) -> Bitmap:
        return np.asarray(self.cells == MISSING)

    def counts(self) -> list[Mapping[str, int]]:
        """Per window: expected, present, observed, late, repaired, absent, missing."""
        names = {"missing": MISSING, "absent": ABSENT, "repaired": REPAIRED, "late": LATE, "observed": OBSERVED}
        by_name = {name: self.expectation.per_window(self.cells == code) for name, code in names.items()}
        windows: list[Mapping[str, int]] = []
        for place in range(len(self.expectation.windows)):
            counts = {name: int(per_window[place]) for name, per_window in by_name.items()}
            counts["present"] = counts["observed"] + counts["late"] + counts["repaired"]
            counts["expected"] = counts["present"] + counts["absent"] + counts["missing"]
            windows.append(counts)
        return windows

    def ranges_of(self, code: int, *, window: int | None = None) -> Iterator[tuple[str, Ranges, int]]:
        """Entity by entity the ranges of cells with this code, and how many they are."""
        columns = slice(None) if window is None else self.expectation.columns(window)
        slots, steps = self.expectation.grid.slots[columns], self.expectation.grid.steps[columns]
        cells = self.cells[:, columns] == code
        for row in np.flatnonzero(cells.any(axis=1)).tolist():
            places = np.flatnonzero(cells[row])
            ranges = ranges_at(slots[places], steps[places])
            yield self.expectation.grid.entities[row], ranges, len(places)

    def _slots(self, instants: pa.Array) -> Slots:
        microseconds = np.asarray(instants.cast(pa.timestamp("us")).cast(pa.int64()))
        seconds = microseconds // MICROSECONDS
        slots = self._positions(seconds)
        uneven = microseconds != seconds * MICROSECONDS
        if uneven.any():
            slots[uneven] = -1
        return slots

    def _positions(self, seconds: Slots) -> Slots:
        """``Grid.positions``, by a table instead of a search where the slots lie close together."""
        if self._table is None:
            return self.expectation.grid.positions(seconds)
        low, high, step, table = self._table
        offset = seconds - low
        inside = (offset >= 0) & (offset <= high - low)
        place, rest = np.divmod(offset, step)
        return np.asarray(table[np.where(inside & (rest == 0), place, len(table) - 1)])

    @functools.cached_property
    def _table(self) -> tuple[int, int, int, Slots] | None:
        """First and last slot, the step between them, and the place of each step's slot; the last place is of none."""
        slots = self.expectation.grid.slots
        if not len(slots):
            return 0, -1, 1, np.full(1, -1, np.int64)
        low, high = int(slots[0]), int(slots[-1])
        step = int(np.gcd.reduce(np.diff(slots))) if len(slots) > 1 else 1
        size = (high - low) // step + 1
        if size > max(16 * len(slots), 1 << 16):
            return None
        table = np.full(size + 1, -1, np.int64)
        table[(slots - low) // step] = np.arange(len(slots))
        return low, high, step, table

    def _places(self, entities: pa.Array) -> Slots:
        if pa.types.is_dictionary(entities.type):
            of = np.asarray(pc.index_in(entities.dictionary, value_set=self._entities).fill_null(-1)).astype(np.int64)
            return np.asarray(of[np.asarray(entities.indices)])
        return np.asarray(pc.index_in(entities, value_set=self._entities).fill_null(-1)).astype(np.int64)


def _codes(provenance: pa.Array) -> npt.NDArray[np.uint8]:
    """A provenance that is not known counts as observed: somebody else's rows are no repairs of ours."""
    known = pa.array(PROVENANCES, pa.string())
    if pa.types.is_dictionary(provenance.type):
        of = np.asarray(pc.index_in(provenance.dictionary, value_set=known).fill_null(len(PROVENANCES) - 1))
        codes = of[np.asarray(provenance.indices)]
    else:
        codes = np.asarray(pc.index_in(provenance, value_set=known).fill_null(len(PROVENANCES) - 1))
    return np.asarray(codes + REPAIRED).astype(np.uint8)


def missing_points(dataset: str, coverage: Coverage) -> list[MissingPoints]:
    """The findings, one for each entity that misses points, in the contract's order."""
    missing = coverage.ranges_of(MISSING)
    return [MissingPoints(dataset, entity, ranges, points) for entity, ranges, points in missing]


def ranges_at(slots: Slots, steps: Slots) -> Ranges:
    """Sorted slots as half-open ranges of neighbours without time between them; ``steps`` are the seconds of each.

    As ``core.feeds.calendar.ranges``, for many slots.
    """
    ends = slots + steps
    cuts = np.flatnonzero(slots[1:] > ends[:-1]) + 1
    first, last = np.append(slots[:1], slots[cuts]), np.append(ends[cuts - 1], ends[-1:])
    return tuple(zip(first.tolist(), last.tolist(), strict=True))


def iso_ranges(ranges: Ranges) -> list[list[str]]:
    """Ranges as JSON has them."""
    return [[iso(start), iso(end)] for start, end in ranges]


def slots_of_ranges(slots: Slots, ranges: Sequence[tuple[int, int]]) -> Slots:
    """The sorted slots that lie in the ranges."""
    inside = np.zeros(len(slots), bool)
    for start, end in ranges:
        first, last = np.searchsorted(slots, [start, end])
        inside[first:last] = True
    return slots[inside]
