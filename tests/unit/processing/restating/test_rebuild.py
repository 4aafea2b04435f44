"""Replay, retry and rebuild: the ingest objects alone are enough."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import random

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.lake import MemoryLake, department, landing, line_of, order, quote, shipped_contracts, staff
from tests.support.rebuild_histories import differences, double_faults, halting, with_column

from core.contract.model import Check, Contracts
from core.contract.types import parse_type
from core.errors import InvalidData, LostCommit
from core.evolution.deployments import record_deployment
from core.landing.zone import RECEIPTS
from core.ports import StoredObject
from core.time import at_epoch, epoch
from core.warehouse.pointer import data_prefix, pointer_key
from processing.restating.arrivals import read_arrivals
from processing.restating.manifest import plan_rebuild
from processing.restating.rebuild import rebuild_table


def filled() -> MemoryLake:
    """A lake of one's own after many small objects, in an order that no source would choose, some of them twice."""
    return _filled_once().copied()


@functools.cache
def _filled_once() -> MemoryLake:
    source, lake = random.Random(1), MemoryLake(shipped_contracts())
    keys = [lake.put_table("sales", "department", 1, [department(1, "Sales")])]
    keys.append(lake.put_table("sales", "staff", 1, [staff(number, 1) for number in range(5)]))
    for number in range(1, 25):
        lines = [
            order(
                source.randrange(1, 60),
                f"2026-11-20T10:{source.randrange(60):02d}:00.000",
                created_at=f"2026-{source.randrange(1, 12):02d}-01T00:00:00",
                units_sold=source.randrange(0, 20),
            )
            for _ in range(20)
        ]
        keys.append(lake.put_table("sales", "sales_order", number, lines))
    for number in range(6):
        lines_of_quotes = [quote("AAPL", f"2026-11-20T14:{source.randrange(60):02d}:00Z", "1.5") for _ in range(9)]
        keys.append(lake.put(f"feeds/quotes/2026/11/20/14/{number}", lines_of_quotes))
    keys += source.sample(keys, 8)
    source.shuffle(keys)
    while keys:
        lake.process(*[keys.pop() for _ in range(min(len(keys), 3))])
    return lake


@pytest.mark.parametrize("table", ["fact_sales_order", "fact_quote", "dim_staff", "dim_date"])
def test_a_rebuild_finds_the_tables_as_the_incremental_road_left_them(table: str) -> None:
    lake = filled()
    versions = lake.versions()
    found = list(rebuild_table(lake.services, table))
    assert found
    assert not [one for one in found if one.changed]
    assert lake.versions() == versions


@pytest.mark.parametrize("table", ["fact_sales_order", "fact_quote", "dim_staff", "dim_date"])
def test_a_rebuild_from_nothing_gives_the_same_rows_and_digests(table: str) -> None:
    lake = filled()
    before = {path: lake.snapshot(table, path) for path in lake.paths(table)}
    lake.partitions.delete([one.key for one in lake.partitions.list("warehouse/")])
    list(rebuild_table(lake.services, table))
    assert lake.paths(table) == list(before)
    for path, snapshot in before.items():
        again = lake.snapshot(table, path)
        assert again.table.equals(snapshot.table)
        assert again.footer.digest == snapshot.footer.digest


def test_an_altered_object_is_replaced_whole_and_other_partitions_stay() -> None:
    lake = filled()
    before, versions = lake.rows("fact_sales_order"), lake.versions()
    path = lake.paths("fact_sales_order")[2]
    target = lake.snapshot("fact_sales_order", path).key
    lake.partitions.objects[target] = lake.partitions.objects[target][:-200]
    (rebuilt,) = rebuild_table(lake.services, "fact_sales_order", path)
    assert rebuilt.changed
    assert lake.rows("fact_sales_order") == before
    moved = {key for key, name in lake.versions().items() if versions[key] != name}
    assert moved == {pointer_key(f"fact_sales_order/{path}")}


