"""Sums by group are those of a dictionary of Python's numbers, and told where a column cannot hold them."""

from __future__ import annotations

import random
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from core.contract.types import ColumnType, parse_type
from core.warehouse.arrow_types import arrow_type
from processing.derived.sums import misfit, sum_by_code

WIDER = {"int": "bigint", "bigint": "bigint"}


def random_values(source: random.Random, kind: ColumnType, count: int) -> list[Any]:
    """Values up to the greatest that the type holds, some of them null."""
    digits = kind.precision or {"int": 9, "bigint": 18}[kind.name]
    most = 10 ** source.choice([1, digits // 2 + 1, digits]) - 1
    whole = [source.randint(-most // source.choice([1, 10**9]), most) for _ in range(count)]
    values: list[Any] = whole if not kind.precision else [Decimal(number).scaleb(-kind.scale) for number in whole]
    return [None if source.random() < 0.1 else value for value in values]


@pytest.mark.parametrize("seed", range(60))
def test_sums_are_exact_and_those_that_do_not_fit_are_found(seed: int) -> None:
    source = random.Random(seed)
    with localcontext(prec=90):
        given = parse_type(source.choice(["int", "bigint", "decimal(5,1)", "decimal(18,6)", "decimal(38,0)"]))
        wanted = parse_type(WIDER.get(given.name, str(given)))
        count = source.choice([1, 30, 300])
        values = random_values(source, given, count)
        codes = np.array([source.randrange(6) for _ in range(count)])
        distinct, sums = sum_by_code(codes, pa.array(values, arrow_type(given)))
        known: dict[int, Any] = dict.fromkeys(codes.tolist())
        for code, value in zip(codes.tolist(), values, strict=True):
            if value is not None:
                known[code] = value + (known[code] or 0)
        assert dict(zip(distinct.to_pylist(), sums.to_pylist(), strict=True)) == known
        bound = 10 ** (wanted.precision - wanted.scale) if wanted.precision else 2**63
        misfits = [number is not None and abs(number) >= bound for number in sums.to_pylist()]
    place = misfit(sums, wanted)
    assert place == (misfits.index(True) if any(misfits) else None)
    if place is None:
        assert sums.cast(arrow_type(wanted)).to_pylist() == sums.to_pylist()


@pytest.mark.parametrize(
    ("kind", "fitting", "beyond"),
    [
        ("decimal(5,1)", "9999.9", "10000.0"),
        ("decimal(5,1)", "-9999.9", "-10000.0"),
        ("decimal(2,2)", "0.99", "1.00"),
        ("bigint", "9223372036854775807", "9223372036854775808"),
        ("bigint", "-9223372036854775808", "-9223372036854775809"),
    ],
)
def test_the_bounds_of_a_column_are_exact(kind: str, fitting: str, beyond: str) -> None:
    wanted = parse_type(kind)
    scaled = pa.decimal256(76, wanted.scale)
    assert misfit(pa.array([fitting, None]).cast(scaled), wanted) is None
    assert misfit(pa.array([fitting, None, beyond]).cast(scaled), wanted) == 2


def test_doubles_whose_sum_is_no_number_any_more_are_found() -> None:
    codes, values = np.array([1, 1, 2, 2]), pa.array([1.0, 2.0, 1.7e308, 1.7e308])
    distinct, sums = sum_by_code(codes, values)
    assert distinct.to_pylist() == [1, 2]
    assert misfit(sums, parse_type("double")) == 1
