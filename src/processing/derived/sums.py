"""Sums by group that are exact, and told by name where a column cannot hold them.

Arrow adds bigints modulo 2^64, and decimals past the 38 digits that it can write, without a word. So sums are made in
decimals of 76 digits, in which no group of an object's rows can overflow, and then fitted into the column.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.contract.types import ColumnType
from core.warehouse.arrow_types import arrow_type
from core.warehouse.order import as_array

DIGITS = 76
_INTEGER_DIGITS = 19


def sum_by_code(codes: npt.NDArray[np.int64], values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The distinct codes, and the sum of the values that have each: null where all of them are null."""
    grouped = pa.table({"code": codes, "value": _wide(values)}).group_by("code").aggregate([("value", "sum")])
    return as_array(grouped.column("code")), as_array(grouped.column("value_sum"))


def _wide(values: pa.Array) -> pa.Array:
    if pa.types.is_integer(values.type):
        values = values.cast(pa.decimal128(_INTEGER_DIGITS, 0))
    return values.cast(pa.decimal256(DIGITS, values.type.scale)) if pa.types.is_decimal(values.type) else values


def misfit(sums: pa.Array, wanted: ColumnType) -> int | None:
    """The place of the first sum that a column of the ``wanted`` type cannot hold; None where it holds all of them.

    The type's scale is at least that of the sums (a rule of the contract).
    """
    if pa.types.is_floating(sums.type):
        fits = pc.is_finite(sums)
    else:
        scaled = pa.decimal256(DIGITS, wanted.scale)
        low, high = (pa.scalar(bound).cast(scaled) for bound in _bounds(wanted))
        same = sums.cast(scaled)
        fits = pc.and_(pc.greater_equal(same, low), pc.less_equal(same, high))
    places = np.flatnonzero(~np.asarray(fits.fill_null(True)))
    return int(places[0]) if len(places) else None


def _bounds(wanted: ColumnType) -> tuple[str, str]:
    """The least and the greatest number that a column holds, as text: Python's decimals would round them."""
    if wanted.name == "decimal":
        whole, fraction = "9" * (wanted.precision - wanted.scale) or "0", "9" * wanted.scale
        greatest = f"{whole}.{fraction}" if fraction else whole
        return f"-{greatest}", greatest
    bits = arrow_type(wanted).bit_width - 1
    return str(-(2**bits)), str(2**bits - 1)
