"""Partition paths, buckets and surrogate ids of rows.

All of it is a function of the row alone, the same on every machine and in every release: paths and ids lie in the
warehouse for ever. No Python loop over rows; only over the distinct values of a batch.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import Partition, Table
from core.errors import InvalidData, MissingColumns
from core.warehouse.arrow_types import stored_schema, table_schema
from core.warehouse.order import Bools, Ints, as_array

SAFE_VALUE = re.compile(r"[A-Za-z0-9._-]+")
_INSTANT = pa.timestamp("us")
OUTSIDE = "outside of the promise"  # of a row from before its table's first partition
_TIME_CODE = {"year": "Y", "month": "M", "day": "D", "hour": "h"}


# ---------------------------------------------------------------- buckets


def _crc_table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(0xEDB88320), table >> np.uint32(1))
    return table


_CRC = _crc_table()


def bucket_of(values: pa.Array | pa.ChunkedArray, buckets: int) -> Ints:
    """CRC-32 of each value's text modulo ``buckets``: in Athena ``crc32(to_utf8(cast(x as varchar))) % n``.

    The text of an integer is decimal, of a date ``YYYY-MM-DD``. Nulls are refused: a null has no place.
    """
    texts = as_array(values).cast(pa.string())
    if texts.null_count:
        raise InvalidData("find bucket", "partition column", f"{texts.null_count} values are null")
    distinct = texts.dictionary_encode()
    content, begin, length = _bytes_of(distinct.dictionary)
    crc = np.full(len(length), 0xFFFFFFFF, dtype=np.uint32)
    for place in range(int(length.max(initial=0))):
        at = np.flatnonzero(length > place)
        byte = content[begin[at] + place]
        crc[at] = _CRC[(crc[at] ^ byte) & np.uint32(0xFF)] ^ (crc[at] >> np.uint32(8))
    numbers = (crc ^ np.uint32(0xFFFFFFFF)).astype(np.int64) % buckets
    return np.asarray(numbers[np.asarray(distinct.indices)])


def _bytes_of(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Ints, Ints]:
    """The UTF-8 bytes of all texts, and where each begins and how long it is."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    content = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else np.zeros(0, dtype=np.uint8)
    return content, ends[:-1], np.diff(ends)


# ---------------------------------------------------------------- surrogate ids

_U64 = np.uint64
_NULL_WORD = _U64(0x9AE16A3B2F90404F)


def surrogate_ids(columns: Sequence[pa.Array | pa.ChunkedArray]) -> pa.Array:
    """A 63-bit id for each row, derived from the columns' values alone; int64, never null, never negative.

    Integers and instants count by their value, whatever their width; decimals and doubles by their text. A row has the
    same id in whatever company it comes: a text takes as many words as it needs itself. Two of a million rows share an
    id with a probability of 1 in 10 million.
    """
    arrays = [as_array(column) for column in columns]
    state = np.full(len(arrays[0]), _U64(0x2545F4914F6CDD1D), dtype=_U64)
    for values in arrays:
        for word, rows in _words(values):
            if rows is None:
                state = _mix(state ^ word)
            else:
                state[rows] = _mix(state[rows] ^ word)
    return pa.array((state >> _U64(1)).astype(np.int64))


