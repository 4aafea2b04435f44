"""A star certified at random: nothing is claimed that is not so, and in the end all of it is."""

from __future__ import annotations

from pathlib import Path

from tests.support.star_walk import walked


def test_whatever_comes_after_what_no_tag_says_what_is_not_so_and_in_the_end_all_is_certified(tmp_path: Path) -> None:
    """``make chaos`` walks further."""
    assert walked(tmp_path, 4, steps=25) == []
