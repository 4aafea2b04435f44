"""Where rows lie and what they are called: stable for ever, whatever machine, batch or Arrow layout."""

from __future__ import annotations

import zlib
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tables import QUOTES, column, fact, rows_of

from core.contract.model import Partition
from core.errors import InvalidData, MissingColumns
from core.warehouse.keys import bucket_of, in_partitions, partition_rows, surrogate_ids

MOMENT = datetime(2026, 11, 20, 14, 30, 5)  # noqa: DTZ001

BUCKETED = fact(
    "fact_event",
    ["name", "at"],
    [column("name", "string"), column("at", "timestamp")],
    partition_by=(Partition("bucket", "name", "bucket", buckets=4), Partition("hour", "at", "hour")),
)


def times(*moments: datetime) -> pa.Array:
    return pa.array(moments, pa.timestamp("us"))


@given(st.lists(st.text(max_size=20)), st.integers(1, 1000))
def test_a_bucket_is_the_crc_of_the_text(texts: list[str], buckets: int) -> None:
    expected = [zlib.crc32(text.encode()) % buckets for text in texts]
    assert bucket_of(pa.array(texts, pa.string()), buckets).tolist() == expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_number_s_bucket_is_that_of_its_digits(numbers: list[int]) -> None:
    expected = [zlib.crc32(str(number).encode()) % 64 for number in numbers]
    assert bucket_of(pa.array(numbers, pa.int64()), 64).tolist() == expected


def test_a_slice_and_chunks_do_not_change_a_bucket() -> None:
    texts = pa.array(["x", "AAPL", "MSFT", "ZM"])
    whole = bucket_of(texts, 64).tolist()
    assert bucket_of(texts.slice(1, 2), 64).tolist() == whole[1:3]
    assert bucket_of(pa.chunked_array([texts.slice(0, 2), texts.slice(2)]), 64).tolist() == whole


def test_a_null_has_no_bucket() -> None:
    with pytest.raises(InvalidData, match="null"):
        bucket_of(pa.array(["a", None]), 4)


TEXTS = ["AAPL", "a text of more than eight bytes", "", None]
PINNED = [5910474069467009377, 5513086472953133307, 6949253834128675438, 4559989560066170489]
ID_DOMAINS = {
    "text": (st.none() | st.text(max_size=20), pa.string()),
    "money": (st.none() | st.decimals(-(10**6), 10**6, places=2), pa.decimal128(18, 2)),
    "double": (st.none() | st.floats(), pa.float64()),
    "number": (st.none() | st.integers(-(2**31), 2**31 - 1), pa.int32()),
    "moment": (st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), pa.timestamp("us")),  # noqa: DTZ001
}


