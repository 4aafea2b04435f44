"""An object with bad lines among good ones, in its short form (``make chaos`` has 200 MB)."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.large_object import large_object
from tests.chaos.run import Options


def test_every_line_of_an_object_with_one_bad_in_a_hundred_is_accounted_for_in_bounded_memory(tmp_path: Path) -> None:
    result = large_object(Options(seed=1, scratch=tmp_path, runs=12))
    assert result.faults == []
    assert result.figures["accounted"] == result.figures["lines"] > 30_000
    assert result.figures["bad"] > 300
    assert result.figures["peak_mb"] < 200
