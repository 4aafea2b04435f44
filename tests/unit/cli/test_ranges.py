"""Ranges of time that are given as options."""

from __future__ import annotations

import pytest

from cli.ranges import range_of
from core.errors import Misuse


def test_a_range_has_both_ends_or_neither_and_is_utc_where_it_names_no_offset() -> None:
    assert range_of("", "", operation="audit") == (None, None)
    assert range_of("1970-01-01T00:01", "1970-01-01T02:00+01:00", operation="audit") == (60, 3600)
    assert range_of("1970-01-01", "1970-01-02", operation="audit") == (0, 86_400)
    assert range_of("1970-01-02", "", operation="report", open_ended=True) == (86_400, None)


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        ("2026-11-20T14:30", "", "is half a range"),
        ("", "2026-11-20", "is half a range"),
        ("yesterday", "today", "is no day and no instant"),
        ("2026-11-21", "2026-11-20", "ends before it begins"),
        ("2026-11-20T01:00+01:00", "2026-11-20", "is empty"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused_in_the_name_of_the_command(start: str, end: str, problem: str) -> None:
    with pytest.raises(Misuse, match=f"^verify: .*{problem}"):
        range_of(start, end, operation="verify")
