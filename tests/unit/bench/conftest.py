import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from bench.data import SCHEMA

FIRST_DAY = dt.date(1992, 1, 2)


@pytest.fixture
def items() -> pa.Table:
    """Line items of 300 orders in key order, in the form that TPC-H gives them."""
    random = np.random.default_rng(7)
    rows = []
    for order in range(1, 301):
        for line in range(1, int(random.integers(1, 8)) + 1):
            day = FIRST_DAY + dt.timedelta(days=int(random.integers(0, 2_500)))
            rows.append(
                {
                    "l_orderkey": order * 4,
                    "l_partkey": int(random.integers(1, 20_000)),
                    "l_suppkey": int(random.integers(1, 1_000)),
                    "l_linenumber": line,
                    "l_quantity": Decimal(int(random.integers(1, 51))),
                    "l_extendedprice": Decimal(int(random.integers(1, 10**13))).scaleb(-2),
                    "l_discount": Decimal(int(random.integers(0, 11))).scaleb(-2),
                    "l_tax": Decimal(int(random.integers(0, 9))).scaleb(-2),
                    "l_returnflag": "ANR"[int(random.integers(0, 3))],
                    "l_linestatus": "OF"[int(random.integers(0, 2))],
                    "l_shipdate": day,
                    "l_commitdate": day + dt.timedelta(days=7),
                    "l_receiptdate": day + dt.timedelta(days=9),
                    "l_shipinstruct": "COLLECT COD",
                    "l_shipmode": "RAIL",
                    "l_comment": f"überaus pünktlich, {order}: 'na also'",
                    "last_updated": dt.datetime(2026, 11, 1)  # noqa: DTZ001 - Arrow's timestamps have no zone
                    + dt.timedelta(milliseconds=int(random.integers(0, 10**9))),
                }
            )
    return pa.Table.from_pylist(rows, SCHEMA)