def _mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014) after its increment: every bit depends on every bit."""
    state = state + _U64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> _U64(27))) * _U64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> _U64(31)))


_Words = Iterator[tuple[npt.NDArray[np.uint64], Ints | None]]


def _words(values: pa.Array) -> _Words:
    """Values as 64-bit words, and the rows that have such a word; None: all of them.

    A null is a word of its own, and a text's last word is its length.
    """
    kind = values.type
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us")).view(pa.int64())
    elif pa.types.is_date32(kind):
        values = values.view(pa.int32()).cast(pa.int64())
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        values = values.cast(pa.int64())
    else:
        yield from _text_words(values.cast(pa.string()))
        return
    words = np.asarray(values.fill_null(0)).astype(np.int64).view(_U64)
    yield np.where(np.asarray(values.is_null()), _NULL_WORD, words) if values.null_count else words, None


def _text_words(texts: pa.Array) -> _Words:
    content, begin, length = _bytes_of(texts)
    length = np.where(np.asarray(texts.is_null()), 0, length)
    for first in range(0, int(length.max(initial=0)), 8):
        rows = np.flatnonzero(length > first)  # no other row has this word, or its id would depend on the longest text
        start, left = begin[rows] + first, length[rows] - first
        word = np.zeros(len(rows), dtype=_U64)
        for place in range(8):
            at = np.flatnonzero(left > place)
            word[at] |= content[start[at] + place].astype(_U64) << _U64(8 * place)
        yield word, rows if len(rows) < len(length) else None
    yield np.where(np.asarray(texts.is_null()), _NULL_WORD, length.astype(_U64)), None


# ---------------------------------------------------------------- partitions


def partition_rows(table: Table, rows: pa.Table) -> Mapping[str, pa.Table]:
    """The rows by partition path, in path order; each part keeps the rows' order and has the stored columns only.

    Columns that ``rows`` lacks (those the merge owns) are left out. Raises ``InvalidData`` on a value that no path can
    hold: null, not listed by the contract, or with other characters than ``[A-Za-z0-9._-]``.
    """
    present = set(rows.column_names)
    stored = [name for name in stored_schema(table).names if name in present]
    if not rows.num_rows:
        return {}
    if not table.partition_by:
        return {"": rows.select(stored)}
    codes, paths = partition_codes(table, rows)
    if len(paths) == 1:
        return {paths[0]: rows.select(stored)}
    order = np.argsort(codes, kind="stable")
    sorted_rows = rows.select(stored).take(pa.array(order))
    bounds = np.searchsorted(codes[order], np.arange(len(paths) + 1))
    return {
        path: sorted_rows.slice(int(first), int(last - first))
        for path, first, last in zip(paths, bounds[:-1], bounds[1:], strict=True)
    }


def values_in(path: str) -> dict[str, str]:
    """The values of a partition's path by their names."""
    return dict(folder.partition("=")[::2] for folder in path.split("/")) if path else {}


