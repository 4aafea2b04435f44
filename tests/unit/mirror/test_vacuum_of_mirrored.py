"""Vacuum beside a mirror: a slow reader of a live snapshot finds its objects, and all of them go in the end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.contracts import GOOD, changed
from tests.support.mirrored import Shop, rows_of

from core.errors import PipelineBug, TransientFailure
from core.mirroring.current import read_current
from core.mirroring.held import held_objects
from core.mirroring.names import hint_key
from mirror.certified.tags import Claim, certify_snapshot
from mirror.commit import Waits, mirror_table
from mirror.iceberg.table import SNAPSHOTS_KEPT, TAGS_KEPT
from mirror.reading import read_mirror
from processing.partitions.vacuum import vacuum

SALES = "fact_sale"
HOUR = timedelta(hours=1)


def removed(shop: Shop) -> set[str]:
    plans = vacuum(shop.lake.partitions, shop.objects, shop.table(SALES), now=shop.now, grace=HOUR)
    return {key for plan in plans for key in plan.remove}


def test_a_slow_reader_of_a_live_snapshot_finds_all_objects_and_they_go_after_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(2, created="2026-11-01T00:00:00")
    shop.mirror(SALES)
    reader, rows = shop.opened(SALES), shop.rows_by_pointers(SALES)
    first = held_objects(shop.objects, SALES)
    shop.sell(2, created="2026-11-02T00:00:00")
    shop.now += 2 * HOUR
    shop.sell(2, created="2026-11-03T00:00:00")  # no snapshot names what was in between
    shop.now += 2 * HOUR
    shop.mirror(SALES)
    unnamed = removed(shop)
    assert unnamed
    assert not unnamed & first
    assert rows_of(reader.scan().to_arrow()) == rows
    shop.now += SNAPSHOTS_KEPT
    shop.mirror(SALES)  # nothing changed; the first snapshot has expired
    assert removed(shop) == first
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES)


def test_what_is_erased_is_in_no_object_after_a_week_a_run_and_a_vacuum_whoever_certified_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(2, created="2026-11-01T00:00:00")
    shop.mirror(SALES)
    claim = Claim(int(shop.now.timestamp()), ("shop/1 -",), "-")
    certify_snapshot(shop.table(SALES), read_mirror(SALES, shop.objects), claim, shop.services)
    (with_rows,) = held_objects(shop.objects, SALES)
    shop.sell(1, created="2026-11-01T00:00:00")  # the partition has another object from now on, and nobody certifies
    until = shop.now + TAGS_KEPT
    while shop.now + HOUR <= until:
        assert shop.objects.stat(with_rows) is not None
        shop.now = min(shop.now + 12 * HOUR, until)
        shop.mirror(SALES)
        removed(shop)
    shop.now += HOUR
    shop.mirror(SALES)
    removed(shop)
    assert shop.objects.stat(with_rows) is None


def test_where_the_hint_lags_what_the_newest_version_names_stays(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(2, created="2026-11-01T00:00:00")
    shop.mirror(SALES)
    shop.sell(2, created="2026-11-02T00:00:00")
    shop.mirror(SALES)
    held = held_objects(shop.objects, SALES)
    shop.objects.write(hint_key(SALES), b"1")
    assert held_objects(shop.objects, SALES) == held


def test_a_mirror_that_cannot_be_read_holds_everything(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for day in (1, 2):
        shop.sell(2, created=f"2026-11-{day:02d}T00:00:00")
        shop.now += 2 * HOUR
    shop.mirror(SALES)
    shop.objects.delete([read_mirror(SALES, shop.objects).state_key])
    with pytest.raises(PipelineBug, match="is not there"):
        held_objects(shop.objects, SALES)
    assert removed(shop) == set()


def test_a_table_without_a_mirror_holds_nothing(tmp_path: Path) -> None:
    assert held_objects(Shop(tmp_path).objects, SALES) == frozenset()


def test_a_mirror_that_lost_its_state_while_it_waits_lets_go_of_nothing(tmp_path: Path) -> None:
    """It wrote an empty state then, by which nothing was held of the snapshot that engines read."""
    shop = Shop(tmp_path)
    for day in (1, 2):
        shop.sell(2, created=f"2026-11-0{day}T00:00:00")
        shop.mirror(SALES)
    rows = shop.rows_by_pointers(SALES)
    shop.deployed(changed("warehouse/fact_sale/columns/price", "decimal(14,4)"))
    before = read_mirror(SALES, shop.objects)
    shop.objects.delete([before.state_key])
    for _ in range(2):
        shop.now += SNAPSHOTS_KEPT + HOUR
        assert isinstance(mirror_table(shop.table(SALES), shop.services), Waits)
        with pytest.raises(PipelineBug, match="is not there"):
            held_objects(shop.objects, SALES)
        assert removed(shop) == set()
    assert read_mirror(SALES, shop.objects).version == before.version
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == rows
    shop.deployed(GOOD)
    shop.mirror(SALES)
    named = {file.key for file in read_mirror(SALES, shop.objects).state.files.values()}
    assert named
    assert named <= held_objects(shop.objects, SALES)


def test_no_tag_is_made_on_a_state_that_is_lost(tmp_path: Path) -> None:
    """The next one would say that nothing is held of what was mirrored since."""
    shop = Shop(tmp_path)
    shop.sell(2, created="2026-11-01T00:00:00")
    shop.mirror(SALES)
    proven = read_mirror(SALES, shop.objects)
    shop.objects.delete([proven.state_key])
    claim = Claim(int(shop.now.timestamp()), ("shop/1 -",), "-")
    with pytest.raises(TransientFailure, match="the state of its mirror is lost"):
        certify_snapshot(shop.table(SALES), proven, claim, shop.services)
    shop.mirror(SALES)
    assert held_objects(shop.objects, SALES)


def test_a_lost_hint_is_no_lost_mirror_for_whoever_asks(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for day in (1, 2):
        shop.sell(2, created=f"2026-11-0{day}T00:00:00")
        shop.mirror(SALES)
    held = held_objects(shop.objects, SALES)
    rows = rows_of(shop.opened(SALES).scan().to_arrow())
    shop.objects.delete([hint_key(SALES)])
    current = read_current(shop.objects, SALES)
    assert current is not None
    assert current.version == read_mirror(SALES, shop.objects).version
    assert held_objects(shop.objects, SALES) == held
    shop.now += timedelta(days=1)
    assert removed(shop) == set()
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == rows
    assert read_current(shop.objects, "fact_other") is None
