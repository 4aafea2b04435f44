"""From ingest objects to tables, receipts and quarantine, in memory."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.lake import (
    MemoryLake,
    department,
    landing,
    line_of,
    numbered,
    order,
    quote,
    shipped_contracts,
    staff,
)

from core.errors import OutOfReach, UnknownTable
from core.landing.records import QUARANTINE_COLUMNS, RECEIPT_COLUMNS
from processing.lines import blocks
from processing.partitions.commit import CommitContext
from processing.process import process_messages

LATER = "2026-11-20T11:00:00.000"


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake(shipped_contracts())


def test_a_bad_row_is_in_quarantine_with_line_and_reason_while_its_neighbours_are_in_the_fact(
    lake: MemoryLake,
) -> None:
    bad = line_of(order(2, units_sold=0))
    lines = [order(1), bad, b"nonsense\n", order(3, agreed_payment_date="tomorrow"), order(4)]
    key = lake.put_table("sales", "sales_order", 1, lines)
    assert lake.process(key) == {}
    assert [row["sales_order_id"] for row in lake.rows("fact_sales_order")] == [1, 4]
    found = lake.quarantined(key)
    assert [(one["line"], one["object"]) for one in found] == [(2, key), (3, key), (4, key)]
    assert found[0]["reason"] == "units_sold: 0 breaks check > 0"
    assert found[0]["content"] == bad.decode().rstrip("\n")
    assert found[1]["reason"].startswith("no JSON")
    assert found[2]["reason"] == "agreed_payment_date: 'tomorrow' is no date"


def test_every_table_is_committed_with_the_clock_and_the_pauses_of_the_services(lake: MemoryLake) -> None:
    asked: list[str] = []

    def context(promise: str) -> CommitContext:
        asked.append(promise)
        return CommitContext(promise, sleep=lambda _seconds: None)

    lake.services = replace(lake.services, commit_context=context)
    lake.process(lake.put("feeds/quotes/2026/11/20/14/1", [quote("AAPL", "2026-11-20T14:00:00Z", "1.5")]))
    of_the_contract_alone = [promise for promise in asked if "." not in promise]
    assert len(of_the_contract_alone) == len(lake.services.ensured) > 1


def test_a_receipt_accounts_for_every_line_and_has_the_columns_of_its_table(lake: MemoryLake) -> None:
    key = lake.put_table("sales", "sales_order", 1, [order(1), order(2, created_at="2026-10-01T00:00:00"), b"bad\n"])
    lake.process(key)
    receipt = lake.receipt(key)
    assert (receipt["lines_in"], receipt["accepted"], receipt["rejected"], receipt["rows_out"]) == (3, 2, 1, 2)
    assert (receipt["outcome"], receipt["sequential_id"], receipt["sequential"]) == ("committed", 1, True)
    assert [(one["partition"], one["version"], one["rows"]) for one in receipt["partitions"]] == [
        ("month=2026-10", 1, 1),
        ("month=2026-11", 1, 1),
    ]
    stat = lake.ingest.stat(key)
    assert stat is not None
    assert (receipt["etag"], receipt["version_id"], receipt["size"]) == (stat.etag, stat.version_id, stat.size)
    assert {name for name, _, _ in RECEIPT_COLUMNS} <= set(receipt)
    assert {name for name, _, _ in QUARANTINE_COLUMNS} == set(lake.quarantined(key)[0])


def test_unknown_fields_are_named_in_the_receipt_and_the_rows_are_taken(lake: MemoryLake) -> None:
    key = lake.put_table("sales", "sales_order", 1, [order(1), order(2, discount=0.5), order(3, channel="web")])
    lake.process(key)
    assert lake.receipt(key)["unknown_columns"] == ["channel", "discount"]
    assert len(lake.rows("fact_sales_order")) == 3


def test_bytes_that_are_no_utf_8_lie_in_quarantine_as_base64(lake: MemoryLake) -> None:
    key = lake.put_table("sales", "department", 1, [department(1, "Sales"), b'{"department_name":"\xff"}\n'])
    lake.process(key)
    (line,) = lake.quarantined(key)
    assert (line["encoding"], line["content"]) == ("base64", "eyJkZXBhcnRtZW50X25hbWUiOiL/In0=")


def test_processing_twice_changes_nothing_and_writes_the_receipt_again(lake: MemoryLake) -> None:
    keys = [
        lake.put_table("sales", "department", 1, [department(1, "Sales")]),
        lake.put_table("sales", "staff", 1, [staff(1, 1)]),
        lake.put_table("sales", "sales_order", 1, [order(1)]),
    ]
    lake.process(*keys)
    versions, written = lake.versions(), len(lake.partitions.objects)
    for key in keys:
        assert lake.process(key) == {}
        assert lake.receipt(key)["outcome"] == "unchanged"
    assert lake.versions() == versions
    assert len(lake.partitions.objects) == written


def test_two_objects_in_the_wrong_order_give_the_tables_of_the_right_order() -> None:
    first, second = MemoryLake(shipped_contracts()), MemoryLake(shipped_contracts())
    for lake, turn in ((first, 1), (second, -1)):
        keys = [
            lake.put_table("sales", "staff", 1, [staff(1, 1), staff(2, 1)]),
            lake.put_table("sales", "staff", 2, [staff(1, 2, LATER)]),
            lake.put_table("sales", "department", 1, [department(1, "Sales"), department(2, "Art")]),
            lake.put_table("sales", "sales_order", 1, [order(1), order(2)]),
            lake.put_table("sales", "sales_order", 2, [order(1, LATER, units_sold=9)]),
        ]
        for key in keys[::turn]:
            lake.process(key)
    for table in ("dim_staff", "fact_sales_order"):
        assert first.rows(table) == second.rows(table)
    assert numbered(first.rows("dim_staff"), "staff_id")[1]["department_name"] == "Art"
    assert [(row["units_sold"], row["is_latest"]) for row in first.rows("fact_sales_order")] == [
        (3, False),
        (9, True),
        (3, True),
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    schedule=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), max_size=5),
)
def test_any_schedule_of_replays_gives_the_newest_version_of_each_row(
    rows: list[tuple[int, int, int]], cuts: list[int], schedule: list[list[int]]
) -> None:
    """One version of an order has one content, as in a source."""
    content = {(number, minute): units for number, minute, units in rows}
    lines = [order(n, f"2026-11-20T10:0{m}:00.000", units_sold=content[n, m]) for n, m, _ in rows]
    bounds = [0, *sorted(min(cut, len(lines)) for cut in cuts), len(lines)]
    lake = MemoryLake(shipped_contracts())
    keys = [
        lake.put_table("sales", "sales_order", number, lines[start:end])
        for number, (start, end) in enumerate(pairwise(bounds), 1)
    ]
    for batch in [*schedule, range(len(keys))]:
        assert lake.process(*[keys[place % len(keys)] for place in batch]) == {}
    found = {(r["sales_order_id"], r["last_updated"].minute): r for r in lake.rows("fact_sales_order")}
    assert {key: row["units_sold"] for key, row in found.items()} == content
    newest = {number: max(minute for other, minute in content if other == number) for number, _ in content}
    assert {key for key, row in found.items() if row["is_latest"]} == set(newest.items())


def test_many_objects_of_a_batch_are_one_commit_per_partition(lake: MemoryLake) -> None:
    keys = [lake.put_table("sales", "sales_order", number, [order(number)]) for number in range(1, 8)]
    lake.process(*keys)
    assert lake.snapshot("fact_sales_order", "month=2026-11").version == 1
    assert {lake.receipt(key)["partitions"][0]["version"] for key in keys} == {1}
    assert len(lake.rows("fact_sales_order")) == 7


def test_a_skipped_id_is_warned_of_and_metered_and_processing_goes_on(lake: MemoryLake) -> None:
    one = lake.put_table("sales", "sales_order", 1, [order(1)])
    four = lake.put_table("sales", "sales_order", 4, [order(4)])
    lake.process(one)
    lake.process(four)
    (line,) = lake.log.about("not in sequence")
    assert (line["level"], line["object"], line["sequential_id"], line["expected_id"]) == ("warning", four, 4, 2)
    assert lake.metrics["sales"].total("NonSequentialIds") == 1
    assert lake.receipt(four)["sequential"] is False
    assert len(lake.rows("fact_sales_order")) == 2
    assert lake.parameters.get("/starmend/test/sales/sales_order/latest_object") == "4"


def test_objects_in_the_wrong_order_within_a_batch_and_replays_are_no_hole(lake: MemoryLake) -> None:
    keys = [lake.put_table("sales", "sales_order", number, [order(number)]) for number in (1, 2, 3)]
    lake.process(keys[2], keys[0], keys[1])
    lake.process(keys[0])
    assert lake.log.about("not in sequence") == []
    assert lake.parameters.get("/starmend/test/sales/sales_order/latest_object") == "3"


@pytest.mark.parametrize("value", [None, "broken", "99"])
def test_a_lost_corrupt_or_stale_parameter_costs_no_row(lake: MemoryLake, value: str | None) -> None:
    name = "/starmend/test/sales/sales_order/latest_object"
    lake.parameters.values.pop(name)
    if value is not None:
        lake.parameters.values[name] = value
    key = lake.put_table("sales", "sales_order", 1, [order(1)])
    assert lake.process(key) == {}
    assert len(lake.rows("fact_sales_order")) == 1


def test_one_bad_object_does_not_fail_its_neighbours(lake: MemoryLake) -> None:
    good = lake.put_table("sales", "sales_order", 1, [order(1)])
    broken = lake.put_table("sales", "sales_order", 2, [order(2)])
    down = OutOfReach("read object", broken, "no answer")
    lake.ingest.fail = lambda _effect, key: down if key == broken else None
    assert lake.process(good, broken) == {broken: down}
    assert lake.receipt(good)["outcome"] == "committed"
    assert lake.records.read(landing(broken).receipt_key) is None
    assert lake.metrics["sales"].total("ObjectsFailed") == 1
    lake.ingest.fail = lambda _effect, _key: None
    assert lake.process(broken) == {}
    assert [row["sales_order_id"] for row in lake.rows("fact_sales_order")] == [1, 2]


def test_an_object_whose_receipt_could_not_be_written_is_processed_again(lake: MemoryLake) -> None:
    key = lake.put_table("sales", "sales_order", 1, [order(1), b"bad\n"])
    down = OutOfReach("write object", key, "no answer")
    lake.records.fail = lambda effect, name: down if effect == "write" and name.startswith("receipts/") else None
    assert lake.process(key) == {key: down}
    lake.records.fail = lambda _effect, _key: None
    assert lake.process(key) == {}
    assert (lake.receipt(key)["outcome"], lake.receipt(key)["rejected"]) == ("unchanged", 1)


def test_a_bad_release_halts_the_object_and_the_mended_one_takes_it_whole(lake: MemoryLake) -> None:
    lines = [order(number, units_sold=0 if number % 3 else 1) for number in range(1, 301)]
    key = lake.put_table("sales", "sales_order", 1, lines)
    assert lake.process(key) == {}
    receipt = lake.receipt(key)
    assert (receipt["outcome"], receipt["rows_out"], receipt["lines_in"], receipt["rejected"]) == (
        "halted",
        0,
        300,
        200,
    )
    assert receipt["reason"].startswith("quarantine: 66.7% of the lines are bad, over 50%; first: line 1: units_sold")
    assert lake.paths("fact_sales_order") == []
    assert lake.metrics["sales"].total("ObjectsHalted") == 1
    lake.ingest.write(key, gzip.compress(b"".join(line_of(order(number)) for number in range(1, 301))))
    lake.process(key)
    assert lake.receipt(key)["outcome"] == "committed"
    assert len(lake.rows("fact_sales_order")) == 300
    assert lake.quarantined(key) == []


def test_few_bad_lines_are_quarantined_even_where_they_are_all_there_is(lake: MemoryLake) -> None:
    key = lake.put_table("sales", "sales_order", 1, [b"bad\n"] * 20)
    lake.process(key)
    assert (lake.receipt(key)["outcome"], lake.receipt(key)["rejected"]) == ("unchanged", 20)


def test_a_truncated_object_is_halted_with_its_lines_counted(lake: MemoryLake) -> None:
    body = gzip.compress(b"".join(line_of(order(number)) for number in range(1, 2001)), 0)
    key = "tables/sales/sales_order/000000000001.jsonl.gz"
    lake.ingest.write(key, body[: len(body) // 2])
    assert lake.process(key) == {}
    receipt = lake.receipt(key)
    assert (receipt["outcome"], receipt["accepted"], receipt["rows_out"]) == ("halted", 0, 0)
    assert receipt["reason"].startswith("truncated")
    assert lake.paths("fact_sales_order") == []


@pytest.mark.parametrize("body", [b"", gzip.compress(b""), b"\n\n"], ids=["nothing", "empty gzip", "blank lines"])
def test_an_empty_object_has_a_receipt(lake: MemoryLake, body: bytes) -> None:
    key = "tables/sales/sales_order/000000000001.jsonl.gz"
    lake.ingest.write(key, body)
    assert lake.process(key) == {}
    assert (lake.receipt(key)["lines_in"], lake.receipt(key)["outcome"]) == (0, "unchanged")


def test_keys_that_are_no_ingest_objects_are_passed_over(lake: MemoryLake) -> None:
    keys = ["warehouse/_data/x.parquet", "receipts/a.json", "feeds-errors/quotes/x", "feeds/quotes/2026/", "tables/x"]
    assert lake.process(*keys) == {}
    assert [line["object"] for line in lake.log.about("passed over")] == keys


def test_rows_that_no_contract_promises_are_kept_for_a_human_to_see(lake: MemoryLake) -> None:
    key = lake.put_table("unknown", "staff", 1, [staff(1, 1)])
    errors = lake.process(key)
    assert isinstance(errors[key], UnknownTable)


def test_an_object_that_is_gone_is_a_warning_and_no_retry(lake: MemoryLake) -> None:
    key = "tables/sales/sales_order/000000000007.jsonl.gz"
    assert lake.process(key) == {}
    assert [line["object"] for line in lake.log.about("gone")] == [key]
    assert lake.records.read(landing(key).receipt_key) is None


def event(*keys: str, bucket: str = "ingest-bucket") -> str:
    records = [
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}} for key in keys
    ]
    return json.dumps({"Records": records})


def test_a_batch_answers_which_messages_failed_and_takes_keys_url_encoded(lake: MemoryLake) -> None:
    good = lake.put("feeds/quotes/2026/11/20/14/a b+c", [quote("AAPL", "2026-11-20T14:30:00Z", "1.5")])
    bodies = {
        "m1": event("feeds/quotes/2026/11/20/14/a+b%2Bc"),
        "m2": event("tables/unknown/staff/000000000001.jsonl.gz"),
        "m3": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "ingest-bucket"}),
        "m4": "nonsense",
        "m5": json.dumps({"objects": [good]}),
        "m6": event("tables/unknown/staff/000000000001.jsonl.gz", bucket="another-bucket"),
    }
    assert process_messages(bodies, lake.services) == ["m2", "m4"]  # m6 is of another bucket
    assert lake.receipt(good)["lines_in"] == 1


def test_a_quote_that_arrives_after_settle_is_late_and_an_early_one_is_not() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.ingest._clock = lambda: datetime(2026, 11, 20, 14, 34, 0, tzinfo=UTC)
    lines = [
        quote("AAPL", "2026-11-20T14:30:00Z", "1.5"),
        quote("MSFT", "2026-11-20T14:31:00Z", "2.5"),
        quote("ZM", "2026-11-20T14:30:00Z", "3.5", provenance="repaired", kind="history"),
    ]
    key = lake.put("feeds/quotes/2026/11/20/14/batch", lines)
    assert lake.process(key) == {}
    found = {path: lake.snapshot("fact_quote", path).table.to_pylist()[0] for path in lake.paths("fact_quote")}
    assert {path.split("/")[0]: row["provenance"] for path, row in found.items()} == {
        "symbol=AAPL": "late",
        "symbol=MSFT": "observed",
        "symbol=ZM": "repaired",
    }
    assert found["symbol=AAPL/month=2026-11"]["price"] == Decimal("1.500000")
    receipt = lake.receipt(key)
    assert (receipt["sequential_id"], receipt["sequential"]) == (None, True)


def test_rows_that_the_catalog_would_not_show_are_quarantined(lake: MemoryLake) -> None:
    lines = [
        quote("AAPL", "2026-11-20T14:30:00Z", "1.5"),
        quote("NOPE", "2026-11-20T14:30:00Z", "1.5"),
        quote("AAPL", "2019-11-20T14:30:00Z", "1.5"),
        quote("AAPL", "2027-01-01T00:00:00Z", "1.5"),
        quote("AAPL", "2026-12-31T23:59:00Z", "1.5"),
    ]
    key = lake.put("feeds/quotes/2026/11/20/14/batch", lines)
    lake.process(key)
    assert lake.paths("fact_quote") == ["symbol=AAPL/month=2026-11", "symbol=AAPL/month=2026-12"]
    assert [one["line"] for one in lake.quarantined(key)] == [2, 3, 4]


def test_repairs_take_the_same_road_and_a_deletion_marks_the_row(lake: MemoryLake) -> None:
    first = lake.put_table("sales", "sales_order", 1, [order(1), order(2)])
    deleted = order(1, checked_at="2026-11-20T14:00:00Z", deleted_at="2026-11-20T14:00:00Z")
    repair = lake.put("repair/sales/sales_order/check-1.jsonl.gz", [deleted])
    lake.process(first, repair)
    rows = numbered(lake.rows("fact_sales_order"), "sales_order_id")
    assert (rows[1]["is_latest"], rows[1]["deleted_at"]) == (False, datetime(2026, 11, 20, 14, 0))  # noqa: DTZ001
    assert rows[2]["is_latest"] is True
    assert lake.receipt(repair)["sequential_id"] is None


def test_every_line_of_a_large_object_is_accounted_for(lake: MemoryLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over many blocks, one bad line in a hundred, each with its own number."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64 << 10)
    bad = set(range(50, 5001, 100))
    poison = [b"junk\n", line_of(order(1, units_sold="x")), line_of(order(1, unit_price=1.005)), b'{"a":"\xff"}\n']
    lines = [poison[number // 100 % 4] if number in bad else order(number) for number in range(1, 5001)]
    key = lake.put_table("sales", "sales_order", 1, lines)
    lake.process(key)
    receipt = lake.receipt(key)
    assert (receipt["lines_in"], receipt["accepted"], receipt["rejected"]) == (5000, 4950, 50)
    assert {line["line"] for line in lake.quarantined(key)} == bad
    assert {row["sales_order_id"] for row in lake.rows("fact_sales_order")} == set(range(1, 5001)) - bad


def test_a_good_object_in_the_place_of_a_bad_one_has_nothing_in_quarantine(lake: MemoryLake) -> None:
    key = lake.put_table("sales", "sales_order", 1, [order(1), b"bad\n"])
    lake.process(key)
    assert len(lake.quarantined(key)) == 1
    lake.put_table("sales", "sales_order", 1, [order(1), order(2)])
    lake.process(key)
    assert lake.quarantined(key) == []
    assert (lake.receipt(key)["rejected"], lake.receipt(key)["rows_out"]) == (0, 2)


@pytest.mark.parametrize("good", [0, 3, 99])
def test_the_counts_of_a_halted_object_add_up(lake: MemoryLake, good: int) -> None:
    lines = [order(number) for number in range(1, good + 1)] + [b"bad\n"] * 100
    key = lake.put_table("sales", "sales_order", 1, lines)
    lake.process(key)
    receipt = lake.receipt(key)
    assert (receipt["outcome"], receipt["lines_in"], receipt["rows_out"]) == ("halted", len(lines), 0)
    assert (receipt["accepted"], receipt["rejected"]) == (good, 100)


def test_rows_from_before_the_first_partition_are_counted_apart_and_halt_nothing(lake: MemoryLake) -> None:
    """A source has a longer past than the contract promises: that is no release that breaks every line."""
    old = [order(number, created_at="1999-01-01T00:00:00", units_sold=-1) for number in range(1, 1300)]
    key = lake.put_table("sales", "sales_order", 1, [*old, order(2000), order(2001, units_sold="many")])
    assert lake.process(key) == {}
    receipt = lake.receipt(key)
    assert (receipt["outcome"], receipt["lines_in"]) == ("committed", 1301)
    assert (receipt["accepted"], receipt["rejected"], receipt["outside"]) == (1, 1, 1299)
    assert [row["sales_order_id"] for row in lake.rows("fact_sales_order")] == [2000]
    reasons = [line["reason"] for line in lake.quarantined(key)]
    assert len(reasons) == 1001
    assert sum("outside of the promise" in reason for reason in reasons) == 1000
