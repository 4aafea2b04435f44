"""Digits as whole numbers and days, against Python's own reading of the same texts."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from processing.lines.digits import MOST_DIGITS, Content, days, whole_numbers

FORM = re.compile(r"-?(0|[1-9][0-9]*)")
EPOCH = dt.date(1970, 1, 1)

numbers = st.integers(-(10**MOST_DIGITS) + 1, 10**MOST_DIGITS - 1)
texts_like_numbers = st.text("0123456789-./:; ", min_size=1, max_size=MOST_DIGITS + 3)


def laid_out(texts: list[str]) -> tuple[Content, np.ndarray, np.ndarray]:
    """The texts side by side, with other digits before the first and behind the last."""
    data = b"7" * Content.BEFORE + "".join(texts).encode() + b"7" * Content.BEHIND
    stop = Content.BEFORE + np.cumsum([len(text) for text in texts])
    return Content(data), stop - [len(text) for text in texts], stop


def written(number: int, scale: int) -> str:
    return f"{Decimal(number).scaleb(-scale):f}"


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(0, MOST_DIGITS - 1))
def test_plain_numbers_are_read_in_units_of_their_last_digit(values: list[int], scale: int) -> None:
    texts = [written(number, scale) for number in values]
    numbers = whole_numbers(*laid_out(texts), scale=scale)
    assert numbers is not None
    assert numbers.tolist() == values


@given(texts_like_numbers, st.integers(0, 9), st.integers(0, 3), st.integers(-999_999, 999_999))
@example("00.5", 1, 0, 5)
@example("-.5", 1, 0, 5)
@example("1.50", 1, 1, 15)
def test_whatever_else_stands_there_is_not_read(text: str, scale: int, place: int, number: int) -> None:
    whole, point, fraction = text.partition(".")
    is_plain = FORM.fullmatch(whole) and (fraction.isdecimal() and len(fraction) == scale if scale else not point)
    fits = len(text.lstrip("-")) - bool(scale) <= MOST_DIGITS
    texts = [written(number, scale)] * 3
    texts.insert(place, text)
    numbers = whole_numbers(*laid_out(texts), scale=scale)
    if is_plain and fits:
        assert numbers is not None
        assert numbers[place] == int(Decimal(text).scaleb(scale))
    else:
        assert numbers is None


def test_numbers_of_many_columns_are_read_as_those_of_one() -> None:
    content, start, stop = laid_out(["1", "-22", "333", "4444", "55555", "-666666"])
    numbers = whole_numbers(content, start.reshape(3, 2), stop.reshape(3, 2))
    assert numbers is not None
    assert numbers.tolist() == [[1, -22], [333, 4444], [55555, -666666]]


@given(st.lists(st.dates(), min_size=1, max_size=20))
@example([dt.date.min, dt.date.max, dt.date(2024, 2, 29), dt.date(1900, 2, 28), dt.date(1969, 12, 31)])
def test_days_are_counted_from_the_epoch(dates: list[dt.date]) -> None:
    content, start, _ = laid_out([date.isoformat() for date in dates])
    counted = days(content, start)
    assert counted is not None
    assert counted.tolist() == [(date - EPOCH).days for date in dates]


@given(st.dates(), st.integers(0, 9), st.sampled_from("0123456789-/: T\x00\x7f"), st.integers(0, 1))
@example(dt.date(2023, 2, 28), 9, "9", 0)
@example(dt.date(1900, 2, 28), 9, "9", 1)
@example(dt.date(2026, 4, 30), 9, "1", 0)
@example(dt.date(1, 1, 1), 3, "0", 0)
def test_what_is_no_day_is_not_read(date: dt.date, at: int, character: str, place: int) -> None:
    text = date.isoformat()
    text = text[:at] + character + text[at + 1 :]
    texts = ["2026-11-20", "2026-11-20"]
    texts[place] = text
    content, start, _ = laid_out(texts)
    counted = days(content, start)
    try:
        day = dt.date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        day = None
    if day is None:
        assert counted is None
    else:
        assert counted is not None
        assert counted[place] == (day - EPOCH).days
