"""Charts as specifications."""

from __future__ import annotations

import pytest

from cli.report.charts import visible_shares
from cli.report.coverage import Counts


def test_a_single_missing_point_of_many_is_wide_enough_to_be_seen() -> None:
    shares = visible_shares(Counts(observed=10_000, missing=1))
    assert shares["missing"] > 0.05
    assert sum(shares.values()) == pytest.approx(1)
    assert visible_shares(Counts()) == {}
