"""Understanding of an API's answer: where its records are, which part of each is their time, and what is measured.

Every list, object of arrays and object of records is a candidate. The one counts in which most records have a time that
can be read, and numbers beside it. Paths are JMESPath, as a contract has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, Literal

from core.feeds.rest.times import EPOCHS, NoTime, TimeForm

Shape = Literal["rows", "columns", "map", "entities"]
DEEPEST = 6
MOST_RECORDS = 2000  # that are looked at
MOST_INNER = 2  # of a list within a record
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_RECENT = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # what an epoch number may be of
_FORMS = (
    "date",
    "iso",
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y",
    "%Y-%m",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y%m%d%H",
)
# The day first, or the month.
OTHER_ORDER = {
    "%d/%m/%Y %H:%M": "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M": "%d/%m/%Y %H:%M",
    "%d/%m/%Y": "%m/%d/%Y",
    "%m/%d/%Y": "%d/%m/%Y",
}
_MONTHS = 12
_TIME_NAME = re.compile(
    r"(^|[_.\W])(t|ts|at|on|day|dt|epoch|period|unix)($|[_.\W])|time|date|stamp|hour", re.IGNORECASE
)
_ENTITY_NAME = re.compile(
    r"(^|[_.\W])(symbol|ticker|station|entity|series|name|code|coin|pair|city|location|site|sensor|device|market|asset|id)"
    r"($|[_.\W\d])|(symbol|station|sensor|ticker)", re.IGNORECASE
)  # fmt: skip
_MARKERS = ("", ".", "-", "--", "M", "N/A", "NA", "n/a", "null", "NaN")
_OFFSET = re.compile(r"(Z|[+-]\d{2}:?\d{2})$|^\d+(\.\d+)?$")
_SENTINELS = tuple(map(Decimal, ("-99", "-999", "-9999", "-99999", "-999.9")))
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Leaf = str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A field of the records: where it is, and what its values are like."""

    name: str
    path: str
    kind: Literal["decimal", "integer", "boolean", "text"]
    digits: int = 0  # before the point
    scale: int = 0  # behind it


@dataclass(frozen=True, slots=True)
class Understanding:
    """The records of an answer. ``time`` is empty where they carry none (or, in a ``map``, are named by it)."""

    records: str
    shape: Shape
    number: int
    time: str = ""
    form: str = ""
    entity: str = ""
    entities: tuple[str, ...] = ()
    fields: tuple[Measured, ...] = ()
    nulls: tuple[Leaf, ...] = ()
    instants: tuple[datetime, ...] = field(default=(), repr=False)
    is_local: bool = False  # its times name no offset

    @property
    def other_form(self) -> str:
        """The form with day and month the other way round, where all times can be read by it too; else empty."""
        is_ambiguous = all(instant.day <= _MONTHS for instant in self.instants)
        return OTHER_ORDER.get(self.form, "") if is_ambiguous else ""

    @property
    def every(self) -> int:
        """Seconds between neighbouring times, as most of them have it; 0 where there are not two."""
        steps = Counter(int((later - first).total_seconds()) for first, later in pairwise(sorted(set(self.instants))))
        return steps.most_common(1)[0][0] if steps else 0

    @property
    def _worth(self) -> tuple[bool, bool, int, int]:
        numbers = [each for each in self.fields if each.kind in ("decimal", "integer")]
        return (bool(numbers), bool(self.form), self.number, len(numbers))


def understand_answer(document: object) -> Understanding | None:
    """The records that a document most likely is about; None where nothing in it is measured."""
    best: Understanding | None = None
    for path, value in _places(document, "@", 0):
        for shape in ("rows", "columns", "map", "entities"):
            read = _read(value, path, shape)
            if read is not None and read.fields and (best is None or read._worth > best._worth):
                best = read
    return best if best is not None and best._worth[0] else None


def _places(value: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    """Every object and list that records may be, outermost first; of lists below a line of headings, the others."""
    if isinstance(value, list) and len(value) > 1 and all(isinstance(row, list) for row in value):
        headings, below = value[0], value[1]
        if all(isinstance(cell, str) and _number(cell) is None for cell in headings) and any(
            _number(cell) is not None for cell in below
        ):
            yield f"{'' if path == '@' else path}[1:]", value[1:]
            return
    yield path, value
    if depth < DEEPEST and isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, Mapping | list):
                yield from _places(inner, joined_path("" if path == "@" else path, name), depth + 1)


