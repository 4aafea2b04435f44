"""Smoke test of a deployment, without one."""

from __future__ import annotations

from cli.smoke import every_table_sql


def test_every_table_is_asked_for_one_row_at_most() -> None:
    asked = every_table_sql(["dim_date", "raw_staff"])
    assert asked.count("limit 1") == 2
    assert "union all" in asked