def with_path_columns(table: Table, path: str, rows: pa.Table, columns: Collection[str] | None = None) -> pa.Table:
    """Stored rows of a partition with the columns whose value is the path's, in the contract's order."""
    values = values_in(path)
    in_path = {part.column: values[part.name] for part in table.partition_by if part.transform == "value"}
    schema = table_schema(table, columns)
    arrays = [
        pa.repeat(pa.scalar(in_path[each.name]).cast(each.type), rows.num_rows)
        if each.name in in_path
        else rows.column(each.name)
        for each in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def partition_codes(table: Table, rows: pa.Table) -> tuple[Ints, list[str]]:
    """For each row the index of its path, and the distinct paths, sorted."""
    codes = np.zeros(rows.num_rows, dtype=np.int64)
    paths = [""]
    for part in table.partition_by:
        if part.column not in rows.column_names:
            raise MissingColumns("find partition", table.name, f"the rows lack {part.column}")
        level, values = _level(part, as_array(rows[part.column]), table.name)
        if len(values) == 1:  # as of most batches: one symbol, one month
            paths = [f"{path}/{part.name}={values[0]}".lstrip("/") for path in paths]
            continue
        both, codes = _distinct(codes * len(values) + level)
        paths = [
            f"{paths[code // len(values)]}/{part.name}={values[code % len(values)]}".lstrip("/")
            for code in both.tolist()
        ]
    ranking = sorted(range(len(paths)), key=paths.__getitem__)
    inverse = np.empty(len(paths), dtype=np.int64)
    inverse[ranking] = np.arange(len(paths))
    return inverse[codes], [paths[number] for number in ranking]


def _level(part: Partition, values: pa.Array, table: str) -> tuple[Ints, list[str]]:
    place = f"{table}.{part.column}"
    if values.null_count:
        raise InvalidData("find partition", place, f"{values.null_count} values are null")
    if part.transform == "bucket":
        numbers, codes = _distinct(bucket_of(values, part.buckets))
        return codes, [str(number) for number in numbers.tolist()]
    if part.transform in _TIME_CODE:
        microseconds = np.asarray(values.cast(pa.timestamp("us")).view(pa.int64()))
        instants = microseconds.view("datetime64[us]").astype(f"datetime64[{_TIME_CODE[part.transform]}]")
        numbers, codes = _distinct(instants.view(np.int64))
        periods = numbers.view(instants.dtype)
        return codes, [text.replace("T", "-") for text in np.datetime_as_string(periods).tolist()]
    distinct = values.cast(pa.string()).dictionary_encode()
    texts = distinct.dictionary.to_pylist()
    for text in texts:
        if not SAFE_VALUE.fullmatch(text):
            raise InvalidData("find partition", place, f"{text!r} cannot be in a path", "partition by bucket() instead")
        if part.values and text not in part.values:
            raise InvalidData("find partition", place, f"{text!r} is not among the values that the contract lists")
    return np.asarray(distinct.indices).astype(np.int64), texts


def _distinct(numbers: Ints) -> tuple[Ints, Ints]:
    """The distinct numbers, sorted, and for each number the index of its own; by counting where they lie close."""
    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    if low == high:
        return numbers[:1], np.zeros(len(numbers), dtype=np.int64)
    if high - low > 4 * len(numbers):
        distinct, codes = np.unique(numbers, return_inverse=True)
        return distinct, codes.astype(np.int64)
    present = np.zeros(high - low + 1, dtype=np.bool_)
    present[numbers - low] = True
    return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[numbers - low]


def in_partitions(table: Table, rows: pa.Table) -> pa.Array:
    """A mask of the rows that have a partition: no null, safely spelled, listed where listed, not before ``since``."""
    result = np.ones(rows.num_rows, dtype=bool)
    for part in table.partition_by:
        values = as_array(rows[part.column])
        if values.null_count:
            result &= np.asarray(values.is_valid())
        if part.transform == "value":
            result &= np.asarray(_has_place(part, as_texts(values)).fill_null(False))
        elif part.transform in _TIME_CODE and table.since:
            result &= ~_before_first(part, table.since, values)
    return pa.array(result)


def as_texts(values: pa.Array) -> pa.Array:
    """The values' texts. Texts are given back as they are: a cast to their own type takes as long as a comparison."""
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def _has_place(part: Partition, texts: pa.Array) -> pa.Array:
    if not part.values:
        return pc.match_substring_regex(texts, f"^{SAFE_VALUE.pattern}$")
    return pc.is_in(texts, value_set=_safe(part.values))  # an expression takes longer over each text


@functools.lru_cache(maxsize=64)  # each block of rows is held against the same lists
def _safe(values: tuple[str, ...]) -> pa.Array:
    return pa.array([value for value in values if SAFE_VALUE.fullmatch(value)], pa.string())


def before_first_partition(table: Table, rows: pa.Table) -> Bools:
    """A mask of the rows whose time lies before the first partition that the catalog lists: outside of the promise."""
    result = np.zeros(rows.num_rows, dtype=bool)
    for part in table.partition_by if table.since else ():
        if part.transform in _TIME_CODE:
            result |= _before_first(part, table.since, as_array(rows[part.column]))
    return result


def first_kept(table: Table) -> int | None:
    """The start of the first partition that a table may have (epoch seconds); None where no time places its rows.

    It is the start of the unit that ``since`` lies in: nothing was promised of what is earlier.
    """
    units = [part for part in table.partition_by if part.transform in _TIME_CODE] if table.since else []
    return max((_earliest(part, table.since) for part in units), default=None)


def _before_first(part: Partition, since: str, values: pa.Array) -> Bools:
    earliest = _earliest(part, since) * 1_000_000
    return microseconds_of(values, null=earliest) < earliest


def _earliest(part: Partition, since: str) -> int:
    """The start of the unit of a partition that a day lies in, epoch seconds."""
    first = np.datetime64(since, "D").astype(f"datetime64[{_TIME_CODE[part.transform]}]")
    return int(first.astype("datetime64[s]").astype(np.int64))


def microseconds_of(values: pa.Array, *, null: int) -> Ints:
    """Dates or instants in microseconds since 1970, and ``null`` where there is none."""
    instants = values if values.type.equals(_INSTANT) else values.cast(_INSTANT)
    numbers = instants.view(pa.int64())
    return np.asarray(numbers.fill_null(null) if numbers.null_count else numbers)
