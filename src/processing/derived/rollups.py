"""Rollups: a fact's aggregates by group, computed whole for a partition from the facts and the certificates.

A group is of one entity and one unit of time. It is shown as soon as it has facts, and certified when every slot that
it owes lies in a certified window: only then can it be complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.audit.certificate import Ledger, LedgerEntry, ledger_key
from core.contract.model import Aggregated, Column, Feed, GroupValue, Table, TradingCalendar
from core.errors import InvalidData, LostCommit, PipelineBug, of_kind
from core.feeds.calendar import validities
from core.feeds.grid import expected_slots
from core.feeds.lines import FROM_HISTORY, PROVENANCE
from core.feeds.partitions import column_of, entities_in, period_of
from core.ports import ObjectReader
from core.time import epoch, iso
from core.warehouse.arrow_types import arrow_type, stored_schema
from core.warehouse.order import as_array
from core.warehouse.pointer import partition_of, remedy_of
from processing.derived.sums import misfit, sum_by_code
from processing.partitions.commit import Outcome, read_partition, rederive
from processing.services import Services

DAY = 86_400
_UNITS = {"year": "Y", "month": "M", "day": "D", "hour": "h"}
Cells = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def derive_rollup(services: Services, table: Table, path: str) -> Outcome:
    """Bring a rollup's partition up to date: read after its pointer, so the last writer has seen the newest inputs.

    No version is made where the rows are what they were, and the facts the object that they were. Raises
    ``TransientFailure`` where a store does not answer, ``LostCommit`` where the facts are broken or lost: they are not
    "no facts", and ``InvalidData`` where a sum is more than its column holds.
    """
    contract = services.contracts.dataset(table.dataset)
    promises = services.promises(table.dataset)
    feed, fact = promises.feed(table.dataset), promises.table(table.source)
    calendar = promises.calendar(feed.calendar)

    def remake() -> tuple[pa.Table, Mapping[str, str]]:
        snapshot = read_partition(services.partitions, fact, path)
        name = partition_of(fact.folder, path)
        if snapshot is None and services.partitions.list_objects(name):
            raise LostCommit("derive", table.name, f"{name} has objects and no pointer", remedy_of(name))
        period = period_of(table, feed, path, fact=fact)
        entries = certified_in(services.records, table.dataset, feed.table.name, *period, calendar=calendar)
        facts = snapshot.table if snapshot else stored_schema(fact).empty_table()
        used = {name: snapshot.key if snapshot else ""}
        return rollup_rows(Rollup(table, fact, feed, calendar, path), facts, entries), used

    return rederive(services.partitions, table, path, remake, context=services.context_of(contract))


def certified_in(
    records: ObjectReader, dataset: str, subject: str, start: int, end: int, *, calendar: TradingCalendar
) -> list[LedgerEntry]:
    """The ledger entries of the windows in ``[start, end)``, as far as the calendar knows that time."""
    start, end = max(start, calendar.covers_from), min(end, calendar.covers_to)
    if end <= start:
        return []
    months = dict.fromkeys(iso(time)[:7] for time in [*range(start, end, DAY), end - 1])
    windows: list[LedgerEntry] = []
    for month in months:
        key = ledger_key(dataset, month)
        stored = records.read(key)
        ledger = Ledger.from_json(stored.body, key=key) if stored else Ledger()
        windows += [
            window
            for name, window in ledger.windows.items()
            if name.startswith(f"{subject}/") and epoch(window.start) < end and start < epoch(window.end)
        ]
    return sorted(windows, key=lambda window: window.start)


@dataclass(frozen=True, slots=True)
class Rollup:
    """One partition of a rollup, with the tables, feed and calendar that its rows are computed from."""

    table: Table
    fact: Table
    feed: Feed
    calendar: TradingCalendar
    path: str

    @property
    def unit(self) -> str:
        """The unit of time of a group, as numpy writes it. Raises ``PipelineBug`` where the rollup names none."""
        times = column_of(self.fact, self.feed.time_column)
        for column in self.table.columns:
            if isinstance(column.rule, GroupValue) and column.rule.column == times and column.rule.unit:
                return _UNITS[column.rule.unit]
        raise PipelineBug("derive", self.table.name, "is not by a unit of time", f"Write by: hour({times})")


@dataclass(frozen=True, slots=True)
class _Groups:
    """The groups of a partition. Cells are ``[entity, slot]``.

    ``first`` is where each group's slots begin, ``starts`` are the groups' instants.
    """

    entities: list[str]
    slots: Ints
    starts: npt.NDArray[np.datetime64]
    first: Ints

    def sums(self, cells: Cells) -> Ints:
        """How many of the cells are true, as ``[entity, group]``."""
        return np.add.reduceat(cells.astype(np.int64), self.first, axis=1)


def rollup_rows(rollup: Rollup, facts: pa.Table, entries: Sequence[LedgerEntry]) -> pa.Table:
    """The partition's rows, unstored columns left out, one per group that has facts or is certified. Pure."""
    schema = stored_schema(rollup.table)
    groups = _groups(rollup, facts, entries)
    if groups is None:
        return schema.empty_table()
    owed = _owed(rollup, groups)
    facts, rows, slots = _on_grid(rollup, groups, facts, owed)
    present = np.zeros_like(owed)
    present[rows, slots] = True
    certified = np.zeros(len(groups.slots), bool)
    absent = np.zeros_like(owed)
    for entry in entries:
        certified[_between(groups.slots, epoch(entry.start), epoch(entry.end))] = True
        for name, ranges in entry.absent_points.items():
            if name in groups.entities:
                for start, end in ranges:
                    absent[groups.entities.index(name), _between(groups.slots, epoch(start), epoch(end))] = True
    absent &= owed & ~present
    counts: dict[str, Ints] = {
        "expected": groups.sums(owed),
        "count": groups.sums(present),
        "absent": groups.sums(absent),
        "repaired": groups.sums(_repaired(facts, rows, slots, owed)),
    }
    whole = groups.sums(owed & certified) == counts["expected"]
    complete = whole & (counts["count"] + counts["absent"] == counts["expected"])
    shown = (counts["expected"] > 0) & ((counts["count"] > 0) | whole)
    return _table(rollup, schema, groups, facts, (rows, slots), counts, complete, shown)


