from __future__ import annotations

import pytest
from tests.scenarios.extraction_backlog import run_backlog

pytestmark = pytest.mark.database


def test_a_backlog_loads_through_three_time_outs_in_bounded_memory() -> None:
    report = run_backlog(200_000, rows_per_object=10_000)
    assert (report["timeouts"], report["finished"]) == (3, True), report
    assert (report["lost"], report["twice"]) == (0, 0), report
    assert report["peak_mb"] is None or report["peak_mb"] < 48, report
