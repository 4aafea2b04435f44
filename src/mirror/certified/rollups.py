"""Rollups that do not know of certificates yet: they were computed before an audit issued these.

A rollup is made again after the audit that certified its facts, and a run of the mirror may come between. Then its
facts are proven, and yet its groups say that they are not complete, or lack where the source has no point at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

import numpy as np
import pyarrow as pa

from core.audit.certificate import LedgerEntry
from core.contract.model import Aggregated, Contract, Feed, GroupValue, Table, TradingCalendar
from core.errors import PipelineBug
from core.feeds.grid import expected_slots
from core.feeds.partitions import column_of, entities_in, period_of
from core.time import epoch, iso

_UNITS = {"year": "Y", "month": "M", "day": "D", "hour": "h"}
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CertifiedRollup:
    """A rollup of a feed's fact, with the names of its columns of entity (empty: none), time and completeness."""

    table: Table
    fact: Table
    feed: Feed
    calendar: TradingCalendar
    entity: str
    time: str
    unit: str
    complete: str

    @classmethod
    def of(cls, contract: Contract, feed: Feed, table: Table, calendar: TradingCalendar) -> CertifiedRollup:
        """Raises ``PipelineBug`` where it is not by a time of the fact's points."""
        fact = next(each for each in contract.tables if each.name == table.source)
        groups = {column.rule.column: column for column in table.columns if isinstance(column.rule, GroupValue)}
        entity, time = groups.get(column_of(fact, feed.entity_column)), groups.get(column_of(fact, feed.time_column))
        if time is None or not isinstance(time.rule, GroupValue) or time.rule.unit not in _UNITS:
            raise PipelineBug("prove snapshot", table.name, "is not by a unit of time", "Look at its contract")
        complete = (
            column.name
            for column in table.columns
            if isinstance(column.rule, Aggregated) and column.rule.function == "complete"
        )
        return cls(
            table=table,
            fact=fact,
            feed=feed,
            calendar=calendar,
            entity=entity.name if entity else "",
            time=time.name,
            unit=_UNITS[time.rule.unit],
            complete=next(complete, ""),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are looked at."""
        return tuple(name for name in (self.entity, self.time, self.complete) if name)

    def held_until(self, path: str, rows: pa.Table, entries: Iterable[LedgerEntry], *, limit: int) -> tuple[int, str]:
        """Before which instant the rows of a partition say what the certificates do, ``limit`` at most, and why not.

        Of the rows the columns ``names``.
        """
        entries = list(entries)
        spans = sorted((epoch(entry.start), epoch(entry.end)) for entry in entries)
        for group, problem in sorted({*self._incomplete(rows), *self._lacking(path, rows, entries)}):
            if group >= limit:
                break
            if self._is_certified(group, spans):
                return group, f"its group of {iso(group)} {problem}, and certificates say otherwise"
        return limit, ""

    def _incomplete(self, rows: pa.Table) -> Iterator[tuple[int, str]]:
        if self.complete:
            of_groups = zip(_seconds(rows, self.time), rows.column(self.complete).to_pylist(), strict=True)
            yield from ((group, "is not complete") for group, is_complete in of_groups if is_complete is False)

    def _lacking(self, path: str, rows: pa.Table, entries: Iterable[LedgerEntry]) -> Iterator[tuple[int, str]]:
        """The groups of points that are proven to be absent, which have a row all the same."""
        inside = set(entities_in(self.table, self.feed, path, fact=self.fact))
        start, end = period_of(self.table, self.feed, path, fact=self.fact)
        entities = rows.column(self.entity).to_pylist() if self.entity else [""] * rows.num_rows
        there = set(zip(entities, _seconds(rows, self.time), strict=True))
        for entry in entries:
            for entity in inside & entry.absent_points.keys():
                for first, last in entry.absent_points[entity]:
                    for group in self._groups(max(epoch(first), start), min(epoch(last), end)):
                        if (entity if self.entity else "", group) not in there:
                            yield group, "is not there"

    def _groups(self, start: int, end: int) -> Iterator[int]:
        """The groups that hold a slot of the feed in ``[start, end)``."""
        slots = self._slots(start, end)
        of = slots.astype("datetime64[s]").astype(f"datetime64[{self.unit}]").astype("datetime64[s]")
        yield from np.unique(of.astype(np.int64)).tolist()

    def _slots(self, start: int, end: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        start, end = max(start, self.calendar.covers_from), min(end, self.calendar.covers_to)
        return expected_slots(self.calendar, every=self.feed.every, start=start, end=end)

    def _is_certified(self, group: int, spans: Spans) -> bool:
        """Whether every slot of a group lies in a window that has a certificate."""
        following = np.datetime64(group, "s").astype(f"datetime64[{self.unit}]") + 1
        slots = self._slots(group, int(following.astype("datetime64[s]").astype(np.int64)))
        starts, ends = (np.array([span[side] for span in spans], np.int64) for side in (0, 1))
        place = np.searchsorted(starts, slots, side="right") - 1
        return bool(len(slots) and len(spans) and ((place >= 0) & (slots < ends[place])).all())


def _seconds(rows: pa.Table, column: str) -> list[int]:
    return [int(at.replace(tzinfo=UTC).timestamp()) for at in rows.column(column).to_pylist()]
