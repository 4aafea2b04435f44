"""Numbers and lengths as the page and the commands write them."""

from __future__ import annotations

import datetime as dt

from auditor.page import words


def test_lengths_are_told_in_their_two_largest_units() -> None:
    spans = (45, 600, 7200, 11_100, 187_200)
    assert [words.length(dt.timedelta(seconds=span)) for span in spans] == [
        "45 s",
        "10 min",
        "2 h",
        "3 h 5 min",
        "2 d 4 h",
    ]
