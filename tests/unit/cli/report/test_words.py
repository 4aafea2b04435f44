"""Numbers, shares and lengths as the page writes them."""

from __future__ import annotations

import datetime as dt

from cli.report import words
from cli.report.coverage import Counts


def test_percentages_never_round_a_gap_away() -> None:
    assert words.percent(100_000, 100_000) == "100 %"
    assert words.percent(99_999, 100_000) == ">99.9 %"
    assert words.percent(1, 100_000) == "<0.1 %"
    assert words.percent(0, 100_000) == "0 %"
    assert words.percent(597, 600) == "99.5 %"


def test_a_cell_says_what_is_there_or_what_is_not() -> None:
    complete, gap = Counts(observed=58, repaired=2), Counts(observed=57, missing=3)
    absent = Counts(observed=57, absent=3)
    assert [words.cell(one, wide=True) for one in (complete, gap, absent, Counts())] == ["60", "57/60", "57+3", ""]
    assert [words.cell(one, wide=False) for one in (complete, gap, absent)] == ["60", "−3", "+3"]
    assert words.breakdown(complete) == "60 of 60 present (58 observed, 2 repaired), none missing"
    assert words.breakdown(gap) == "57 of 60 present (57 observed), 3 missing"


def test_lengths_are_told_in_their_two_largest_units() -> None:
    spans = (45, 600, 7200, 11_100, 187_200)
    assert [words.length(dt.timedelta(seconds=span)) for span in spans] == [
        "45 s",
        "10 min",
        "2 h",
        "3 h 5 min",
        "2 d 4 h",
    ]