def texts_of(texts: list[str | None]) -> pa.Array:
    return pa.array(texts, pa.string())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_id_is_a_function_of_its_row_alone(data: st.DataObject) -> None:
    domains = data.draw(st.lists(st.sampled_from(sorted(ID_DOMAINS)), min_size=1, max_size=3))
    rows = data.draw(st.lists(st.tuples(*(ID_DOMAINS[name][0] for name in domains)), min_size=1, max_size=6))

    def ids_of(rows: list[tuple[object, ...]]) -> list[int]:
        kinds = [ID_DOMAINS[name][1] for name in domains]
        columns = [pa.array(list(values), kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
        return list(surrogate_ids(columns).to_pylist())

    assert ids_of(rows) == [ids_of([row])[0] for row in rows]


def test_an_id_once_given_stays() -> None:
    ids = surrogate_ids([pa.array([1, 2], pa.int32()), times(MOMENT, MOMENT)])
    assert ids.to_pylist() == [1205118918577305227, 5622866704900099597]
    texts = surrogate_ids([texts_of(TEXTS)])
    alone = [surrogate_ids([texts_of([text])]).to_pylist()[0] for text in TEXTS]
    assert texts.to_pylist() == alone == PINNED


def test_the_width_of_an_integer_and_the_arrow_layout_do_not_change_an_id() -> None:
    narrow, wide = pa.array([7, -1, 7], pa.int32()), pa.array([7, -1, 7], pa.int64())
    assert surrogate_ids([narrow]) == surrogate_ids([wide])
    assert surrogate_ids([wide.slice(1)]) == surrogate_ids([wide]).slice(1)
    texts = pa.array(["skipped", "abc", None])
    assert surrogate_ids([texts.slice(1)]) == surrogate_ids([texts]).slice(1)


def test_different_rows_have_different_ids_and_none_is_negative() -> None:
    numbers = pa.array(range(200_000), pa.int64())
    ids = surrogate_ids([numbers, pa.nulls(200_000, pa.string())])
    assert len(set(ids.to_pylist())) == 200_000
    assert min(ids.to_pylist()) >= 0
    pairs = [("a", "b"), ("ab", ""), ("", "ab"), ("a", None), (None, "a"), ("a\0", "b"), ("a", "\0b")]
    split = surrogate_ids([pa.array([left for left, _ in pairs]), pa.array([right for _, right in pairs])])
    assert len(set(split.to_pylist())) == len(pairs)
    kinds = surrogate_ids([pa.array([date(2026, 1, 1), None]), pa.array([Decimal("1.50"), Decimal("1.5")])])
    assert len(set(kinds.to_pylist())) == 2


def test_rows_go_to_their_partitions_in_their_order_without_the_columns_of_the_path() -> None:
    rows = pa.table(
        {
            "symbol": ["MSFT", "AAPL", "MSFT", "AAPL"],
            "minute": times(MOMENT, MOMENT, datetime(2026, 12, 1), datetime(2026, 11, 1)),  # noqa: DTZ001
            "price": pa.array([1, 2, 3, 4], pa.decimal128(18, 6)),
        }
    )
    parts = partition_rows(QUOTES, rows)
    assert list(parts) == ["symbol=AAPL/month=2026-11", "symbol=MSFT/month=2026-11", "symbol=MSFT/month=2026-12"]
    assert parts["symbol=AAPL/month=2026-11"].column_names == ["minute", "price"]
    assert parts["symbol=AAPL/month=2026-11"]["price"].to_pylist() == [2, 4]


@pytest.mark.parametrize(
    ("transform", "value"), [("year", "2026"), ("month", "2026-11"), ("day", "2026-11-20"), ("hour", "2026-11-20-14")]
)
def test_a_time_is_written_to_its_unit(transform: str, value: str) -> None:
    table = fact("t", ["at"], [column("at", "timestamp")], partition_by=(Partition("p", "at", transform),))  # type: ignore[arg-type]
    assert list(partition_rows(table, pa.table({"at": times(MOMENT)}))) == [f"p={value}"]


def test_a_date_is_a_time_too_and_years_before_1970_have_their_own_path() -> None:
    table = fact("t", ["on"], [column("on", "date")], partition_by=(Partition("month", "on", "month"),))
    rows = pa.table({"on": pa.array([date(1969, 12, 31), date(1970, 1, 1)])})
    assert list(partition_rows(table, rows)) == ["month=1969-12", "month=1970-01"]


def test_buckets_and_times_combine() -> None:
    rows = pa.table({"name": ["a", "b", "a"], "at": times(MOMENT, MOMENT, MOMENT)})
    parts = partition_rows(BUCKETED, rows)
    assert {path: part["name"].to_pylist() for path, part in parts.items()} == {
        f"bucket={zlib.crc32(b'a') % 4}/hour=2026-11-20-14": ["a", "a"],
        f"bucket={zlib.crc32(b'b') % 4}/hour=2026-11-20-14": ["b"],
    }


def test_a_table_without_partitions_has_one_whose_path_is_empty() -> None:
    table = fact("t", ["n"], [column("n", "int")])
    assert list(partition_rows(table, pa.table({"n": [1, 2]}))) == [""]
    assert partition_rows(table, pa.table({"n": pa.array([], pa.int64())})) == {}


@pytest.mark.parametrize("symbol", [None, "GOOG", "../AAPL", "A B", ""])
def test_a_value_that_no_path_can_hold_is_refused_and_told_apart_beforehand(symbol: str | None) -> None:
    rows = pa.table({"symbol": pa.array([symbol, "AAPL"], pa.string()), "minute": times(MOMENT, MOMENT)})
    assert in_partitions(QUOTES, rows).to_pylist() == [False, True]
    with pytest.raises(InvalidData):
        partition_rows(QUOTES, rows)


def test_a_time_before_the_projected_range_has_no_place() -> None:
    early = datetime(2025, 12, 31, 23, 59)  # noqa: DTZ001
    rows = pa.table({"symbol": ["AAPL", "AAPL", "AAPL"], "minute": times(early, MOMENT, None)})  # type: ignore[arg-type]
    assert in_partitions(QUOTES, rows).to_pylist() == [False, True, False]


def test_rows_without_the_partition_s_column_are_refused() -> None:
    with pytest.raises(MissingColumns, match="symbol"):
        partition_rows(QUOTES, rows_of(QUOTES, [{"minute": MOMENT}]))