def test_a_rebuild_does_not_end_with_fewer_rows_unless_that_is_allowed() -> None:
    lake = filled()
    path = lake.paths("fact_sales_order")[0]
    rows = lake.snapshot("fact_sales_order", path).table.num_rows
    lake.ingest.delete([one.key for one in lake.ingest.list("tables/sales/sales_order/")][1:])
    with pytest.raises(InvalidData, match="the warehouse"):
        list(rebuild_table(lake.services, "fact_sales_order"))
    assert lake.snapshot("fact_sales_order", path).table.num_rows == rows
    list(rebuild_table(lake.services, "fact_sales_order", allow_fewer=True))
    assert lake.snapshot("fact_sales_order", path).table.num_rows < rows


def test_a_partition_that_no_ingest_object_has_rows_of_is_refused() -> None:
    lake = filled()
    with pytest.raises(InvalidData, match="no ingest object has rows of it"):
        list(rebuild_table(lake.services, "fact_sales_order", "month=2025-01"))


def test_an_object_that_arrives_and_is_committed_while_a_rebuild_runs_is_not_lost() -> None:
    lake = filled()
    late: list[str] = []

    def during(_key: str) -> None:
        if not late:
            late.append(lake.put_table("sales", "sales_order", 99, [order(1000, created_at="2026-11-01T00:00:00")]))
            lake.process(*late)

    lake.ingest.delete(["tables/sales/sales_order/000000000024.jsonl.gz"])
    list(rebuild_table(lake.services, "fact_sales_order", allow_fewer=True, progress=during))
    assert 1000 in {row["sales_order_id"] for row in lake.rows("fact_sales_order")}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_a_rebuild_gives_the_incremental_rows_or_refuses(seed: int) -> None:
    assert differences(seed) == []


@pytest.mark.parametrize("seed", [20261422, 20261432])
def test_a_lost_partition_of_which_every_input_halts_by_now_is_named(seed: int) -> None:
    """Its rows are not among the inputs', nor is its pointer among the pointers: its objects alone tell of it."""
    assert differences(seed) == []


@pytest.mark.parametrize("seed", [11, 18, 19, 44])
def test_of_two_faults_that_hide_each_other_none_takes_rows_away(seed: int) -> None:
    assert differences(seed, double_faults) == []


def rows_of_orders(lake: MemoryLake) -> set[int]:
    return {row["sales_order_id"] for row in lake.rows("fact_sales_order")}


def test_keys_are_compared_and_not_counts_and_those_that_would_go_are_named() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1), order(2)]))
    lake.ingest.delete(["tables/sales/sales_order/000000000001.jsonl.gz"])
    lake.put_table("sales", "sales_order", 2, [order(3), order(4)])
    with pytest.raises(InvalidData, match=r"the warehouse has, 2 would go: 1 2026-11-20 10:00:00.123000, 2 2026"):
        list(rebuild_table(lake.services, "fact_sales_order"))
    assert rows_of_orders(lake) == {1, 2}
    list(rebuild_table(lake.services, "fact_sales_order", allow_fewer=True))
    assert rows_of_orders(lake) == {3, 4}


def test_an_input_that_halts_by_now_takes_no_rows_away_and_is_named() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1, units_sold=50)]))
    lake.process(lake.put_table("sales", "sales_order", 2, [order(2, units_sold=1)]))
    lake.services = dataclasses.replace(lake.services, contracts=halting(lake.services.contracts, 10))
    with pytest.raises(InvalidData, match=r"1 would go: 1 .*sales_order/000000000001.jsonl.gz halts"):
        list(rebuild_table(lake.services, "fact_sales_order"))
    assert rows_of_orders(lake) == {1, 2}


def test_an_input_that_always_halted_is_left_out_as_the_incremental_road_did() -> None:
    lake = MemoryLake(halting(shipped_contracts(), 10))
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1, units_sold=50)]))
    lake.process(lake.put_table("sales", "sales_order", 2, [order(2, units_sold=1)]))
    assert not [one for one in rebuild_table(lake.services, "fact_sales_order") if one.changed]
    assert rows_of_orders(lake) == {2}


