"""Records fitted to slots: an answer whose times are moved as a whole is told by its own ends."""

from __future__ import annotations

import datetime as dt

from hypothesis import assume, given
from hypothesis import strategies as st

from ingestion.providers.reading.slots import ABOUT, Fitted, Loss, Record, fit

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


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=40, unique=True),
    st.sampled_from(["first", "last"]),
    st.sampled_from(["ends", "behind", "anywhere"]),
    st.booleans(),
    st.data(),
)
def test_a_slot_that_an_answer_cuts_through_is_not_the_value_of_what_is_left_of_it(
    minutes: list[int], keep: str, loss: Loss, newest_first: bool, data: st.DataObject
) -> None:
    """Whatever part of the whole answer's records comes, each point is the whole answer's or is not there."""
    records = [Record(START + n * STEP / 4, {"v": n}, {"v": n}) for n in sorted(minutes, reverse=newest_first)]
    until = data.draw(st.integers(1, len(records)))
    since = data.draw(st.integers(0, until - 1)) if loss != "behind" else 0
    part = records[since:until]
    if loss == "anywhere":
        part = data.draw(st.permutations(part))
    answers = [
        fit(of, start=START, end=START + 15 * STEP, every=600, align="floor", keep=keep, loss=of_loss)
        for of, of_loss in ((records, "none"), (part, loss))
    ]
    assert set(map(str, answers[1].points)) <= set(map(str, answers[0].points))
    lacking = {point.time for point in answers[0].points if point.time in {START + n // 4 * STEP for n in minutes}}
    read = {START + int((record.time - START) / STEP) * STEP for record in part if record.time}
    assert answers[1].partial or (read & lacking) <= {point.time for point in answers[1].points}


def test_a_record_without_a_time_may_be_of_either_neighbours_slot() -> None:
    times = [0, 5, None, 12, 17, 25]
    records = [Record(None if at is None else START + at * STEP / 10, {"v": at}, at) for at in times]
    answer = fit(records, start=START, end=START + 3 * STEP, every=600, align="floor", keep="last")
    assert [point.values["v"] for point in answer.points] == [25]
    assert answer.partial
