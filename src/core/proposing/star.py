"""Star tables of a proposal: a fact or a dimension of each source table, told by its role."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.proposing.clocks import is_business_time
from core.proposing.columns import Read, StarColumns, marks, read_columns, star_settings
from core.proposing.naming import one_of_many, plain_name, without_id
from core.proposing.roles import Understood, joined
from core.proposing.writing import Value
from core.sources.fitting import proposed

MOST_ROWS = 100_000  # of a partition: a commit costs the partition
LEVELS = ("year", "month", "day", "hour")
_DAYS = {"year": 365, "month": 30, "day": 1}
_LAST_WORD = re.compile(r"_(at|on|date|time|ts|day|timestamp|datetime)$")
_SHORTEST_SPAN = 1  # day, where all rows are of one


@dataclass(frozen=True, slots=True)
class StarTable:
    """A table of the warehouse: its settings in order, each with its remark, and its columns."""

    name: str
    settings: Sequence[tuple[str, Value, str]]
    columns: Sequence[tuple[str, Value, str]]


@dataclass(frozen=True, slots=True)
class Names:
    """What the source tables are called in the contract, by relation: as a source, and as a dimension's key."""

    sources: Mapping[str, str]
    keys: Mapping[str, str]
    by_relation: Mapping[str, Understood]

    def star(self, known: Understood) -> str:
        """The star table's name."""
        prefix = "fact" if known.role == "fact" else "dim"
        return f"{prefix}_{self.sources[known.relation]}"[:63]


def references_of(known: Understood, names: Names) -> dict[str, str]:
    """The dimension's column that each reference of a table names, by column, where there is such a dimension."""
    targets = {}
    for reference in known.parents:
        parent = names.by_relation[reference.table]
        own, theirs = known.table.column(reference.columns[0]), parent.table.column(parent.table.key[0])
        if parent.role == "dimension" and own and theirs and proposed(own.type) == proposed(theirs.type):
            targets[reference.columns[0]] = f"{names.star(parent)}.{names.keys[reference.table]}"
    return targets


# ---------------------------------------------------------------- facts


def fact(known: Understood, names: Names, *, today: dt.date) -> StarTable:
    """A fact: one row per version where the source tells when rows change, else one row per row."""
    columns = read_columns(known)
    deleted, checked = marks(columns)
    star = StarColumns()
    star.reserve("is_latest", *LEVELS, deleted, checked)
    written = _fact_columns(known, columns, names, star, checked, deleted)
    key = [written[name] for name in known.table.key]
    changed = written.get(known.clocks.changed_at)
    what = one_of_many(names.sources[known.relation])
    settings: list[tuple[str, Value, str]] = [("kind", "fact", known.why), ("from", names.sources[known.relation], "")]
    settings.append(("grain", f"one row per {'version of a ' if changed else ''}{what}", ""))
    if changed:
        settings += [("key", [*key, changed], ""), ("version", [changed, checked], "")]
        settings.append(("history_of", key, "gives is_latest, true for the newest version"))
    else:
        why = "rows do not change, as far as anything tells" if known.clocks else "when it was last compared"
        settings += [("key", key, ""), ("version", [checked], why)]
    partition, why = partition_of(known, written)
    settings.append(("partition_by", [partition], why))
    settings.append(("since", _since(known, today), "rows from before are not kept: an earlier day brings them in"))
    return StarTable(names.star(known), settings, star.written)


def _fact_columns(
    known: Understood, columns: Sequence[Read], names: Names, star: StarColumns, checked: str, deleted: str
) -> dict[str, str]:
    """Add the columns of a fact; the name that each field got. The key first, then its clocks, then the rest."""
    written: dict[str, str] = {}
    references = references_of(known, names)
    place = placing_time(known)
    read = {each.column.name: each for each in columns if not each.why_not}
    changed, created = known.clocks.changed_at, known.clocks.created_at
    first = [*known.table.key, *(name for name in (created, changed) if name and name not in known.table.key)]
    taken = [*first, *(name for name in read if name not in first)]
    star.name(*taken)
    surrogate = star.name(*known.table.key, *([changed] if changed else []))
    record = f"{names.sources[known.relation]}_record_id"
    star.add(record, {"type": "bigint", "surrogate": surrogate, "comment": "derived, never counted"})
    for name in taken:
        settings = star_settings(read[name], known, references)
        remark = ""
        if name == place:
            settings |= {"immutable": True, "required": True}
            remark = "immutable: it places the row, and is taken never to change"
        written[name] = star.add(name, settings, remark, taken=name)
        if name in (created, changed):
            _add_parts(star, name, written[name])
    star.mark(deleted, "when the source was seen no longer to have the row, UTC")
    star.mark(checked, "when the auditor fetched this row again, UTC")
    return written