def test_a_row_does_not_become_older_where_the_object_that_brought_the_newer_one_is_lost() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "department", 1, [department(1, "Sales")]))
    newer = lake.put_table("sales", "department", 2, [department(1, "Selling", "2026-11-20T11:00:00.000")])
    lake.process(newer, lake.put_table("sales", "staff", 1, [staff(1, 1)]))
    lake.ingest.delete([newer])
    with pytest.raises(InvalidData, match="1 would be older than they are: 1"):
        list(rebuild_table(lake.services, "dim_staff"))
    assert lake.rows("dim_staff")[0]["department_name"] == "Selling"


@pytest.mark.parametrize(("column", "kind"), [("agreed_payment_date", "string"), ("sales_order_id", "string")])
def test_a_column_of_another_type_is_no_hindrance(column: str, kind: str) -> None:
    """The stored rows are read only to compare keys; those of a key of another type are compared as text."""
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1), order(2)]))
    contracts = with_column(lake.services.contracts, "fact_sales_order", column, type=parse_type(kind))
    lake.services = dataclasses.replace(lake.services, contracts=contracts)
    assert [one.rows for one in rebuild_table(lake.services, "fact_sales_order")] == [2]
    assert {type(row[column]) for row in lake.rows("fact_sales_order")} == {str}


def test_one_partition_that_must_stay_does_not_keep_the_others_from_being_rebuilt() -> None:
    lake = filled()
    first, second = lake.paths("fact_sales_order")[:2]
    lake.partitions.delete([pointer_key(f"fact_sales_order/{second}")])
    lost = order(500, created_at=f"{first.removeprefix('month=')}-01T00:00:00")
    key = lake.put_table("sales", "sales_order", 77, [lost])
    lake.process(key)
    lake.ingest.delete([key])
    with pytest.raises(InvalidData, match="1 would go: 500"):
        list(rebuild_table(lake.services, "fact_sales_order"))
    assert second in lake.paths("fact_sales_order")


def test_a_lost_partition_that_no_input_has_rows_of_is_named_beside_those_that_are_rebuilt() -> None:
    lake = MemoryLake(shipped_contracts())
    for number, month in ((1, "10"), (2, "10"), (3, "11")):
        created = f"2026-{month}-01T00:00:00"
        lake.process(lake.put_table("sales", "sales_order", number, [order(number, created_at=created)]))
    lake.partitions.delete([pointer_key("fact_sales_order/month=2026-10")])
    lake.ingest.delete([f"tables/sales/sales_order/00000000000{number}.jsonl.gz" for number in (1, 2)])
    with pytest.raises(InvalidData, match="month=2026-10: is broken, and no ingest object has rows of it"):
        list(rebuild_table(lake.services, "fact_sales_order"))
    assert rows_of_orders(lake) == {3}


def with_a_lost_version(lake: MemoryLake) -> str:
    """The current object is lost; an older one has row 1 alone. Returns the input that gave 2 and 3."""
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1)]))
    newest = lake.put_table("sales", "sales_order", 2, [order(2, units_sold=50), order(3)])
    lake.process(newest)
    lake.partitions.delete([lake.versions()[pointer_key("fact_sales_order/month=2026-11")]])
    return newest


def test_where_the_current_object_is_lost_and_an_input_too_the_rebuild_refuses_by_name() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.ingest.delete([with_a_lost_version(lake)])
    with pytest.raises(InvalidData, match=r"nobody can say which of its keys would go: what .*v000000000002.* is gone"):
        list(rebuild_table(lake.services, "fact_sales_order"))
    list(rebuild_table(lake.services, "fact_sales_order", allow_fewer=True))
    assert rows_of_orders(lake) == {1}


