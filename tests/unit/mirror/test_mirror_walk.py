"""A mirror walked at random: whatever comes after what, its snapshots are what they were when they were made."""

from __future__ import annotations

from pathlib import Path

from tests.support.mirror_walk import walked


def test_whatever_comes_after_what_each_snapshot_is_what_it_was(tmp_path: Path) -> None:
    """``make chaos`` walks further."""
    assert walked(tmp_path, 3, steps=30) == []
