"""Smoke test of a deployment, without one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from bench.calls.simulated import SimulatedAws

from cli.smoke import every_table_sql, remove_leftovers
from core.landing.ingest_objects import RepairObject
from core.landing.zone import FEEDS, TRIAL_HOUR, Landing, landing_of

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_what_a_test_that_was_cut_off_left_is_removed_and_nothing_else() -> None:
    now = NOW
    aws = SimulatedAws(clock=lambda: now)
    deployed = SimpleNamespace(clients=aws.client, ingest_bucket="ingest", warehouse_bucket="warehouse")
    s3 = aws.client("s3")

    def put(landing: Landing) -> None:
        s3.put_object(Bucket="ingest", Key=landing.key, Body=b"")
        s3.put_object(Bucket="warehouse", Key=landing.receipt_key, Body=b"{}")

    def landings(kind: str) -> list[Landing]:
        names = (f"smoke-{kind}.gz", "1-a-row.gz") if kind == "old" else (f"smoke-{kind}.gz",)
        feeds = [f"{FEEDS}quotes/{TRIAL_HOUR}/{name}" for name in names]
        repairs = [RepairObject("sales", "staff", name.removesuffix(".gz")).key for name in names]
        return [landing for key in (*feeds, *repairs) if (landing := landing_of(key))]

    old = landings("old")
    for landing in old:
        put(landing)
    now += timedelta(hours=1)
    running = landings("new")
    for landing in running:
        put(landing)
    for landing in running:
        remove_leftovers(deployed, landing, now=now)  # type: ignore[arg-type]
    kept = [landing for landing in (*old, *running) if "smoke-old" not in landing.key]
    assert set(aws.bucket("ingest").objects) == {landing.key for landing in kept}
    assert set(aws.bucket("warehouse").objects) == {landing.receipt_key for landing in kept}
    assert len(kept) == 4


def test_every_table_is_asked_for_one_row_at_most() -> None:
    asked = every_table_sql(["dim_date", "raw_staff"])
    assert asked.count("limit 1") == 2
    assert "union all" in asked
