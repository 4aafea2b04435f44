"""The second road to the same answer: Athena unnests what is owed and takes away what is there.

For windows too large to read the partitions of, and for whoever wants to see it for themselves. The calendar's segments
are written into the query, so that both roads know the same half days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from auditor.windows import Window, partitions_of
from core.calendar import iso, validity
from core.contract.model import Entity, Feed, Table, TradingCalendar
from core.feed_partitions import column_of
from core.findings import MissingPoints
from core.grid import expected_slots

PAGE = 50_000  # rows of one answer
LONGEST = 10_000  # elements of one sequence(), Trino's limit


class Query(Protocol):
    """``aws.athena.Athena``: the whole answer as a data frame; raises ``InvalidData`` with Athena's words."""

    def query(self, sql: str) -> Any: ...


def missing_points_sql(
    table: Table,
    feed: Feed,
    calendar: TradingCalendar,
    windows: Sequence[Window],
    *,
    after: tuple[str, str] | None = None,
    limit: int = PAGE,
) -> str:
    """One page of (entity, slot) that are owed in the windows and not there, in order; ``after`` is the last one seen.

    Empty where nothing is owed.
    """
    entity, time = column_of(table, feed.entity_column), column_of(table, feed.time_column)
    owed = list(_owed(feed, calendar, windows))
    if not owed:
        return ""
    pairs = "\n  union all\n  ".join(owed)
    where = _pruned(table, feed, windows)
    page = (
        f"\nwhere (entity > '{_text(after[0])}' or (entity = '{_text(after[0])}' and slot > timestamp '{after[1]}'))"
        if after
        else ""
    )
    return (
        f"with owed as (\n  {pairs}\n),\n"
        f"missing as (\n  select entity, slot from owed\n  except\n"
        f"  select {entity}, {time} from {table.name} where {where}\n)\n"
        f"select entity, slot from missing{page}\norder by entity, slot\nlimit {limit}"
    )


def _owed(feed: Feed, calendar: TradingCalendar, windows: Sequence[Window]) -> Iterator[str]:
    """A SELECT per stretch of neighbouring slots and group of entities that are valid all through it."""
    for first, last in _stretches(feed, calendar, windows):
        by_bounds: dict[tuple[int, int], list[Entity]] = {}
        for one in feed.entities:
            since, until = validity(one)
            start = max(first, -(-since // feed.every) * feed.every)
            end = min(last, until)
            if start < end:
                by_bounds.setdefault((start, end), []).append(one)
        for (start, end), entities in by_bounds.items():
            names = ", ".join(f"'{_text(one.name)}'" for one in entities)
            stop = start + (end - 1 - start) // feed.every * feed.every
            yield (
                "select e.entity, s.slot "
                f"from unnest(array[{names}]) as e(entity) "
                f"cross join unnest(sequence({_instant(start)}, {_instant(stop)}, interval '{feed.every}' second)) "
                "as s(slot)"
            )


def _stretches(feed: Feed, calendar: TradingCalendar, windows: Sequence[Window]) -> list[tuple[int, int]]:
    """Half-open ranges of neighbouring owed slots."""
    found: list[list[int]] = []
    for window in sorted(windows):
        slots = expected_slots(calendar, every=feed.every, start=window.start, end=window.end).tolist()
        for slot in slots:
            if found and found[-1][1] == slot and slot - found[-1][0] < LONGEST * feed.every:
                found[-1][1] = slot + feed.every
            else:
                found.append([slot, slot + feed.every])
    return [(first, last) for first, last in found]


def _pruned(table: Table, feed: Feed, windows: Sequence[Window]) -> str:
    """The partitions and the time that have to be scanned."""
    time = column_of(table, feed.time_column)
    start, end = min(one.start for one in windows), max(one.end for one in windows)
    parts = [f"{time} >= {_instant(start)}", f"{time} < {_instant(end)}"]
    paths = [path.split("/") for path in partitions_of(table, feed, windows)]
    for place, part in enumerate(table.partition_by):
        if part.transform not in ("value", "bucket"):
            values = dict.fromkeys(path[place].partition("=")[2] for path in paths)
            parts.append(f"{part.name} in ({', '.join(repr(value) for value in values)})")
    return " and ".join(parts)


def _instant(seconds: int) -> str:
    return f"timestamp '{iso(seconds)[:19].replace('T', ' ')}'"


def _text(value: str) -> str:
    return value.replace("'", "''")


def ask_missing(
    athena: Query, dataset: str, table: Table, feed: Feed, calendar: TradingCalendar, windows: Sequence[Window]
) -> list[MissingPoints]:
    """What Athena finds missing, page by page, one finding per entity, as ``points.missing_points`` gives them.

    Raises ``InvalidData`` where Athena refuses or fails, ``TransientFailure`` where it cannot be reached.
    """
    rows: list[tuple[str, int]] = []
    after: tuple[str, str] | None = None
    while sql := missing_points_sql(table, feed, calendar, windows, after=after):
        frame = athena.query(sql)
        names = [str(one) for one in frame["entity"]]
        slots = [int(one.timestamp()) for one in frame["slot"].dt.tz_localize("UTC")] if len(frame) else []
        rows += list(zip(names, slots, strict=True))
        if len(names) < PAGE:
            break
        after = (names[-1], iso(slots[-1])[:19].replace("T", " "))
    return _findings(dataset, feed, rows)


def _findings(dataset: str, feed: Feed, rows: Sequence[tuple[str, int]]) -> list[MissingPoints]:
    found = []
    for one in feed.entities:
        slots = sorted(slot for name, slot in rows if name == one.name)
        ranges: list[tuple[int, int]] = []
        for slot in slots:
            if ranges and ranges[-1][1] == slot:
                ranges[-1] = (ranges[-1][0], slot + feed.every)
            else:
                ranges.append((slot, slot + feed.every))
        if slots:
            found.append(MissingPoints(dataset, one.name, tuple(ranges), len(slots)))
    return found
