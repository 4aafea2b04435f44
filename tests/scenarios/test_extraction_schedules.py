from __future__ import annotations

import pytest
from tests.scenarios.extraction_schedules import run_schedules

pytestmark = pytest.mark.database


def test_no_schedule_of_transactions_loses_a_row_while_the_naive_cursor_does() -> None:
    report = run_schedules(20, seed=20261120)
    assert report["runs"] == 20
    assert (report["lost"], report["twice"], report["holes"]) == (0, 0, 0), report
    assert report["naive_lost"] > 0
    assert report["objects"] > 40
    assert report["fail_overs"] == 1
    assert report["inversions"] > 20
    assert report["longest"] > 5
