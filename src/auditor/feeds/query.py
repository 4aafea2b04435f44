"""The missing points as a query: Athena unnests what is owed and takes away what is there.

For ranges too large to read the partitions of, and for whoever wants to see it for themselves. The calendar's segments
are written into the query, so that Athena and ``points`` know the same half days. Athena answers with gaps, not with
points: a symbol that was lost for a day is one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.services import QueryRunner
from auditor.windows import Window, partitions_of
from core.audit.findings import MissingPoints
from core.contract.model import Entity, Feed, Table, TradingCalendar
from core.feeds.calendar import FOREVER, spans_of_cadence, validities
from core.feeds.grid import expected_slots
from core.feeds.partitions import column_of
from core.time import iso

PAGE = 50_000  # gaps of one answer
LONGEST = 10_000  # elements of one sequence(), Trino's limit
# Athena takes queries of at most 262,144 bytes: what is longer is asked in several.
NAMES_BYTES, STRETCHES = 120_000, 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """The gaps of entities in stretches ``[first, last)`` of neighbouring slots, ``every`` seconds apart.

    ``after`` is the gap (entity, begin) that the page before ended with.
    """

    table: Table
    feed: Feed
    entities: tuple[Entity, ...]
    stretches: tuple[tuple[int, int], ...]
    every: int
    after: tuple[str, int] | None = None


def questions(table: Table, feed: Feed, calendar: TradingCalendar, windows: Sequence[Window]) -> Iterator[Question]:
    """Questions that ask of every owed point once, as few as Athena's limits allow; none where nothing is owed."""
    for every, stretches in _stretches(feed, calendar, windows).items():
        for first in range(0, len(stretches), STRETCHES):
            for entities in _by_bytes(feed.entities):
                yield Question(table, feed, entities, tuple(stretches[first : first + STRETCHES]), every)


def sql_of(question: Question, *, limit: int = PAGE) -> str:
    """The SQL of one page of gaps (entity, begins, ends, points), in order; ``ends`` is the last missing slot."""
    table, feed = question.table, question.feed
    entity, time = column_of(table, feed.entity_column), column_of(table, feed.time_column)
    step = f"interval '{question.every}' second"
    stretches = ",\n    ".join(
        f"({_instant(first)}, {_instant(last - question.every)})" for first, last in question.stretches
    )
    page = ""
    if question.after:
        name, begins = f"'{_text(question.after[0])}'", _instant(question.after[1])
        page = f"\nwhere entity > {name} or (entity = {name} and begins > {begins})"
    return (
        f"with slots as (\n  select slot from (values\n    {stretches}\n  ) as stretch(opens, closes)\n"
        f"  cross join unnest(sequence(opens, closes, {step})) as t(slot)\n),\n"
        f"owed as (\n  {_owed(question)}\n),\n"
        f"missing as (\n  select entity, slot from owed\n  except\n"
        f'  select "{entity}", "{time}" from "{table.name}" where {_pruned(question)}\n),\n'
        f"islands as (\n  select entity, slot,\n    to_unixtime(slot)"
        f" - {question.every} * row_number() over (partition by entity order by slot) as island\n  from missing\n),\n"
        "gaps as (\n  select entity, min(slot) as begins, max(slot) as ends, count(*) as points\n"
        "  from islands group by entity, island\n)\n"
        f"select entity, begins, ends, points from gaps{page}\norder by entity, begins\nlimit {limit}"
    )


def _owed(question: Question) -> str:
    """A SELECT per validity: most entities have the same one, for ever."""
    by_bounds: dict[tuple[int, int], list[str]] = {}
    for entity in question.entities:
        for bounds in validities(entity):
            by_bounds.setdefault(bounds, []).append(f"('{_text(entity.name)}')")
    selects = []
    for (since, until), names in by_bounds.items():
        limits = [f"slot >= {_instant(since)}"] if since > -FOREVER else []
        limits += [f"slot < {_instant(until)}"] if until < FOREVER else []
        where = f" where {' and '.join(limits)}" if limits else ""
        # VALUES and no array: Trino's array constructor takes 254 elements.
        named = f"(values {', '.join(names)}) as e(entity)"
        selects.append(f"select entity, slot from {named} cross join slots{where}")
    return "\n  union all\n  ".join(selects)


