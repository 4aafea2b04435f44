"""Clocks of a table: the columns that tell when a row was made and when it last changed, guessed with the reason.

A trigger that sets a column at every update is the best witness, then its name, then its values: a clock is never in
the future, and a change never before the making.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.proposing.unread import nameless
from core.sources.catalog import CatalogColumn, CatalogTable
from core.sources.samples import TableSample

TIMES = ("wall", "instant", "date")
# Words of names, alone or run together with what they are of: created_at, datecreated, modifieddate.
_CREATED = r"creat\w*|insert\w*|add(ed)?|enter(ed)?|regist\w*|record(ed)?|made"
_CHANGED = r"updat\w*|modif\w*|chang\w*|edit(ed)?|touch(ed)?|mtime|revis\w*"
_OTHER = r"birth\w*|born|due\w*|expir\w*|valid\w*|delet\w*|until|end(s|ed)?|deliver\w*|agreed|planned|hire\w*"
_ATTRIBUTE = r"birth\w*|born|hire\w*|valid\w*|since|until"  # of a person or a thing: not when something happened


def _words_of(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(^|_)(date|time|dt|ts)?({pattern})(date|time|day|at|on)?(_|$)")


_CREATED_NAME, _CHANGED_NAME = _words_of(f"{_CREATED}|ctime"), _words_of(_CHANGED)
_OTHER_NAME, _ATTRIBUTE_NAME = _words_of(_OTHER), _words_of(_ATTRIBUTE)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TOO_MANY_IN_THE_FUTURE = 0.01  # of the values


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks of a table, empty where there is none, and why each was taken."""

    created_at: str = ""
    changed_at: str = ""
    why_created: str = ""
    why_changed: str = ""

    def __bool__(self) -> bool:
        return bool(self.created_at or self.changed_at)


def find_clocks(table: CatalogTable, sample: TableSample) -> Clocks:
    """The clocks of a table, as far as it has any."""
    times = [column for column in table.columns if column.type.kind in TIMES and column.readable]
    times = [column for column in times if not nameless(column.name)]
    changed, why_changed = _changed(times, sample)
    created, why_created = _created([column for column in times if column.name != changed], sample, table)
    if changed and created:
        both = min(sample.of(changed).values, sample.of(created).values)
        if both and sample.before.get((changed, created), 0) > both / 100:
            # Whatever it is called, what is older than the change is no making.
            created, why_created = "", ""
    if changed and created and _differ(table, changed, created):
        created, why_created = "", ""  # where the change is null, the making would have to take its place
    return Clocks(created, changed, why_created, why_changed)


def _differ(table: CatalogTable, changed: str, created: str) -> bool:
    """Whether a time of change that may be null is of another kind than that of the making."""
    first, second = table.column(changed), table.column(created)
    return bool(first and second and first.nullable and first.type.kind != second.type.kind)


def is_clock_name(name: str) -> bool:
    """Whether a name says that a column is about the row, and not about what the row tells."""
    words = _words(name)
    return bool(_CHANGED_NAME.search(words) or _CREATED_NAME.search(words)) or words.startswith("last_")


def is_business_time(column: CatalogColumn, sample: TableSample) -> bool:
    """Whether a column tells when something happened that the row is about: a date or a time that is no clock."""
    values = sample.of(column.name)
    is_time = column.type.kind in TIMES or (column.type.kind == "text" and holds_days(column, sample))
    attribute = _ATTRIBUTE_NAME.search(_words(column.name))
    return is_time and not attribute and not is_clock_name(column.name) and bool(values.values or not sample.rows)


def holds_days(column: CatalogColumn, sample: TableSample) -> bool:
    """Whether a text column holds days: every sampled value is one."""
    values = sample.of(column.name)
    return column.type.kind == "text" and 0 < values.values == values.days


def _changed(times: list[CatalogColumn], sample: TableSample) -> tuple[str, str]:
    for column in times:
        if column.kept and column.type.kind != "date":
            return column.name, "a trigger sets it at every update"
    for column in times:
        if column.type.kind != "date" and _CHANGED_NAME.search(_words(column.name)) and _is_past(column, sample):
            return column.name, "by its name; nothing in the catalog says that every update sets it"
    return "", ""


def _created(times: list[CatalogColumn], sample: TableSample, table: CatalogTable) -> tuple[str, str]:
    past = [column for column in times if _is_past(column, sample) and not _CHANGED_NAME.search(_words(column.name))]
    for column in past:
        if _CREATED_NAME.search(_words(column.name)):
            return column.name, "by its name"
    likely = [column for column in past if not column.nullable and not _OTHER_NAME.search(_words(column.name))]
    for column in likely:
        if column.name in table.key or any(index[0] == column.name for index in table.indexes if index):
            return column.name, "never null, never in the future, and indexed"
    if likely:
        return likely[0].name, "never null and never in the future"
    return "", ""


def _is_past(column: CatalogColumn, sample: TableSample) -> bool:
    values = sample.of(column.name)
    return values.future <= values.values * _TOO_MANY_IN_THE_FUTURE


def _words(name: str) -> str:
    return _WORDS.sub("_", name).lower()
