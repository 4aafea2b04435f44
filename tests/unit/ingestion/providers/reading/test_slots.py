"""Records fitted to slots: an answer whose times are moved as a whole is told by its own ends."""

from __future__ import annotations

import datetime as dt

from hypothesis import assume, given
from hypothesis import strategies as st

from ingestion.providers.reading.slots import ABOUT, Fitted, Record, fit

START, STEP = dt.datetime(2026, 11, 20, tzinfo=dt.UTC), dt.timedelta(minutes=10)
counts = st.integers(12, 200)


def fitted(first: int, last: int, count: int, *, holes: frozenset[int] = frozenset(), published: int = 10**4) -> Fitted:
    """Records of the steps ``first`` to ``last`` in answer to a call for as many as ``count`` from the start on."""
    records = [Record(START + n * STEP, {"v": n}, {"v": n}) for n in range(first, last) if n not in holes]
    until = START + published * STEP
    return fit(records, start=START, end=START + count * STEP, every=600, published=until)


@given(counts, st.integers(-200, 200), st.frozensets(st.integers(1, 198), max_size=10))
def test_an_answer_that_is_moved_by_more_than_a_few_steps_is_told(count: int, by: int, holes: frozenset[int]) -> None:
    assume(ABOUT < abs(by) < count and count - 1 not in holes)
    answer = fitted(by, count + by, count, holes=frozenset(hole + by for hole in holes))
    assert answer.elsewhere or answer.shifted == (f"its times look {'early' if by < 0 else 'late'} by {abs(by) * STEP}")


@given(counts, st.integers(1, 11), st.integers(0, 40), st.integers(0, 40))
def test_one_that_is_rounded_or_holds_neighbours_or_the_future_is_none(
    count: int, published: int, before: int, behind: int
) -> None:
    assert fitted(-before, published, count, published=published).shifted == ""
    assert fitted(-before, count + behind, count).shifted == ""
    assert fitted(0, count + behind, count, published=published).shifted == ""
