"""Row order: comparison and sorting of rows, and the place of a row in a sorted table.

Columns are Arrow arrays of equal length; a row is the tuple of their values. Nulls come first, strings by their UTF-8
bytes, doubles by IEEE total order: NaN has a place, and -0.0 is another value than 0.0, before it. Arrow's own sort
takes both for equal, so it never gets doubles. No Python loop over rows anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
PACKED_BITS = 62  # leaves the sign and one bit to spare: a packed key is never negative
_COARSER = (60_000_000, 1_000_000, 1_000)  # microseconds of a minute, a second, a millisecond


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One contiguous array; copies only where there are several chunks."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [_none(column.type)])
    return column


def _none(kind: pa.DataType) -> pa.Array:
    return pa.array([], kind)


def whole(values: pa.Array) -> Ints | None:
    """Integers, booleans, dates and timestamps as int64 in the same order; None for other types and with nulls."""
    kind = values.type
    if values.null_count:
        return None
    if pa.types.is_int64(kind) or pa.types.is_timestamp(kind):
        return np.asarray(values.view(pa.int64()))
    if pa.types.is_int32(kind) or pa.types.is_date32(kind):
        return np.asarray(values.view(pa.int32())).astype(np.int64)
    if pa.types.is_boolean(kind):
        return np.asarray(values.cast(pa.int8())).astype(np.int64)
    return None


def pack(*tables: Sequence[pa.Array]) -> list[Ints] | None:
    """Each table's rows as one int64 that sorts as the row does and is equal only for equal rows, across the tables.

    None where a column is not whole or the ranges of all columns need more than ``PACKED_BITS`` bits.
    """
    packed: list[Ints] = []
    used = 0
    for number, columns in enumerate(reversed(list(zip(*tables, strict=True)))):
        parts = [whole(column) for column in columns]
        if any(part is None for part in parts):
            return None
        filled = [part for part in parts if part is not None and len(part)]
        low = min((int(part.min()) for part in filled), default=0)
        high = max((int(part.max()) for part in filled), default=0)
        parts, span = _shrink(
            [part - low if part is not None and high - low < 2**63 else None for part in parts],
            high - low,
            timestamp=pa.types.is_timestamp(columns[0].type),
        )
        bits = span.bit_length()
        if used + bits > PACKED_BITS:
            return None
        ready = [part for part in parts if part is not None]
        packed = ready if number == 0 else [old + (new << used) for old, new in zip(packed, ready, strict=True)]
        used += bits
    return packed or None


def _shrink(parts: list[Ints | None], span: int, *, timestamp: bool) -> tuple[list[Ints | None], int]:
    """Count timestamps in the coarsest unit that all of them are a whole multiple of."""
    if not timestamp or span < _COARSER[-1]:
        return parts, span
    for unit in _COARSER:
        counts = [None if part is None else part // unit for part in parts]
        if all(
            part is not None and count is not None and bool((count * unit == part).all())
            for part, count in zip(parts, counts, strict=True)
        ):
            return counts, span // unit
    return parts, span


def sort_rows(columns: Sequence[pa.Array]) -> tuple[Ints, Bools]:
    """The stable order of the rows, and for each place in it whether another row than at the place before begins."""
    columns = [_total_order(column) if pa.types.is_floating(column.type) else column for column in columns]
    packed = pack(columns)
    if packed is not None:
        order, ranked = _sorted(packed[0])
        return order, np.append(True, ranked[1:] != ranked[:-1])[: len(order)]
    table = pa.table(list(columns), names=[str(number) for number in range(len(columns))])
    keys = [(name, "ascending", "at_start") for name in table.column_names]
    order = np.asarray(pc.sort_indices(table, sort_keys=keys)).astype(np.int64)
    return order, starts([column.take(pa.array(order)) for column in columns])


def _sorted(codes: Ints) -> tuple[Ints, Ints]:
    """The stable order of numbers that are not negative, and the numbers in it.

    Where number and place fit into one word these words are sorted, which takes a third of the time.
    """
    bits = len(codes).bit_length()
    if int(codes.max(initial=0)) >> (63 - bits):
        order = np.argsort(codes, kind="stable")
        return order, codes[order]
    words = codes << bits | np.arange(len(codes))
    words.sort()
    return words & ((1 << bits) - 1), words >> bits


def starts(columns: Sequence[pa.Array]) -> Bools:
    """For each row whether it differs from the row before; the first one always does."""
    rows = len(columns[0])
    result = np.zeros(rows, dtype=bool)
    result[:1] = True
    for column in columns:
        values = whole(column)
        if values is not None:
            result[1:] |= values[1:] != values[:-1]
        elif rows > 1:
            result[1:] |= compare([column.slice(1)], [column.slice(0, rows - 1)]) != 0
    return result


def is_strictly_sorted(columns: Sequence[pa.Array]) -> bool:
    """Whether every row comes after the one before it."""
    if len(columns[0]) < 2:
        return True
    packed = pack(columns)
    if packed is not None:
        return bool((packed[0][1:] > packed[0][:-1]).all())
    last = len(columns[0]) - 1
    return bool((compare([c.slice(1) for c in columns], [c.slice(0, last) for c in columns]) > 0).all())


def locate(stored: Sequence[pa.Array], wanted: Sequence[pa.Array]) -> tuple[Ints, Bools]:
    """The place of each wanted row among the stored rows, which are sorted and unique, and whether it is one of them.

    The position is that of the equal row, else of the first greater one.
    """
    packed = pack(stored, wanted)
    if packed is not None:
        places = np.searchsorted(packed[0], packed[1])
        present = places < len(packed[0])
        present[present] = packed[0][places[present]] == packed[1][present]
        return places.astype(np.int64), present
    return _bisect(stored, wanted)


def _bisect(stored: Sequence[pa.Array], wanted: Sequence[pa.Array]) -> tuple[Ints, Bools]:
    """A binary search of all wanted rows at once: as many steps as the stored rows' count has bits."""
    rows = len(stored[0])
    low = np.zeros(len(wanted[0]), dtype=np.int64)
    high = np.full(len(wanted[0]), rows, dtype=np.int64)
    present = np.zeros(len(low), dtype=bool)
    for _ in range(rows.bit_length()):
        middle = np.minimum((low + high) // 2, max(rows - 1, 0))
        at = pa.array(middle)
        sign = compare([column.take(at) for column in stored], wanted)
        open_ = low < high
        present |= open_ & (sign == 0)
        low = np.where(open_ & (sign < 0), middle + 1, low)
        high = np.where(open_ & (sign >= 0), middle, high)
    return low, present


def compare(left: Sequence[pa.Array], right: Sequence[pa.Array]) -> npt.NDArray[np.int8]:
    """Row by row -1, 0 or 1 as the left row comes before, equals or comes after the right one."""
    result = np.zeros(len(left[0]) if left else 0, dtype=np.int8)
    for first, second in zip(left, right, strict=True):
        if first.equals(second) and not pa.types.is_floating(first.type):
            continue
        undecided = np.flatnonzero(result == 0)
        if not len(undecided):
            break
        if len(undecided) < len(result):
            at = pa.array(undecided)
            first, second = first.take(at), second.take(at)
        result[undecided] = _compare_column(first, second)
    return result


def identical(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables have the same columns and rows; NaN is itself, and -0.0 is not 0.0."""
    if not left.schema.equals(right.schema) or left.num_rows != right.num_rows:
        return False
    pairs = zip(left.columns, right.columns, strict=True)
    return not any(compare([as_array(first)], [as_array(second)]).any() for first, second in pairs)


def _compare_column(left: pa.Array, right: pa.Array) -> npt.NDArray[np.int8]:
    if pa.types.is_floating(left.type):
        left, right = _total_order(left), _total_order(right)
    whole_left, whole_right = whole(left), whole(right)
    if whole_left is not None and whole_right is not None:
        return (whole_left > whole_right).astype(np.int8) - (whole_left < whole_right).astype(np.int8)
    after = pc.fill_null(pc.greater(left, right), False).cast(pa.int8())
    before = pc.fill_null(pc.less(left, right), False).cast(pa.int8())
    sign = np.asarray(after) - np.asarray(before)
    if left.null_count or right.null_count:
        sign = sign + np.asarray(left.is_valid().cast(pa.int8())) * np.asarray(right.is_null().cast(pa.int8()))
        sign = sign - np.asarray(left.is_null().cast(pa.int8())) * np.asarray(right.is_valid().cast(pa.int8()))
    return np.asarray(sign, dtype=np.int8)


def _total_order(values: pa.Array) -> pa.Array:
    """Doubles as int64 in IEEE total order, NaN of one sign after every number of it."""
    bits = np.asarray(values.cast(pa.float64()).fill_null(0.0)).view(np.int64)
    ordered = np.where(bits < 0, np.int64(-(2**63)) - bits - 1, bits)
    return pa.array(ordered, mask=np.asarray(values.is_null()))


def one_zero(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Values of a key: doubles without the minus of a zero, for databases take both zeros for one value."""
    return pc.add(values, pa.scalar(0.0, values.type)) if pa.types.is_floating(values.type) else values


# ---------------------------------------------------------------- order of versions

# What a transaction writes while a check is under way bears a later time than the check: that is no wrong clock.
_NEAR = timedelta(minutes=30)


def seen_at(written: pa.Array, checked: pa.Array) -> pa.Array:
    """The later of when a row says that it was written and when it was fetched again (null: never), both in ``us``.

    A time of writing that lies half an hour or more behind the check is no time at which the row was seen: a clock was
    wrong, or showed another zone's time. Then the check counts alone, so that whatever is written later outranks it.
    """
    wrong = pc.fill_null(pc.greater_equal(written, pc.add(checked, _NEAR)), False)
    return pc.if_else(wrong, checked, pc.max_element_wise(written, checked))