def _stretches(feed: Feed, calendar: TradingCalendar, windows: Sequence[Window]) -> dict[int, list[tuple[int, int]]]:
    """Half-open ranges of neighbouring owed slots, by the seconds between them."""
    by_every: dict[int, list[list[int]]] = {}
    for window in sorted(windows):
        spans = spans_of_cadence(calendar, every=feed.every, start=window.start, end=window.end)
        for start, end, every in spans:
            stretches = by_every.setdefault(every, [])
            for slot in expected_slots(calendar, every=feed.every, start=start, end=end).tolist():
                if stretches and stretches[-1][1] == slot and slot - stretches[-1][0] < LONGEST * every:
                    stretches[-1][1] = slot + every
                else:
                    stretches.append([slot, slot + every])
    return {every: [(first, last) for first, last in stretches] for every, stretches in by_every.items()}


def _by_bytes(entities: Sequence[Entity]) -> Iterator[tuple[Entity, ...]]:
    """The entities in groups whose names fit into one query."""
    group: list[Entity] = []
    size = 0
    for entity in entities:
        if group and size > NAMES_BYTES:
            yield tuple(group)
            group, size = [], 0
        group.append(entity)
        size += len(_text(entity.name).encode()) + 6
    if group:
        yield tuple(group)


def _pruned(question: Question) -> str:
    """The partitions and the time that have to be scanned."""
    table, feed = question.table, question.feed
    time = column_of(table, feed.time_column)
    first, last = question.stretches[0][0], question.stretches[-1][1]
    parts = [f'"{time}" >= {_instant(first)}', f'"{time}" < {_instant(last)}']
    days = [Window(first, last) for first, last in question.stretches]
    for part in table.partition_by:
        if part.transform not in ("value", "bucket"):
            paths = partitions_of(replace(table, partition_by=(part,)), feed, days)
            parts.append(f'"{part.name}" in ({", ".join(repr(path.partition("=")[2]) for path in paths)})')
    return " and ".join(parts)


def _instant(seconds: int) -> str:
    return f"timestamp '{iso(seconds)[:19].replace('T', ' ')}'"


def _text(value: str) -> str:
    return value.replace("'", "''")


def ask_missing(
    athena: QueryRunner, dataset: str, table: Table, feed: Feed, calendar: TradingCalendar, windows: Sequence[Window]
) -> list[MissingPoints]:
    """Ask Athena what is missing, page by page, one finding per entity, as ``points.missing_points`` gives them.

    Raises ``InvalidData`` where Athena refuses or fails, ``TransientFailure`` where it takes too long or is silent.
    """
    gaps: dict[str, list[tuple[int, int]]] = {}
    counts: dict[str, int] = {}
    for question in questions(table, feed, calendar, windows):
        page: Question | None = question
        while page is not None:
            rows = _rows(athena.query(sql_of(page, limit=PAGE)))
            for name, begins, ends, points in rows:
                gaps.setdefault(name, []).append((begins, ends + question.every))
                counts[name] = counts.get(name, 0) + points
            page = replace(question, after=(rows[-1][0], rows[-1][1])) if len(rows) == PAGE else None
    return [
        MissingPoints(dataset, entity.name, tuple(_joined(gaps[entity.name])), counts[entity.name])
        for entity in feed.entities
        if entity.name in gaps
    ]


def _rows(frame: Any) -> list[tuple[str, int, int, int]]:
    if not len(frame):
        return []
    begins, ends = ((frame[name].astype("datetime64[s]").astype("int64")).tolist() for name in ("begins", "ends"))
    names, points = frame["entity"].astype(str).tolist(), frame["points"].astype("int64").tolist()
    return list(zip(names, begins, ends, points, strict=True))


def _joined(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ranges in order, and one range again where two questions or stretches cut it."""
    held: tuple[int, int] | None = None
    for start, end in sorted(ranges):
        if held and held[1] == start:
            held = (held[0], end)
        else:
            if held:
                yield held
            held = (start, end)
    if held:
        yield held
