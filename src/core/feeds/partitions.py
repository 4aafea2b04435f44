"""The points that a partition of a feed's tables can hold, by its path alone.

A fact takes the feed's entity and time in columns of its own naming; its rollups are partitioned by the same columns.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from core.contract.model import Feed, Partition, Table, Take
from core.errors import PipelineBug
from core.feeds.calendar import FOREVER
from core.warehouse.keys import bucket_of

TIME_DIGITS = {"year": 4, "month": 7, "day": 10, "hour": 13}


def column_of(fact: Table, field: str) -> str:
    """The fact's column that takes a field of the line as it is. Raises ``PipelineBug`` where none does."""
    for column in fact.columns:
        if isinstance(column.rule, Take) and column.rule.field == field and column.rule.form == "value":
            return column.name
    raise PipelineBug("find column", fact.name, f"no column takes {field!r}", "Add one to the contract")


def entities_in(table: Table, feed: Feed, path: str, *, fact: Table | None = None) -> list[str]:
    """The entities whose points lie in the partition, in the contract's order. A rollup needs its ``fact``."""
    names = [entity.name for entity in feed.entities]
    of_entity = column_of(fact or table, feed.entity_column)
    for part, value in _values(table, path):
        if part.column == of_entity and part.transform == "value":
            names = [name for name in names if name == value]
        elif part.column == of_entity and part.transform == "bucket" and names:
            names = list(by_bucket(tuple(names), part.buckets).get(value, ()))
    return names


@functools.lru_cache(maxsize=32)  # a scan asks for it of every partition, and it takes as long as to decode one
def by_bucket(names: tuple[str, ...], buckets: int) -> Mapping[str, tuple[str, ...]]:
    """The entities of each bucket that has any, in their order; buckets as paths have them, the smallest first."""
    members: dict[int, list[str]] = {}
    for name, bucket in zip(names, bucket_of(pa.array(names, pa.string()), buckets).tolist(), strict=True):
        members.setdefault(bucket, []).append(name)
    return {str(bucket): tuple(members[bucket]) for bucket in sorted(members)}


def period_of(table: Table, feed: Feed, path: str, *, fact: Table | None = None) -> tuple[int, int]:
    """The time that a partition's points lie in, epoch seconds, half-open; all of time where no part bounds it."""
    start, end = 0, FOREVER
    times = column_of(fact or table, feed.time_column)
    for part, value in _values(table, path):
        if part.column == times and part.transform in TIME_DIGITS:
            first, last = unit_bounds(part.transform, value)
            start, end = max(start, first), min(end, last)
    return start, end


def covers(
    table: Table, feed: Feed, path: str, *, entity: str, start: int, end: int, fact: Table | None = None
) -> bool:
    """Whether points of the entity in ``[start, end)`` may lie in the partition."""
    first, last = period_of(table, feed, path, fact=fact)
    return start < last and first < end and entity in entities_in(table, feed, path, fact=fact)


def _values(table: Table, path: str) -> list[tuple[Partition, str]]:
    if not table.partition_by:
        return []
    folders = path.split("/")
    return [(part, folder.partition("=")[2]) for part, folder in zip(table.partition_by, folders, strict=True)]


def unit_bounds(unit: str, text: str) -> tuple[int, int]:
    """The time of a year, month, day or hour as paths have it (``2026-11``), epoch seconds, half-open."""
    parts = [int(number) for number in text.split("-")]
    year, month, day, hour = [*parts, *[1, 1, 1, 0][len(parts) :]]
    first = datetime(year, month, day, hour, tzinfo=UTC)
    if unit == "year":
        last = first.replace(year=year + 1)
    elif unit == "month":
        last = first.replace(year=year + month // 12, month=month % 12 + 1)
    else:
        last = first + (timedelta(days=1) if unit == "day" else timedelta(hours=1))
    return int(first.timestamp()), int(last.timestamp())
