"""What engines read of a table's mirror: PyIceberg, which did not write the rows, is held against the pointers."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual
from pyiceberg.table import StaticTable
from tests.support.contracts import changed
from tests.support.lake import MemoryLake, quote, shipped_contracts
from tests.support.mirrored import MirroredLake, Shop, in_order, rows_of

from core.mirroring.names import hint_key, metadata_prefix
from core.warehouse.pointer import pointer_key
from mirror.commit import mirror_table
from mirror.iceberg.table import METADATA_KEPT
from mirror.reading import read_mirror

SALES = "fact_sale"
LEVELS = (
    "year(created_at)",
    "month(created_at)",
    "day(created_at)",
    "hour(created_at)",
    "bucket(sale_id, 4)",
    ["bucket(sale_id, 3)", "month(created_at)"],
)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_an_engine_reads_of_every_shipped_table_what_the_pointers_lead_to(tmp_path: Path) -> None:
    mirrored = MirroredLake(MemoryLake(shipped_contracts()), tmp_path)
    points = [quote("AAPL", "2026-11-20T14:30:00Z", "1.5"), quote("ZM", "2026-10-20T14:30:00Z", "2.25")]
    lake = mirrored.lake
    assert lake.process(lake.put("feeds/quotes/2026/11/20/14/a.gz", points)) == {}
    for table in lake.services.contracts.tables():
        mirrored.mirror(table.name)
        read = rows_of(mirrored.opened(table.name).scan().to_arrow())
        assert read == mirrored.rows_by_pointers(table.name), table.name
    apple = And(EqualTo("symbol", "AAPL"), GreaterThanOrEqual("minute", "2026-11-20T00:00:00"))
    scan = mirrored.opened("fact_quote").scan(row_filter=apple)
    assert [row["symbol"] for row in scan.to_arrow().to_pylist()] == ["AAPL"]
    assert len(list(scan.plan_files())) == 1  # the month and the symbol are known to lie in no other file


@pytest.mark.parametrize("partition_by", LEVELS, ids=str)
def test_partitions_of_every_kind_are_read_and_skipped(tmp_path: Path, partition_by: str | list[str]) -> None:
    shop = Shop(tmp_path, changed("warehouse/fact_sale/partition_by", partition_by))
    for day in (1, 9, 28):
        shop.sell(6, created=f"2026-{day % 3 + 9:02d}-{day:02d}T0{day % 5}:30:00")
    assert shop.mirror(SALES).partitions >= 1
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES)
    names = [column.name for column in shop.table(SALES).columns]
    for row in shop.rows_by_pointers(SALES):
        wanted = dict(zip(names, row, strict=False))
        conditions = And(EqualTo("sale_id", wanted["sale_id"]), EqualTo("created_at", wanted["created_at"].isoformat()))
        assert rows_of(shop.opened(SALES).scan(row_filter=conditions).to_arrow()) == in_order([row])


def test_nothing_changed_makes_no_version_and_a_changed_partition_costs_its_own_requests(shop: Shop) -> None:
    for month in range(1, 13):
        shop.sell(1, created=f"2025-{month:02d}-01T00:00:00")
    first = shop.mirror(SALES)
    assert (first.version, first.changed, first.partitions) == (1, 12, 12)
    assert shop.mirror(SALES).version == 1
    shop.sell(1, created="2025-06-02T00:00:00")
    shop.objects.counts.clear()
    second = mirror_table(shop.table(SALES), shop.services)
    assert (second.version, second.changed) == (2, 1)
    assert sum(shop.objects.counts.values()) + 1 <= 3 * 1 + 12, shop.objects.counts  # and the pointer


@pytest.mark.parametrize("seed", range(3))
def test_at_random_moments_the_last_snapshot_is_what_the_pointers_lead_to_and_older_ones_stay(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    shop = Shop(tmp_path, changed("warehouse/fact_sale/partition_by", "day(created_at)"), seed=str(seed))
    seen = {}
    for _ in range(12):
        for _ in range(draw.randint(0, 2)):
            shop.sell(draw.randint(1, 3), created=f"2026-11-{draw.randint(1, 20):02d}T00:00:00")
        shop.mirror(SALES)
        seen[shop.opened(SALES).metadata.current_snapshot_id] = shop.rows_by_pointers(SALES)
    opened = shop.opened(SALES)
    assert len(seen) > 3
    for snapshot, rows in seen.items():
        read = opened.scan(snapshot_id=snapshot).to_arrow() if snapshot else opened.scan().to_arrow()
        assert rows_of(read) == rows


def test_a_pointer_that_leads_nowhere_keeps_its_file_and_its_neighbours_go_on(shop: Shop) -> None:
    for month in (10, 11):
        shop.sell(2, created=f"2026-{month}-01T00:00:00")
    shop.mirror(SALES)
    before = shop.rows_by_pointers(SALES)
    broken = pointer_key("fact_sale/month=2026-10")
    shop.objects.write(broken, b"s3://warehouse-bucket/elsewhere\n")
    shop.lake.partitions.objects[broken] = b"s3://warehouse-bucket/elsewhere\n"
    shop.sell(1, created="2026-11-02T00:00:00")
    outcome = shop.mirror(SALES)
    assert list(outcome.problems) == ["month=2026-10"]
    read = rows_of(shop.opened(SALES).scan().to_arrow())
    assert len(read) == len(before) + 1
    assert set(before) - set(read) == set()  # none of the broken partition's rows is gone


def test_a_day_of_snapshots_leaves_bounded_metadata_and_no_object_that_nothing_names(shop: Shop) -> None:
    sizes, counts = [], []
    for turn in range(60):
        shop.sell(1, created=f"2026-11-{turn % 3 + 1:02d}T00:00:00")
        shop.now += timedelta(minutes=39)
        shop.mirror(SALES)
        metadata = list(shop.objects.list(metadata_prefix(SALES)))
        sizes.append(max(info.size for info in metadata))
        counts.append(len(metadata))
    assert max(sizes[45:]) < 1.1 * max(sizes[30:45])
    assert max(counts[45:]) < 1.1 * max(counts[30:45])
    mirror = read_mirror(SALES, shop.objects)
    assert mirror.metadata is not None
    assert len(mirror.metadata.metadata_log) <= METADATA_KEPT
    assert len(mirror.metadata.snapshots) <= 9 + 2  # of six hours, one every forty minutes
    for snapshot in mirror.metadata.snapshots:
        shop.opened(SALES).scan(snapshot_id=snapshot.snapshot_id).to_arrow()


def test_the_log_names_each_version_by_its_own_time_also_where_the_clock_stands_or_goes_back(shop: Shop) -> None:
    for turn in range(6):
        shop.sell(1, created=f"2026-11-{turn + 1:02d}T00:00:00")
        shop.now -= timedelta(minutes=2 * (turn % 2))  # as long as nothing is mirrored, and back
        mirror_table(shop.table(SALES), shop.services)
    log = shop.opened(SALES).metadata.metadata_log
    assert len(log) == 5
    for entry in log:
        version = StaticTable.from_metadata(entry.metadata_file).metadata
        assert entry.timestamp_ms == version.last_updated_ms
        assert version.last_updated_ms >= max(each.timestamp_ms for each in version.snapshots)
    times = [entry.timestamp_ms for entry in log]
    assert times == sorted(set(times))
    seen = [snapshot.timestamp_ms for snapshot in shop.opened(SALES).metadata.snapshots]
    assert seen == sorted(set(seen))


def test_a_table_without_a_row_is_an_empty_table(shop: Shop) -> None:
    assert shop.mirror(SALES).partitions == 0
    assert shop.opened(SALES).scan().to_arrow().num_rows == 0


def test_a_state_that_is_lost_is_made_again_and_ends_the_older_snapshots(shop: Shop) -> None:
    for month in (9, 10, 11):
        shop.sell(1, created=f"2026-{month:02d}-01T00:00:00")
        shop.mirror(SALES)
    shop.objects.delete([read_mirror(SALES, shop.objects).state_key])
    assert shop.mirror(SALES).changed == 3
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES)
    assert len(shop.opened(SALES).metadata.snapshots) == 1


def test_a_hint_that_is_lost_is_made_again_and_the_mirror_goes_on(shop: Shop) -> None:
    for month in range(6, 12):  # more versions than a run tries
        shop.sell(1, created=f"2026-{month:02d}-01T00:00:00")
        shop.mirror(SALES)
    identity = shop.opened(SALES).metadata.table_uuid
    shop.objects.delete([hint_key(SALES)])
    assert shop.mirror(SALES).version == 6
    assert read_mirror(SALES, shop.objects).is_hinted
    shop.objects.delete([hint_key(SALES)])
    shop.sell(1, created="2026-12-01T00:00:00")
    assert shop.mirror(SALES).version == 7
    assert shop.opened(SALES).metadata.table_uuid == identity


def test_a_version_that_the_hint_does_not_know_is_found_where_nothing_has_changed_since(shop: Shop) -> None:
    for month in (10, 11):
        shop.sell(1, created=f"2026-{month:02d}-01T00:00:00")
        shop.mirror(SALES)
    shop.objects.write(hint_key(SALES), b"1")  # where a run that died behind its commit left it
    assert shop.mirror(SALES).version == 2
    assert read_mirror(SALES, shop.objects).version == 2
