"""A provider of many entities with pages, a plan and faults: what it has is there in time, by calls of the plan."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.feeds_at_scale import run_hours


def test_a_day_of_a_busy_provider_is_healed_in_time_and_within_its_plan(tmp_path: Path) -> None:
    figures, wrong = run_hours(24, 14, 5, tmp_path, calm=13, progress=lambda _text: None)
    assert wrong == []
    assert figures["points"] == 24 * 15
    assert figures["repaired"] > 50
    assert figures["beyond_plan"] == 0
