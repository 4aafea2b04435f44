"""Replays: objects that are processed again change nothing that was right."""

from __future__ import annotations

from tests.support.worlds import MemoryWorld, department, order, shipped_contracts, staff

from processing.restating.replay import ingest_keys, quarantined, replay, to_retry


def test_a_replay_of_everything_changes_no_version() -> None:
    world = MemoryWorld(shipped_contracts())
    world.process(
        world.put_table("sales", "department", 1, [department(1, "Sales")]),
        world.put_table("sales", "staff", 1, [staff(1, 1)]),
        world.put_table("sales", "sales_order", 1, [order(1), order(2)]),
        world.put_table("sales", "sales_order", 2, [order(2, "2026-11-20T11:00:00.000")]),
    )
    versions = world.versions()
    runs = list(replay(world.world, ingest_keys(world.ingest, "tables/sales/")))
    assert sum(len(run.keys) for run in runs) == 4
    assert not any(run.errors for run in runs)
    assert world.versions() == versions


def test_a_retry_takes_the_objects_with_quarantined_lines_and_the_halted_ones() -> None:
    world = MemoryWorld(shipped_contracts())
    keys = [
        world.put_table("sales", "sales_order", 1, [order(1), b"bad\n"]),
        world.put_table("sales", "sales_order", 2, [order(2)]),
        world.put_table("sales", "sales_order", 3, [b"bad\n"] * 200),
    ]
    world.process(*keys)
    assert [line["line"] for line in quarantined(world.world, dataset="sales", table="sales_order")][:1] == [2]
    assert to_retry(world.world) == (keys[0], keys[2])
    assert to_retry(world.world, dataset="sales", table="staff") == ()
    versions = world.versions()
    for _ in range(2):
        assert not any(run.errors for run in replay(world.world, to_retry(world.world)))
    assert world.versions() == versions