def _add_parts(star: StarColumns, name: str, column: str) -> None:
    """The day and the time of day of a clock, for joins with the calendar."""
    stem = _LAST_WORD.sub("", column)
    day = f"{stem}_date" if f"{stem}_date" != column else f"{stem}_day"
    star.add(day, {"type": "date", "from": name, "as": "date", "references": "dim_date.date_id"})
    star.add(f"{stem}_time", {"type": "string", "from": name, "as": "time"})


def placing_time(known: Understood) -> str:
    """The column that places a row in a partition: a time, never null, taken never to change; empty: there is none."""
    created = known.clocks.created_at
    columns = [read.column for read in read_columns(known) if not read.why_not]
    times = [column.name for column in columns if is_business_time(column, known.sample)]
    native = [name for name in times if (column := known.table.column(name)) and column.type.kind != "text"]
    for name in (created, *native):
        column = known.table.column(name)
        values = known.sample.of(name).values
        if column is not None and not (column.nullable and values < known.sample.rows):
            return name
    return ""


def partition_of(known: Understood, written: Mapping[str, str]) -> tuple[str, str]:
    """The partition of a fact, and why: so fine that no partition grows beyond what a commit should cost."""
    place = placing_time(known)
    rows = max(known.sample.total, known.table.rows, 0)
    if not place:
        buckets = max(1, -(-rows // MOST_ROWS))
        return f"bucket({written[known.table.key[0]]}, {buckets})", "no time of a row is sure never to change"
    per_day = rows / _span(known, place)
    unit = next((unit for unit, days in _DAYS.items() if per_day * days <= MOST_ROWS), "hour")
    per_month = f"about {round(per_day * _DAYS['month']):d} rows a month"
    return f"{unit}({written[place]})", per_month


def _span(known: Understood, name: str) -> int:
    """Days between the earliest and the latest value that was looked at."""
    values = known.sample.of(name)
    if values.earliest is None or values.latest is None:
        return _SHORTEST_SPAN
    return max((values.latest - values.earliest).days, _SHORTEST_SPAN)


def _since(known: Understood, today: dt.date) -> str:
    """The beginning of the year of the oldest row; of the year before, where not all rows were looked at."""
    earliest = known.sample.of(placing_time(known)).earliest
    year = min(earliest.year if earliest else today.year, today.year)
    return f"{max(year - (known.sample.rows < known.sample.total), 1):04d}-01-01"


# ---------------------------------------------------------------- dimensions


def dimension(known: Understood, names: Names) -> StarTable:
    """A dimension: the current rows, with what they refer to told in the row where that refers no further."""
    parents = joined(known, names.by_relation)
    on = {reference.columns[0]: relation for relation, reference in parents.items()}
    clocks = (known.clocks.created_at, known.clocks.changed_at)
    references = references_of(known, names)
    star = StarColumns()
    star.name(*known.table.key)  # by which others refer to it
    key = []
    for read in read_columns(known):
        name = read.column.name
        absorbed = on.get(name) and names.by_relation[on[name]].role == "absorbed"
        if (
            read.why_not
            or (name in clocks and name not in known.table.key)
            or (absorbed and name not in known.table.key)
        ):
            continue
        column = star.add(name, star_settings(read, known, references), taken=name)
        key += [column] if name in known.table.key else []
    for relation, reference in parents.items():
        _add_joined(star, reference.columns[0], names.by_relation[relation], names.sources[relation])
    settings: list[tuple[str, Value, str]] = [("kind", "dimension", known.why)]
    settings.append(("from", names.sources[known.relation], ""))
    settings.append(("description", _description(known, names), ""))
    if parents:
        join: dict[str, Value] = {
            names.sources[relation]: reference.columns[0] for relation, reference in parents.items()
        }
        settings.append(("join", join, ""))
    settings.append(("key", key, ""))
    return StarTable(names.star(known), settings, star.written)


def _add_joined(star: StarColumns, on: str, parent: Understood, source: str) -> None:
    """The parent's columns, named for what the reference is of unless they say it themselves."""
    role = without_id(plain_name(on))
    clocks = (parent.clocks.created_at, parent.clocks.changed_at)
    for read in read_columns(parent):
        name = read.column.name
        if read.why_not or name in clocks or name in parent.table.key:
            continue
        plain, overlap = plain_name(name), role.rpartition("_")[2]
        prefixed = (
            plain if plain == role or plain.startswith(f"{role}_") else f"{role}_{plain.removeprefix(f'{overlap}_')}"
        )
        settings = star_settings(read, parent, {}) | {"type": str(read.type), "from": f"{source}.{name}"}
        settings.pop("references", None)
        star.add(prefixed, settings)


def _description(known: Understood, names: Names) -> str:
    return known.table.comment[:500] or f"rows of {names.sources[known.relation]} as they are now"