def _groups(rollup: Rollup, facts: pa.Table, entries: Sequence[LedgerEntry]) -> _Groups | None:
    """The groups of the partition up to the last that has facts or is certified; None where there are none."""
    start, end = period_of(rollup.table, rollup.feed, rollup.path, fact=rollup.fact)
    start, end = max(start, rollup.calendar.covers_from), min(end, rollup.calendar.covers_to)
    seconds = _seconds(rollup, facts)
    last = max(
        [epoch(entry.end) for entry in entries] + ([int(seconds.max()) + 1] if len(seconds) else []), default=start
    )
    unit = rollup.unit
    # to the end of the last group: the calendar says what it owes, whether it is over or not
    beyond = np.datetime64(max(last - 1, 0), "s").astype(f"datetime64[{unit}]") + 1
    stop = min(end, int(beyond.astype("datetime64[s]").astype(np.int64)))
    slots = expected_slots(rollup.calendar, every=rollup.feed.every, start=start, end=stop)
    entities = entities_in(rollup.table, rollup.feed, rollup.path, fact=rollup.fact)
    if not len(slots) or not entities:
        return None
    of = slots.astype("datetime64[s]").astype(f"datetime64[{unit}]")
    starts, first = np.unique(of, return_index=True)
    return _Groups(entities, slots, starts, first.astype(np.int64))


def _seconds(rollup: Rollup, facts: pa.Table) -> Ints:
    times = as_array(facts.column(column_of(rollup.fact, rollup.feed.time_column)))
    return np.asarray(times.cast(pa.timestamp("us")).cast(pa.int64())) // 1_000_000


def _owed(rollup: Rollup, groups: _Groups) -> Cells:
    known = {entity.name: validities(entity) for entity in rollup.feed.entities}
    owed = np.zeros((len(groups.entities), len(groups.slots)), bool)
    for row, name in enumerate(groups.entities):
        for since, until in known[name]:
            owed[row, _between(groups.slots, since, until)] = True
    return owed


def _between(slots: Ints, start: int, end: int) -> slice:
    first, last = np.searchsorted(slots, [start, end])
    return slice(int(first), int(last))


def _on_grid(rollup: Rollup, groups: _Groups, facts: pa.Table, owed: Cells) -> tuple[pa.Table, Ints, Ints]:
    """The facts that are owed, with their entity and slot; others belong to no expected point and are not counted."""
    name = column_of(rollup.fact, rollup.feed.entity_column)
    if name in facts.column_names:
        codes = pc.index_in(as_array(facts.column(name)), value_set=pa.array(groups.entities, pa.string()))
        rows = np.asarray(codes.fill_null(-1)).astype(np.int64)
    else:
        rows = np.zeros(facts.num_rows, np.int64)
    seconds = _seconds(rollup, facts)
    slots = np.searchsorted(groups.slots, seconds).astype(np.int64)
    inside = (slots < len(groups.slots)) & (rows >= 0)
    inside[inside] = groups.slots[slots[inside]] == seconds[inside]
    inside[inside] = owed[rows[inside], slots[inside]]
    if inside.all():
        return facts, rows, slots
    return facts.filter(pa.array(inside)), rows[inside], slots[inside]


