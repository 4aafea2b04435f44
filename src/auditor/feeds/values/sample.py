"""A sample of observed points, compared with the provider's history: is the feed true, not only whole?

Which points it is depends on the dataset and the window alone, so that whoever audits a window again asks the same.
Repaired points are never asked for: they are the history. A window that is certified is not compared again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.feeds.points import LATE, Coverage
from auditor.repairs.outcomes import JobReport
from auditor.warehouse.partitions import read_partition
from auditor.windows import Window, partitions_of
from core.audit.certificate import LedgerEntry, window_name
from core.audit.findings import DisputedValue
from core.audit.repair_jobs import Compare
from core.contract.model import Contract, Feed, Table
from core.feeds.calendar import validity
from core.feeds.lines import FROM_HISTORY, PROVENANCE, rounding
from core.feeds.partitions import column_of, covers
from core.feeds.providers import comparable, history_delay
from core.ports import PartitionStore
from core.time import iso

ProviderValues = Mapping[
    tuple[str, int], Mapping[str, str]
]  # by entity and slot: the history's fields, as it wrote them


def choose_sample(
    contract: Contract, feed: Feed, coverage: Coverage, entries: Mapping[str, LedgerEntry], *, now: int
) -> tuple[Compare, ...]:
    """Choose at most the contract's number of observed points of each window without a certificate, by entity.

    Windows that the provider's history does not reach yet have none. The provider is asked by the contract of now, so
    that no point of another cadence is chosen, for the value of five minutes is none of one, and none of an entity that
    has ended.
    """
    published = now - int(history_delay(feed.history).total_seconds()) if feed.sample.points else 0
    slots, names = coverage.expectation.grid.slots, coverage.expectation.grid.entities
    other_cadence = coverage.expectation.grid.steps != feed.every
    ended = np.array([validity(entity)[1] <= now for entity in feed.entities], bool)
    chosen: dict[int, list[int]] = {}
    for place, window in enumerate(coverage.expectation.windows if feed.sample.points else ()):
        if window_name(feed.table.name, window.name) in entries or window.end > published:
            continue
        columns = coverage.expectation.columns(place)
        cells = coverage.cells[:, columns]
        order = _random(contract.dataset, window).random(cells.shape)
        order[cells < LATE] = 2.0  # beyond every other number: never among the first
        order[ended[:, None] | other_cadence[None, columns]] = 2.0
        first = np.argsort(order, axis=None, kind="stable")[: feed.sample.points]
        for row, column in zip(*np.unravel_index(first, cells.shape), strict=True):
            if order[row, column] < 1:
                chosen.setdefault(int(row), []).append(int(slots[columns][column]))
    return tuple(
        Compare(contract.dataset, names[row], tuple((slot, slot + feed.every) for slot in sorted(at)))
        for row, at in sorted(chosen.items())
    )


def _random(dataset: str, window: Window) -> np.random.Generator:
    seed = hashlib.sha256(f"{dataset}/{window.name}".encode()).digest()[:8]
    return np.random.default_rng(int.from_bytes(seed, "big"))


def provider_values(reports: Sequence[JobReport]) -> ProviderValues:
    """The values that comparisons have brought."""
    return {
        (report.repair.entity, slot): fields
        for report in reports
        if isinstance(report.repair, Compare)
        for outcome in report.outcomes
        for slot, fields in outcome.values.items()
    }


def disputed_values(
    store: PartitionStore, contract: Contract, feed: Feed, values: ProviderValues
) -> list[DisputedValue]:
    """The values that differ from the provider's, in the warehouse as it is now, beyond the contract's tolerance.

    Reads the partitions of these points alone. Raises ``TransientFailure`` where the store does.
    """
    tolerance = Decimal(feed.sample.tolerance)
    disputed = []
    columns = comparable(contract, feed)
    for table in {table.name: table for table, _, _ in columns}.values():
        fields = [(column, field) for owner, column, field in columns if owner.name == table.name]
        for path, row in _rows_of(store, table, feed, values):
            entity, slot = row[column_of(table, feed.entity_column)], row[column_of(table, feed.time_column)]
            for column, field in fields:
                theirs = values[entity, slot].get(field, "")
                if not _agree(row[column.name], theirs, tolerance):
                    at, ours = iso(slot), str(row[column.name])
                    disputed.append(
                        DisputedValue(table.dataset, table.name, path, column.name, entity, at, ours, theirs)
                    )
    return disputed


def _agree(ours: Any, theirs: str, tolerance: Decimal) -> bool:
    """Whether two values agree within the tolerance; where one of the two is no number, nothing contradicts.

    What a provider gives may be ``NaN``, or a number of more digits than any context has; ours was rounded to those
    of its column where the contract says so.
    """
    if ours is None or not theirs:
        return True
    try:
        our, their = Decimal(str(ours)), Decimal(theirs)
        digits = Decimal(0) if isinstance(ours, float) else rounding(our)
        return not their.is_finite() or abs(our - their) <= tolerance * abs(their) + digits
    except ArithmeticError:
        return True


def _rows_of(
    store: PartitionStore, table: Table, feed: Feed, values: ProviderValues
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The observed rows of these points with their partition's path; the time is in epoch seconds."""
    entities, times = column_of(table, feed.entity_column), column_of(table, feed.time_column)
    wanted: dict[str, list[tuple[str, int]]] = {}
    for entity, slot in values:
        for path in partitions_of(table, feed, [Window(slot, slot + feed.every)]):
            if covers(table, feed, path, entity=entity, start=slot, end=slot + feed.every):
                wanted.setdefault(path, []).append((entity, slot))
    for path, points in sorted(wanted.items()):
        rows = read_partition(store, table, path).rows
        seconds = pa.array([slot * 1_000_000 for _, slot in points], pa.int64()).cast(pa.timestamp("us"))
        near = rows.filter(pc.is_in(rows.column(times), value_set=seconds))
        instants = [value // 1_000_000 for value in near.column(times).cast(pa.int64()).to_pylist()]
        for row, slot in zip(near.to_pylist(), instants, strict=True):
            if (row[entities], slot) in values and row.get(PROVENANCE) != FROM_HISTORY:
                yield path, {**row, times: slot}