def test_where_the_current_object_is_lost_and_an_input_rejects_more_lines_the_rebuild_refuses_by_name() -> None:
    lake = MemoryLake(shipped_contracts())
    with_a_lost_version(lake)
    contracts = with_column(lake.services.contracts, "fact_sales_order", "units_sold", check=Check("<=", "10"))
    lake.services = dataclasses.replace(lake.services, contracts=contracts)
    with pytest.raises(InvalidData, match=r"nobody can say .* has 1 bad lines"):
        list(rebuild_table(lake.services, "fact_sales_order"))


def test_where_the_current_object_is_lost_and_its_inputs_give_what_they_gave_it_is_rebuilt() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "sales_order", 7, [b"no line\n", order(7)]))  # as bad as it was
    with_a_lost_version(lake)
    list(rebuild_table(lake.services, "fact_sales_order"))
    assert rows_of_orders(lake) == {1, 2, 3, 7}


class ReceiptsRead(MemoryObjects):
    """Counts the receipts that are read."""

    count = 0

    def read(self, key: str) -> StoredObject | None:
        self.count += key.startswith(RECEIPTS)
        return super().read(key)


def test_where_an_object_is_lost_only_receipts_of_which_the_index_does_not_tell_are_read() -> None:
    lake = MemoryLake(shipped_contracts())
    for number in range(10, 30):
        lake.process(lake.put_table("sales", "sales_order", number, [order(number, created_at="2026-10-01T00:00:00")]))
    lake.process(lake.put_table("sales", "sales_order", 30, [b"no line\n", order(30)]))  # doubtful, and gone below
    elsewhere = [b"no line\n", order(31, created_at="2026-10-01T00:00:00")]
    lake.process(lake.put_table("sales", "sales_order", 31, elsewhere))
    read_arrivals(lake.services, lake.services.contracts.table("fact_sales_order"))
    gone = with_a_lost_version(lake)
    records = ReceiptsRead()
    records._objects = lake.records._objects
    lake.services = dataclasses.replace(lake.services, records=records)
    lake.ingest.delete(["tables/sales/sales_order/000000000031.jsonl.gz"])
    list(rebuild_table(lake.services, "fact_sales_order", "month=2026-11"))  # what is gone never had rows of it
    assert records.count <= 4, "those of the two new objects, and those that the index cannot tell"
    november = data_prefix("fact_sales_order/month=2026-11")
    lake.partitions.delete([key for key in lake.partitions.objects if key.startswith(november)])
    lake.ingest.delete([gone, "tables/sales/sales_order/000000000030.jsonl.gz"])
    with pytest.raises(InvalidData) as refused:
        list(rebuild_table(lake.services, "fact_sales_order", "month=2026-11"))
    assert f"{gone} is gone" in str(refused.value)
    assert "000000000030.jsonl.gz is gone" in str(refused.value), "and what may have had rows is never left out"
    assert "000000000031" not in str(refused.value)


def test_where_an_object_is_lost_and_a_receipt_cannot_be_read_what_it_is_of_counts_as_gone() -> None:
    lake = MemoryLake(shipped_contracts())
    gone = with_a_lost_version(lake)
    lake.ingest.delete([gone])
    lake.records.write(landing(gone).receipt_key, b"<html>")
    with pytest.raises(InvalidData, match=f"{gone} is gone"):
        list(rebuild_table(lake.services, "fact_sales_order"))


def test_an_input_that_was_altered_gives_no_rows_as_it_gives_none_when_it_arrives() -> None:
    lake = MemoryLake(shipped_contracts())
    key = "tables/sales/sales_order/000000000001.jsonl.gz"
    promise = {"starmend-sha256": "0" * 64, "starmend-rows": "1"}
    lake.ingest.write(key, gzip.compress(line_of(order(1))), metadata=promise)
    lake.process(key)
    assert lake.receipt(key)["outcome"] == "halted"
    with pytest.raises(InvalidData, match=r"no ingest object has rows of it.*altered"):
        list(rebuild_table(lake.services, "fact_sales_order", "month=2026-11"))


