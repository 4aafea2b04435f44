"""Replays: objects that are processed again change nothing that was right."""

from __future__ import annotations

import functools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.contracts import TODAY, changed, folder_of
from tests.support.lake import MemoryLake, department, order, shipped_contracts, staff

from core.authoring.load import load
from core.contract.model import Contracts
from processing.restating.rebuild import rebuild_table
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


THEN = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}
COUNTS = ("lines_in", "accepted", "rejected", "outside", "rows_out")


@functools.cache
def by(unit: str) -> Contracts:
    """Sales that go into a fact, its partitions each an hour, a day or a month, and into a dimension."""
    contract = changed("warehouse/fact_sale/partition_by", f"{unit}(created_at)")
    contract["warehouse"]["dim_sale"] = {
        "kind": "dimension",
        "from": "sale",
        "key": "sale_id",
        "columns": {"sale_id": "int", "price": "decimal(10,2)", "created_at": "timestamp"},
    }
    with tempfile.TemporaryDirectory() as folder:
        return load(folder_of(Path(folder), contract), today=TODAY)


def state_of(lake: MemoryLake) -> dict[str, Any]:
    """All rows of all tables, of every object what its receipt counts, and the lines in quarantine."""
    tables = ("fact_sale", "dim_sale", "dim_person")
    keys = list(ingest_keys(lake.ingest, "tables/shop/"))
    return {
        **{table: lake.rows(table) if lake.paths(table) else [] for table in tables},
        **{key: [lake.receipt(key)[name] for name in COUNTS] for key in keys},
        "quarantine": [(line["object"], line["line"], line["content"]) for line in quarantined(lake.services)],
    }


@settings(max_examples=15, deadline=None)
@given(
    unit=st.sampled_from(list(STEPS)),
    objects=st.lists(
        st.lists(st.tuples(st.integers(1, 6), st.floats(-1, 4, width=16), st.integers(0, 2)), min_size=1, max_size=5),
        min_size=1,
        max_size=4,
    ),
    later=st.floats(0, 3, width=16),
    together=st.booleans(),
    between=st.sampled_from(["nothing", "redelivery", "rebuild"]),
)
def test_a_retry_gives_what_processing_would_have_given_at_first_at_that_time(
    unit: str, objects: list[list[tuple[int, float, int]]], later: float, together: bool, between: str
) -> None:
    """A row from too far in the future is refused, and taken by and by: by all tables, whatever was merged before."""
    now = [THEN]
    lake, fresh = MemoryLake(by(unit), now=lambda: now[0]), MemoryLake(by(unit), now=lambda: now[0])
    keys = []
    for number, rows in enumerate(objects, 1):
        lines = [
            {
                "sale_id": sale,
                "person_id": 1,
                "created_at": f"{THEN + ahead * STEPS[unit]:%Y-%m-%dT%H:%M:%S}",
                "changed_at": f"2026-11-20T10:00:{version:02d}",
                "price": 9.5,
                "note": None,
            }
            for sale, ahead, version in rows
        ]
        keys.append(lake.put_table("shop", "sale", number, lines))
        fresh.put_table("shop", "sale", number, lines)
    for batch in [keys] if together else [[key] for key in keys]:
        assert lake.process(*batch) == {}
    if between == "redelivery":
        assert lake.process(*keys) == {}
    if between == "rebuild" and lake.paths("fact_sale"):
        list(rebuild_table(lake.services, "fact_sale"))
        list(rebuild_table(lake.services, "dim_sale"))
    now[0] = THEN + later * STEPS[unit]
    assert not any(run.errors for run in replay(lake.services, to_retry(lake.services)))
    assert fresh.process(*keys) == {}
    assert state_of(lake) == state_of(fresh)
