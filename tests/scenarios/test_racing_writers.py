"""Sixteen processes and one partition, through a real S3 API (``make chaos`` has 3,200 commits)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chaos.run import Options
from tests.chaos.writers import WRITERS, writers

pytestmark = pytest.mark.emulator

COMMITS = 32


def test_sixteen_processes_lose_and_double_nothing_and_no_reader_ever_sees_less(tmp_path: Path) -> None:
    result = writers(Options(seed=1, scratch=tmp_path, runs=COMMITS))
    assert result.faults == []
    assert (result.figures["writers"], result.figures["commits"]) == (WRITERS, COMMITS)
    assert (result.figures["lost"], result.figures["doubled"], result.figures["unbroken"]) == (0, 0, True)
    assert result.figures["looks"]["by_pointer"] > 10
    assert result.figures["looks"]["by_athena"] > 1
