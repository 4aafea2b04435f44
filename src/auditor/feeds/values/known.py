"""Values that the warehouse has near missing points: what an answer about these points is held against.

They go with the requests for history (``core.audit.history.KnownValue``), so that acquisition, which reads no table,
can tell an answer of another time or entity. Some lie before what a call is for, some behind it, some between its gaps;
all of its cadence, for the close of five minutes is that of a minute four minutes later. Where the contract compares
observed values with the history (``sample``) they are those, for a wrong answer that was taken would speak for the next
one; else some of either side came from the history itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.feeds.points import MICROSECONDS
from auditor.repairs.history.history_calls import CallPlanner, HistoryCallPlan
from auditor.warehouse.partitions import SeenPartitions
from auditor.windows import Window, partitions_of
from core.audit.history import NEAR, KnownValue, Ranges
from core.contract.model import Column, Contract, Feed, Table, TradingCalendar
from core.feeds.grid import Bitmap, Slots, expected_slots, steps_of
from core.feeds.lines import FROM_HISTORY, PROVENANCE
from core.feeds.partitions import column_of
from core.feeds.providers import NO_PROVIDER, comparable, history_span

EACH = 2  # values of a column on one side of a call (or between its gaps), of each provenance
REACH = 100  # owed slots on each side, among which they are looked for

Fields = tuple[tuple[Column, str], ...]  # columns of a table, each with the history's field
Calls = Mapping[str, Sequence[HistoryCallPlan]]  # by entity


def known_values(
    seen: SeenPartitions,
    contract: Contract,
    feed: Feed,
    calendar: TradingCalendar,
    ranges: Mapping[str, Ranges],
    *,
    calls: int,
    workers: int,
) -> dict[str, tuple[KnownValue, ...]]:
    """Values near the calls that these ranges of entities need, for the first so many ``calls``.

    A partition that cannot be read has none. Raises ``TransientFailure`` where the store does not answer.
    """
    columns = comparable(contract, feed)
    if not ranges or not columns or feed.history.kind == NO_PROVIDER:
        return {}
    planner = CallPlanner(feed, calendar)
    planned = [call for entity, of_entity in ranges.items() for call in planner(entity, of_entity)]
    planned = sorted(planned, key=lambda call: (call.start, call.entity))[:calls]
    by_entity: dict[str, list[HistoryCallPlan]] = {}
    for call in planned:
        by_entity.setdefault(call.entity, []).append(call)
    near = _near_calls(feed, calendar, planned)
    known: dict[str, dict[KnownValue, None]] = {}

    def look(asked: Calls, *, wide: bool) -> None:
        for table in {table.name: table for table, _, _ in columns}.values():
            fields = tuple((column, field) for owner, column, field in columns if owner.name == table.name)
            of_table = _of_table(seen, table, feed, calendar, near, asked, fields, wide=wide, workers=workers)
            for entity, value in of_table:
                known.setdefault(entity, {})[value] = None

    look(by_entity, wide=False)
    if blind := {entity: of_calls for entity, of_calls in by_entity.items() if entity not in known}:
        look(blind, wide=True)
    return {entity: tuple(sorted(values, key=lambda each: (each.slot, each.field))) for entity, values in known.items()}


def _near_calls(
    feed: Feed, calendar: TradingCalendar, calls: Iterable[HistoryCallPlan]
) -> dict[tuple[int, int], Window]:
    """The time around each call, by its bounds, in which values are near, as far as one answer can hold them."""
    span = int(history_span(feed.history).total_seconds())
    windows: dict[tuple[int, int], Window] = {}
    for start, end in {(call.start, call.end) for call in calls}:
        reach = min(NEAR, max(0, span - (end - start)))
        first, last = max(start - reach, calendar.covers_from), min(end + reach, calendar.covers_to)
        before = expected_slots(calendar, every=feed.every, start=min(first, start), end=start)[-REACH:]
        after = expected_slots(calendar, every=feed.every, start=end, end=max(last, end))[:REACH]
        first = int(before[0]) if len(before) else start
        windows[start, end] = Window(first, int(after[-1]) + feed.every if len(after) else end)
    return windows


def _partitions(
    table: Table, feed: Feed, near: Mapping[tuple[int, int], Window], calls: Calls, *, wide: bool
) -> list[str]:
    """The partitions that may hold values of a call's entity near it, each once; ``wide``: near any call."""
    paths: set[str] = set()
    for entity in feed.entities:
        if of_calls := calls.get(entity.name):
            windows = {*near.values()} if wide else {near[call.start, call.end] for call in of_calls}
            paths.update(partitions_of(table, replace(feed, entities=(entity,)), windows))
    return sorted(paths)