def joined_path(path: str, name: str) -> str:
    """A JMESPath to a name below another; a name that is no identifier stands in quotes."""
    plain = name if _PLAIN.fullmatch(name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{path}.{plain}" if path else plain


# ---------------------------------------------------------------- the four shapes


def _read(value: object, path: str, shape: Shape) -> Understanding | None:
    records, names = _records(value, shape)
    if not records:
        return None
    leaves = [dict(_leaves(record, "", 0)) for record in records]
    paths = list(dict.fromkeys(name for leaf in leaves for name in leaf))
    columns = {name: [leaf.get(name) for leaf in leaves] for name in paths}
    if shape in ("map", "entities") and names is not None:
        return _named(path, shape, names, columns)
    return _understood(path, shape, len(records), columns)


def _records(value: object, shape: Shape) -> tuple[Sequence[object], Sequence[str] | None]:
    """The records of a value, if it has that shape; for objects of records their names, too."""
    if shape == "rows":
        rows = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
        return [row for row in rows[:MOST_RECORDS] if isinstance(row, Mapping | list)], None
    if not isinstance(value, Mapping) or len(value) < 2:
        return [], None
    if shape == "columns":
        arrays = {name: each for name, each in value.items() if isinstance(each, list)}
        lengths = {len(each) for each in arrays.values()}
        if len(arrays) < 2 or len(lengths) != 1 or not all(_is_leaf(cell) for each in arrays.values() for cell in each):
            return [], None
        rows = [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]
        return rows[:MOST_RECORDS], None
    inner = list(value.values())[:MOST_RECORDS]
    if not all(isinstance(each, Mapping) for each in inner) and not (shape == "map" and all(map(_is_leaf, inner))):
        return [], None
    return inner, list(value)[:MOST_RECORDS]


def _named(
    path: str, shape: Shape, names: Sequence[str], columns: Mapping[str, Sequence[Leaf]]
) -> Understanding | None:
    """Records by name: of times, or of entities that all have the same fields."""
    form = time_form(names)
    if (shape == "map") != bool(form):
        return None
    if shape == "map":
        fields, nulls = _measured(columns, ())
        return Understanding(
            path, shape, len(names), "", form, "", (), fields, nulls, _instants(names, form), _is_local(names)
        )
    if any(sum(cell is None for cell in cells) > len(names) // 2 for cells in columns.values()):
        return None
    read = _understood(path, shape, len(names), columns)
    if read is None or not read.fields:
        return None
    # One point of each entity: their times are no steps of one.
    return Understanding(path, shape, len(names), read.time, read.form, "", tuple(names), read.fields, read.nulls)


def _understood(path: str, shape: Shape, number: int, columns: Mapping[str, Sequence[Leaf]]) -> Understanding | None:
    time, form = _time_of(columns)
    entity = _entity_of(columns, time)
    fields, nulls = _measured(columns, (time, entity))
    cells = columns[time] if time else ()
    owners = columns[entity] if entity else ()
    entities = tuple(dict.fromkeys(str(owner) for owner in owners))
    of_first = [cell for cell, owner in zip(cells, owners, strict=False) if owner == owners[0]] if owners else cells
    instants = _instants(of_first, form) if form else ()
    return Understanding(
        path, shape, number, time, form, entity, entities, fields, nulls, instants, bool(form) and _is_local(cells)
    )


def _is_local(times: Sequence[Leaf]) -> bool:
    """Whether some times name no offset."""
    return any(isinstance(cell, str) and not _OFFSET.search(cell) for cell in times)


def _leaves(record: object, path: str, depth: int) -> Iterator[tuple[str, Leaf]]:
    """The values of a record by their paths; lists within one are its cells where the record is a list itself."""
    if isinstance(record, Mapping) and depth < DEEPEST:
        for name, value in record.items():
            yield from _leaves(value, joined_path(path, str(name)), depth + 1)
    elif isinstance(record, list) and depth == 0:
        for place, value in enumerate(record):
            if _is_leaf(value):
                yield f"[{place}]", value
    elif isinstance(record, list) and depth < DEEPEST:
        for place, value in enumerate(record[:MOST_INNER]):
            yield from _leaves(value, f"{path}[{place}]", depth + 1)
    elif _is_leaf(record):
        yield path or "@", record  # type: ignore[misc]


def _is_leaf(value: object) -> bool:
    return value is None or isinstance(value, str | int | Decimal | bool)


# ---------------------------------------------------------------- times, entities, measures


def time_form(values: Sequence[Any]) -> str:
    """The form of time in which every value can be read; empty where there is none.

    Of day and month the order by which the times lie closer together: the other one makes months of days.
    """
    there = [value for value in values if value is not None]
    if not there or any(isinstance(value, bool) for value in there):
        return ""
    if all(_number(value) is not None for value in there) and not all(
        isinstance(value, str) and len(value) in (8, 10) and value.startswith(("19", "20")) for value in there
    ):
        return next((name for name in EPOCHS if _all_within(there, name, *_RECENT)), "")
    form = next((name for name in _FORMS if all(isinstance(v, str) for v in there) and _all_within(there, name)), "")
    other = OTHER_ORDER.get(form, "")
    return other if other and _all_within(there, other) and _extent(there, other) < _extent(there, form) else form


def _extent(values: Sequence[Any], form: str) -> timedelta:
    instants = _instants(values, form)
    return max(instants) - min(instants)


def _all_within(values: Sequence[Any], form: str, first: datetime = EARLIEST, last: datetime = LATEST) -> bool:
    try:
        return all(first <= instant < last for instant in _instants(values, form))
    except NoTime:
        return False


def _instants(values: Sequence[Any], form: str) -> tuple[datetime, ...]:
    read = TimeForm(form).read
    return tuple(read(value) for value in values if value is not None)


def _time_of(columns: Mapping[str, Sequence[Leaf]]) -> tuple[str, str]:
    """The column of a record's time: one whose name says so first, then the one with most different times."""
    candidates = []
    for place, (path, cells) in enumerate(columns.items()):
        form = time_form(cells)
        is_text = any(isinstance(cell, str) and _number(cell) is None for cell in cells)
        named = bool(_TIME_NAME.search(path))
        if form and (is_text or named or path == "[0]"):
            different = len(set(cells)) / len(cells)
            full = all(cell is not None for cell in cells)
            candidates.append(((full, different > 0.5, form != "date" or different > 0.9, named, -place), path, form))
    if not candidates:
        return "", ""
    _, path, form = max(candidates)
    return path, form


def _entity_of(columns: Mapping[str, Sequence[Leaf]], time: str) -> str:
    """The column that says whose a record is: a text that is never null, by its name."""
    for path, cells in columns.items():
        texts = all(isinstance(cell, str) and cell and _number(cell) is None for cell in cells)
        if path != time and texts and not time_form(cells) and _ENTITY_NAME.search(path):
            return path
    return ""


def _measured(
    columns: Mapping[str, Sequence[Leaf]], others: Sequence[str]
) -> tuple[tuple[Measured, ...], tuple[Leaf, ...]]:
    """The fields beside time and entity, and the markers that stand for nothing among numbers."""
    fields, nulls = [], []
    for path, cells in columns.items():
        if path in others or all(cell is None for cell in cells):
            continue
        markers: list[Leaf] = [cell for cell in cells if cell in _MARKERS and isinstance(cell, str)]
        markers += _sentinels(cells)
        values = [cell for cell in cells if cell is not None and cell not in markers]
        numbers = [number for cell in values if not isinstance(cell, bool) and (number := _number(cell)) is not None]
        name = _field_name(path)
        if values and len(numbers) == len(values):
            fields.append(_as_number(name, path, numbers))
            nulls += markers
        elif all(isinstance(cell, bool) for cell in values) and values:
            fields.append(Measured(name, path, "boolean"))
        elif values and not time_form(values):
            fields.append(Measured(name, path, "text"))
    return tuple(fields), tuple(dict.fromkeys(nulls))


def _sentinels(cells: Sequence[Leaf]) -> list[Leaf]:
    """Numbers such as -9999 that stand for nothing: where no other number of the field is negative."""
    negative = [cell for cell in cells if (number := _number(cell)) is not None and number < 0]
    return negative if negative and all(_number(cell) in _SENTINELS for cell in negative) else []


def _as_number(name: str, path: str, numbers: Sequence[Decimal]) -> Measured:
    scale = max(max(-int(number.as_tuple().exponent), 0) for number in numbers)
    digits = max(max(number.adjusted() + 1, 1) for number in numbers)
    return Measured(name, path, "decimal" if scale else "integer", digits, scale)


def _number(value: object) -> Decimal | None:
    """A finite number, also one that is written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str) or (isinstance(value, str) and not value):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _field_name(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_") if not path.startswith("[") else f"cell_{path[1:-1]}"
