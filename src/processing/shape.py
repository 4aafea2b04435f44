"""Shaping: source rows become rows of a warehouse table, column by column, each by the rule of the contract.

Pure: facts about the object are arguments. ``is_latest`` is left out, for only the merge can decide it, and so are
joined columns, which belong to dimensions and are computed from the current state of their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import (
    Column,
    Contract,
    Contracts,
    Database,
    Feed,
    LookedUp,
    Lookup,
    Surrogate,
    Table,
    Take,
    TakeByKind,
)
from core.errors import PipelineBug
from core.evolution.promised import Settling
from core.feeds.lines import PROVENANCE
from core.warehouse.arrow_types import CONTENT_FIELDS, arrow_type
from core.warehouse.keys import surrogate_ids
from core.warehouse.order import as_array, one_zero
from processing.lines.instants import in_utc, in_years, time_of_day
from processing.lines.parsed import rows_where, shortened

LATE = "late"


@dataclass(frozen=True, slots=True)
class Shaped:
    """Rows of a table, one per source row and in their order, and why some of them cannot be (row -> reason).

    A row in ``bad`` holds null where its value could not be made.
    """

    rows: pa.Table
    bad: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of source rows. ``modified`` is when their ingest object was made (aware); None: there is none.

    ``settlings`` are what a feed promised of its points' times before; empty: what its contract says held always.
    """

    contract: Contract
    contracts: Contracts
    modified: datetime | None = None
    settlings: tuple[Settling, ...] = ()

    @property
    def timezone(self) -> str:
        """The time zone of timestamps that carry none."""
        source = self.contract.source
        return source.timezone if isinstance(source, Database) else "UTC"


def shape(table: Table, rows: pa.Table, origin: Origin) -> Shaped:
    """The rows of a fact, or the own columns of a dimension, from rows in the ``line_schema`` of its source table."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    bad: dict[int, str] = {}
    derived: list[tuple[str, Surrogate]] = []
    for column in table.columns:
        if isinstance(column.rule, Surrogate):
            derived.append((column.name, column.rule))
        elif isinstance(column.rule, Take | TakeByKind | LookedUp):
            values = _values(column, rows, origin)
            cast = _cast(column, values, origin, bad)
            columns[column.name] = one_zero(cast) if column.name in table.key else cast
    for name, rule in derived:
        columns[name] = surrogate_ids([columns[used] for used in rule.columns])
    ordered = [column for column in table.columns if column.name in columns]
    schema = pa.schema([pa.field(column.name, arrow_type(column.type)) for column in ordered])
    shaped = pa.table([columns[column.name] for column in ordered], schema=schema)
    for kept in CONTENT_FIELDS if table.keeps_content else ():
        shaped = shaped.append_column(kept, rows.column(kept.name))
    return Shaped(shaped, bad)


def _values(column: Column, rows: pa.Table, origin: Origin) -> pa.Array | pa.ChunkedArray:
    rule = column.rule
    if isinstance(rule, Take):
        values = rows.column(rule.field)
        if rule.form == "time":
            return time_of_day(values)
        if rule.field == PROVENANCE and LATE in column.one_of:
            return _late(values, rows, origin)
        return values
    if isinstance(rule, TakeByKind):
        historic = pc.fill_null(pc.equal(rows.column("kind"), "history"), False)
        return pc.if_else(historic, rows.column(rule.history), rows.column(rule.live))
    if isinstance(rule, LookedUp):
        return look_up(origin.contracts.lookup(rule.lookup), rule.column, rows.column(rule.by))
    raise PipelineBug("shape", column.name, f"no source row gives {rule.rule!r}")


def look_up(lookup: Lookup, column: str, values: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """The lookup's ``column`` where its first column equals the value; null where it is not listed."""
    first = next(iter(lookup.columns.values()))
    places = pc.index_in(values.cast(pa.string()), value_set=pa.array(first, pa.string()))
    return pa.array(lookup.columns[column], pa.string()).take(as_array(places))


def _late(provenance: pa.ChunkedArray, rows: pa.Table, origin: Origin) -> pa.ChunkedArray:
    """``observed`` becomes ``late`` where the object was made after the point's slot and the time to settle.

    The slot is the one in which the point was asked for, by our own clock: for an observed point the point's own time,
    but for a provider whose clock stands elsewhere (one that replays another day). How long it may take to settle is
    said by the contract of that time: what was in time stays so when another one is deployed.
    """
    feed = origin.contract.source
    if not isinstance(feed, Feed) or origin.modified is None:
        return provenance
    asked = rows.column("fetched_at")
    first, *later = origin.settlings or (Settling(0, feed.every, feed.settle),)
    too_late = _settled_before(asked, first, origin.modified)
    for term in later:
        since = pc.greater_equal(asked, pa.scalar(term.since * 1_000_000, pa.timestamp("us")))
        too_late = pc.if_else(since, _settled_before(asked, term, origin.modified), too_late)
    is_late = pc.fill_null(pc.and_(pc.equal(provenance, "observed"), too_late), False)
    if not pc.any(is_late).as_py():
        return provenance
    return pc.if_else(is_late, LATE, provenance)


def _settled_before(asked: pa.ChunkedArray, term: Settling, modified: datetime) -> pa.ChunkedArray:
    """Whether the slots of instants had settled, by these terms, before an object was made."""
    settled = (modified - timedelta(seconds=term.settle)).astimezone(UTC).replace(tzinfo=None)
    return pc.less(pc.floor_temporal(asked, multiple=term.every, unit="second"), pa.scalar(settled, pa.timestamp("us")))


def _cast(
    column: Column, values: pa.Array | pa.ChunkedArray, origin: Origin, bad: dict[int, str]
) -> pa.Array | pa.ChunkedArray:
    """The values in the column's type; those that cannot be are null and named in ``bad``."""
    wanted = arrow_type(column.type)
    if values.type == wanted:
        return values
    in_zone = pa.types.is_timestamp(wanted) and pa.types.is_string(values.type)

    def convert(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        converted = in_utc(texts, origin.timezone) if in_zone else texts.cast(wanted)
        return in_years(converted) if pa.types.is_temporal(wanted) else converted

    try:
        return convert(values)
    except pa.ArrowInvalid:
        misfits = _misfits(values, convert)
    for row in rows_where(misfits):
        bad.setdefault(row, f"{column.name}: {shortened(repr(values[row].as_py()))} is no {column.type}")
    return convert(pc.if_else(misfits, pa.scalar(None, values.type), values))


def _misfits(values: pa.Array | pa.ChunkedArray, convert: Callable[[pa.Array | pa.ChunkedArray], object]) -> pa.Array:
    """Which values cannot be converted; each distinct one is tried once."""
    distinct = as_array(values).dictionary_encode()
    fits = np.zeros(len(distinct.dictionary), dtype=bool)
    for place in range(len(fits)):
        try:
            convert(distinct.dictionary.slice(place, 1))
            fits[place] = True
        except pa.ArrowInvalid:
            continue
    good = pa.array(fits).take(distinct.indices)
    return pc.invert(pc.fill_null(good, True))
