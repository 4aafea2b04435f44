"""Replays: objects that are processed again change nothing that was right."""

from __future__ import annotations

from tests.support.lake import MemoryLake, department, order, shipped_contracts, staff

from processing.restating.replay import ingest_keys, quarantined, replay, to_retry


def test_a_replay_of_everything_changes_no_version() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(
        lake.put_table("sales", "department", 1, [department(1, "Sales")]),
        lake.put_table("sales", "staff", 1, [staff(1, 1)]),
        lake.put_table("sales", "sales_order", 1, [order(1), order(2)]),
        lake.put_table("sales", "sales_order", 2, [order(2, "2026-11-20T11:00:00.000")]),
    )
    versions = lake.versions()
    runs = list(replay(lake.services, ingest_keys(lake.ingest, "tables/sales/")))
    assert sum(len(run.keys) for run in runs) == 4
    assert not any(run.errors for run in runs)
    assert lake.versions() == versions


def test_a_retry_takes_the_objects_with_quarantined_lines_and_the_halted_ones() -> None:
    lake = MemoryLake(shipped_contracts())
    keys = [
        lake.put_table("sales", "sales_order", 1, [order(1), b"bad\n"]),
        lake.put_table("sales", "sales_order", 2, [order(2)]),
        lake.put_table("sales", "sales_order", 3, [b"bad\n"] * 200),
    ]
    lake.process(*keys)
    assert [line["line"] for line in quarantined(lake.services, dataset="sales", table="sales_order")][:1] == [2]
    assert to_retry(lake.services) == (keys[0], keys[2])
    assert to_retry(lake.services, dataset="sales", table="staff") == ()
    versions = lake.versions()
    for _ in range(2):
        assert not any(run.errors for run in replay(lake.services, to_retry(lake.services)))
    assert lake.versions() == versions