def _of_table(
    seen: SeenPartitions,
    table: Table,
    feed: Feed,
    calendar: TradingCalendar,
    near: Mapping[tuple[int, int], Window],
    calls: Calls,
    fields: Fields,
    *,
    wide: bool,
    workers: int,
) -> Iterator[tuple[str, KnownValue]]:
    """The values of one table, by entity; a partition's alone, so that some are found twice as near as others."""
    times, entities = column_of(table, feed.time_column), column_of(table, feed.entity_column)
    has_provenance = PROVENANCE in {column.name for column in table.columns}
    names = {times, entities, *(column.name for column, _ in fields), *((PROVENANCE,) if has_provenance else ())}
    windows = list(near.values())

    def read(path: str) -> pa.Table:
        return _near(seen.read(table, path, names).rows, times, entities, windows, list(calls))

    with ThreadPoolExecutor(workers) as pool:
        parts = [rows for rows in pool.map(read, _partitions(table, feed, near, calls, wide=wide)) if rows.num_rows]
    if not parts:
        return
    rows = pa.concat_tables(parts).combine_chunks()
    order = pc.sort_indices(rows, sort_keys=[(entities, "ascending"), (times, "ascending")])
    rows = rows.take(order)
    slots = np.asarray(rows.column(times).cast(pa.int64())) // MICROSECONDS
    repaired: Bitmap = (
        np.asarray(pc.equal(rows.column(PROVENANCE), FROM_HISTORY).fill_null(False))
        if has_provenance
        else np.zeros(len(slots), bool)
    )
    steps = steps_of(calendar, slots, every=feed.every)
    compared = feed.sample.points > 0
    of_entity = _Bounds.of(rows.column(entities))
    for entity, of_calls in calls.items():
        part = of_entity.slice_of(entity)
        near_calls = (_nearest(slots[part], steps[part], repaired[part], call, compared=compared) for call in of_calls)
        places = np.unique(np.fromiter((part.start + place for each in near_calls for place in each), np.int64))
        near_rows = zip(rows.take(places).to_pylist(), slots[places].tolist(), repaired[places].tolist(), strict=True)
        for row, slot, given in near_rows:
            for column, field in fields:
                if row[column.name] is not None:
                    yield entity, KnownValue(slot, field, str(row[column.name]), given)


def _near(rows: pa.Table, times: str, entities: str, windows: Sequence[Window], names: Sequence[str]) -> pa.Table:
    """The rows of these entities between the first window's start and the last one's end."""
    if not rows.num_rows:
        return rows
    first, last = min(window.start for window in windows), max(window.end for window in windows)
    instants = rows.column(times).cast(pa.timestamp("us")).cast(pa.int64())
    inside = pc.and_(pc.greater_equal(instants, first * MICROSECONDS), pc.less(instants, last * MICROSECONDS))
    return rows.filter(pc.and_(inside, pc.is_in(rows.column(entities), value_set=pa.array(names, pa.string()))))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Where each entity's rows begin and end in a sorted column."""

    bounds: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Bounds:
        runs = pc.run_end_encode(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
        ends = runs.run_ends.to_pylist()
        return cls(dict(zip(runs.values.to_pylist(), zip([0, *ends[:-1]], ends, strict=True), strict=True)))

    def slice_of(self, entity: str) -> slice:
        return slice(*self.bounds.get(entity, (0, 0)))


def _nearest(slots: Slots, steps: Slots, repaired: Bitmap, call: HistoryCallPlan, *, compared: bool) -> Iterator[int]:
    """Places of rows before, behind and between the gaps of a call, the nearest first.

    Of either kind, unless observed ones are ``compared`` with the history: then repaired ones only make up the number.
    """
    before, behind = int(np.searchsorted(slots, call.start)), int(np.searchsorted(slots, call.end))
    places = np.arange(len(slots))
    for side in (places[:before][::-1], places[before:behind], places[behind:]):
        part = side[steps[side] == call.every]
        observed, of_history = part[~repaired[part]][:EACH], part[repaired[part]][:EACH]
        yield from observed.tolist()
        yield from of_history[: EACH - len(observed) if compared else EACH].tolist()