def test_a_rollup_is_computed_again_for_each_partition_of_its_fact_be_its_pointer_lost_or_not() -> None:
    lake = MemoryLake(shipped_contracts())
    for number, symbol in enumerate(("AAPL", "MSFT")):
        assert (
            lake.process(lake.put(f"feeds/quotes/2026/11/20/15/{number}", [quote(symbol, "2026-11-20T15:00:00Z", "2")]))
            == {}
        )
    paths = lake.paths("fact_quote")
    rebuilt = list(rebuild_table(lake.services, "fact_quote_hourly"))
    assert [(each.partition, each.rows, each.changed) for each in rebuilt] == [(path, 1, True) for path in paths]
    rows = lake.rows("fact_quote_hourly")
    assert len(rows) == 2
    lake.records.delete([pointer_key(f"fact_quote_hourly/{paths[0]}")])
    assert [
        job.partitions for job in plan_rebuild(lake.services, lake.services.contracts.table("fact_quote_hourly"))
    ] == [tuple(paths)]
    (again,) = rebuild_table(lake.services, "fact_quote_hourly", paths[0])
    assert again.partition == paths[0]
    assert lake.rows("fact_quote_hourly") == rows
    with pytest.raises(InvalidData, match="fact_quote has no such partition"):
        list(rebuild_table(lake.services, "fact_quote_hourly", "symbol=NONE/month=2026-11"))
    broken, whole = paths
    lake.records.delete([info.key for info in lake.records.list(data_prefix(f"fact_quote/{broken}"))])
    rebuilding, derived = rebuild_table(lake.services, "fact_quote_hourly"), []
    with pytest.raises(LostCommit, match=broken):
        derived += rebuilding
    assert [each.partition for each in derived] == [whole], "a fact that is lost stops no neighbour"


def _settling_within(contracts: Contracts, seconds: int) -> Contracts:
    """The contracts, points of quotes in time for so long."""
    named = contracts.dataset("quotes")
    feed = dataclasses.replace(contracts.feed("quotes"), settle=seconds)
    other = dataclasses.replace(named, source=feed, hash=f"{named.hash} {seconds}")
    return dataclasses.replace(contracts, contracts=tuple(other if each is named else each for each in contracts))


@pytest.mark.parametrize("settle", [60, 6000])
def test_points_stay_in_time_or_late_when_another_time_to_settle_is_deployed(settle: int) -> None:
    contracts = shipped_contracts()
    assert contracts.feed("quotes").settle == 180
    lake = MemoryLake(contracts, made=lambda: at_epoch(epoch("2026-11-20T14:34:00Z")))
    record_deployment(lake.records, contracts, "quotes", now=epoch("2026-11-20T14:00:00Z"))
    minutes = [f"2026-11-20T14:{minute}:00Z" for minute in (30, 31, 32)]
    lake.process(lake.put("feeds/quotes/2026/11/20/14/1", [quote("AAPL", minute, "1.5") for minute in minutes]))
    assert [row["provenance"] for row in lake.rows("fact_quote")] == ["late", "observed", "observed"]
    deployed = _settling_within(contracts, settle)
    record_deployment(lake.records, deployed, "quotes", now=epoch("2026-11-20T14:35:00Z"))
    lake.deployed(deployed)
    assert not [made for made in rebuild_table(lake.services, "fact_quote") if made.changed]
    assert lake.services.settled  # and not asked for again


def test_points_are_processed_where_the_history_of_contracts_was_altered() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.records.write("warehouse/_contracts/quotes/000000000001.json", b"{}")
    assert not lake.process(lake.put("feeds/quotes/2026/11/20/14/1", [quote("AAPL", "2026-11-20T14:30:00Z", "1.5")]))
    assert len(lake.rows("fact_quote")) == 1
    assert lake.log.about("deployed contract alone")
    with pytest.raises(InvalidData, match="altered"):
        list(rebuild_table(lake.services, "fact_quote"))