def _repaired(facts: pa.Table, rows: Ints, slots: Ints, owed: Cells) -> Cells:
    cells = np.zeros_like(owed)
    if PROVENANCE in facts.column_names:
        repaired = np.asarray(pc.fill_null(pc.equal(as_array(facts.column(PROVENANCE)), FROM_HISTORY), False))
        cells[rows[repaired], slots[repaired]] = True
    return cells


def _table(
    rollup: Rollup,
    schema: pa.Schema,
    groups: _Groups,
    facts: pa.Table,
    places: tuple[Ints, Ints],
    counts: Mapping[str, Ints],
    complete: Cells,
    shown: Cells,
) -> pa.Table:
    entity, group = np.nonzero(shown)
    order = _Order(groups, facts, *places)
    columns = []
    for column in rollup.table.columns:
        if column.name not in schema.names:
            continue
        rule = column.rule
        if isinstance(rule, GroupValue):
            values = _group_values(rollup, column, groups, entity, group)
        elif not isinstance(rule, Aggregated):
            raise PipelineBug("derive", f"{rollup.table.name}.{column.name}", f"no group gives {rule!r}")
        elif rule.function == "complete":
            values = pa.array(complete[entity, group])
        elif rule.function in counts:
            values = pa.array(counts[rule.function][entity, group])
        else:
            values = order.aggregate(rule.function, rule.column, entity, group)
            if rule.function == "sum":
                _refuse_misfit(rollup, column, values, groups, entity, group)
        columns.append(values.cast(arrow_type(column.type)))
    return pa.Table.from_arrays(columns, schema=schema)


def _group_values(rollup: Rollup, column: Column, groups: _Groups, entity: Ints, group: Ints) -> pa.Array:
    rule = of_kind(column.rule, GroupValue, "derive", f"{rollup.table.name}.{column.name}")
    if rule.column == column_of(rollup.fact, rollup.feed.entity_column):
        return pa.array(groups.entities, pa.string()).take(pa.array(entity))
    return pa.array(groups.starts[group].astype("datetime64[us]"), pa.timestamp("us"))


def _refuse_misfit(rollup: Rollup, column: Column, sums: pa.Array, groups: _Groups, entity: Ints, group: Ints) -> None:
    """Raises ``InvalidData`` that names the group whose sum the column cannot hold."""
    place = misfit(sums, column.type)
    if place is None:
        return
    name, start = groups.entities[entity[place]], groups.starts[group[place]].astype("datetime64[s]")
    raise InvalidData(
        "derive",
        partition_of(rollup.table.folder, rollup.path),
        f"{column.name} of the group {name}, {start}Z is {sums[place].as_py()}, which no {column.type} holds",
        f"Give {rollup.table.name}.{column.name} a type of more digits, or check the values of {rollup.fact.name}",
    )


class _Order:
    """The facts in the order of entity, group and time, so that each group is one run of rows."""

    def __init__(self, groups: _Groups, facts: pa.Table, rows: Ints, slots: Ints) -> None:
        self._facts = facts
        self._at = np.lexsort((slots, rows))
        of = np.searchsorted(groups.first, slots, side="right") - 1
        self._code = (rows * len(groups.first) + of)[self._at]
        self._size = len(groups.first)

    def aggregate(self, function: str, column: str, entity: Ints, group: Ints) -> pa.Array:
        """``first``, ``last``, ``min``, ``max`` or ``sum`` of a fact's column per group; null for a group without.

        Sums are exact, in decimals that are wider than the column's (``processing.derived.sums``).
        """
        values = as_array(self._facts.column(column)).take(pa.array(self._at))
        wanted = entity * self._size + group
        first, last = np.searchsorted(self._code, wanted), np.searchsorted(self._code, wanted, side="right")
        there = pa.array(last > first)
        if function in ("first", "last"):
            at = np.where(last > first, first if function == "first" else last - 1, 0)
            taken = values.take(pa.array(at)) if len(values) else pa.nulls(len(at), values.type)
            return pc.if_else(there, taken, pa.scalar(None, values.type))
        if function == "sum":
            codes, sums = sum_by_code(self._code, values)
            return sums.take(pc.index_in(pa.array(wanted), value_set=codes))
        grouped = pa.table({"code": self._code, "value": values}).group_by("code").aggregate([("value", function)])
        place = pc.index_in(pa.array(wanted), value_set=as_array(grouped.column("code")))
        return as_array(grouped.column(f"value_{function}")).take(place)
