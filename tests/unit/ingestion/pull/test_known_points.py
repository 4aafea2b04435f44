"""An answer that lacks points which the warehouse has proves no absence, whatever it says of itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answering_provider import STEP
from tests.support.feeds import Acquisition
from tests.support.paging_provider import PagingProvider, paged_contracts
from tests.support.scripted_server import scripted_server

from core.audit.history import HistoryOutcome, HistoryRequest, KnownValue
from core.feeds.calendar import slots_in
from core.time import iso
from ingestion.pull.history import pull_history

START = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
FIRST = int(START.timestamp())
SLOTS = range(FIRST, FIRST + 12 * STEP, STEP)  # what is missing: two hours
BEFORE, BEHIND = [FIRST - 2 * STEP, FIRST - STEP], [FIRST + 12 * STEP, FIRST + 13 * STEP]
LATER = START + dt.timedelta(hours=12)


class Asked:
    """Acquisition before a provider with pages."""

    def __init__(self, url: str, provider: PagingProvider) -> None:
        self.provider = provider
        self.acquisition = Acquisition(contracts=paged_contracts(), dataset="prices", url=url, token="t")

    def again(self, at: dt.datetime = LATER) -> None:
        """A provider that is well, as of a time."""
        self.provider.__init__(1, at)  # type: ignore[misc]
        self.acquisition.time.start = at
        self.acquisition.stream.records.clear()

    def history(self, known: Iterable[int], *, end: int = SLOTS.stop, given: bool = True) -> HistoryOutcome:
        values = tuple(KnownValue(slot, "o", str(self.provider.price("AAA", slot)), given) for slot in known)
        clock = self.acquisition.time.clock
        return pull_history(
            HistoryRequest("prices", "AAA", FIRST, end, known=values),
            client=self.acquisition.runtime.client("prices"),
            clock=clock,
            until=clock.monotonic() + 500,
        )


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    provider = PagingProvider(1, LATER)
    with scripted_server(provider.answer) as server:
        yield Asked(server.url, provider)


@pytest.fixture(autouse=True)
def _well(asked: Asked) -> None:
    asked.again()


def slots(ranges: tuple[tuple[int, int], ...]) -> list[int]:
    return list(slots_in(ranges, every=STEP))


def test_pages_that_end_normally_without_half_of_their_records_prove_nothing(asked: Asked) -> None:
    dropped = {BEFORE[1], BEHIND[0], *(SLOTS[place] for place in (0, 1, 4, 6, 7, 10))}
    asked.provider.drops = dropped.__contains__
    outcome = asked.history([*BEFORE, *BEHIND])
    assert (outcome.result, outcome.absent, outcome.whole, outcome.silent) == ("answered", (), (), ())
    assert slots(outcome.unproven) == [slot for slot in SLOTS if slot in dropped]
    assert slots(outcome.healed) == [slot for slot in SLOTS if slot not in dropped]
    assert outcome.unwitnessed == ()
    lacking = f"it lacks 2 points near them that the provider gave before, the first at {iso(BEFORE[1])}"
    assert outcome.reason == lacking


def test_the_same_pages_prove_what_they_lack_where_they_have_all_that_is_known(asked: Asked) -> None:
    asked.provider.holes = {("AAA", SLOTS[3])}
    outcome = asked.history([*BEFORE, *BEHIND])
    assert slots(outcome.absent) == slots(outcome.whole) == [SLOTS[3]]
    assert (outcome.unproven, outcome.reason) == ((), "")


def test_one_known_point_that_is_lacking_is_enough(asked: Asked) -> None:
    gone = BEHIND[0]  # as if the provider had withdrawn it: who took it in cannot tell
    asked.provider.holes = {("AAA", SLOTS[3]), ("AAA", gone)}
    outcome = asked.history([*BEFORE, *BEHIND])
    assert (slots(outcome.unproven), outcome.absent) == ([SLOTS[3]], ())
    assert outcome.reason.startswith("it lacks 1 point near them that the provider gave before")


def test_a_history_may_lack_what_was_observed_but_then_its_own_word_is_not_enough(asked: Asked) -> None:
    asked.provider.holes = {("AAA", SLOTS[3]), ("AAA", BEHIND[0])}  # no trade in either minute
    outcome = asked.history([*BEFORE, *BEHIND], given=False)
    assert slots(outcome.absent) == slots(outcome.silent) == [SLOTS[3]]
    assert (outcome.whole, outcome.unproven) == ((), ())


def test_an_answer_that_has_all_that_is_missing_is_not_doubted(asked: Asked) -> None:
    asked.provider.holes = {("AAA", BEHIND[0])}
    outcome = asked.history([*BEFORE, *BEHIND])
    assert (slots(outcome.healed), outcome.unproven, outcome.reason) == ([*SLOTS], (), "")


@pytest.mark.parametrize(
    "beside",
    [FIRST - 2 * 86_400, FIRST - 300],
    ids=["further away than one answer reaches", "of another cadence"],
)
def test_what_was_not_asked_for_is_not_demanded(asked: Asked, beside: int) -> None:
    asked.provider.holes = {("AAA", SLOTS[3])}
    outcome = asked.history([*BEFORE, beside])
    assert slots(outcome.whole) == [SLOTS[3]]


def test_what_is_not_published_yet_is_not_demanded(asked: Asked) -> None:
    at = dt.datetime.fromtimestamp(SLOTS.stop + STEP + 60, dt.UTC)
    asked.again(at)
    asked.provider.holes = {("AAA", SLOTS[3])}
    outcome = asked.history([*BEFORE, SLOTS.stop + STEP])  # observed a minute ago, and its slot still runs
    assert slots(outcome.whole) == [SLOTS[3]]


def test_an_empty_answer_proves_nothing_where_points_are_known(asked: Asked) -> None:
    asked.provider.drops = lambda _slot: True
    outcome = asked.history([*BEFORE, *BEHIND])
    assert (slots(outcome.unproven), outcome.absent, outcome.silent) == ([*SLOTS], (), ())
    outcome = asked.history([])
    assert (slots(outcome.silent), outcome.unproven) == ([*SLOTS], ())


def test_a_null_is_no_known_point_and_a_record_that_cannot_be_read_is(asked: Asked) -> None:
    def spoilt(value: object) -> None:
        asked.provider.spoil = lambda record: {**record, "price": value} if record["time"] == iso(BEFORE[0]) else record

    asked.provider.holes = {("AAA", SLOTS[3])}
    spoilt(None)
    assert slots(asked.history([*BEFORE, *BEHIND]).unproven) == [SLOTS[3]]
    spoilt("M")
    assert slots(asked.history([*BEFORE, *BEHIND]).absent) == [SLOTS[3]]


PLACES = st.sets(st.integers(-6, 17))


@given(dropped=PLACES, held=PLACES, missing=st.sets(st.integers(0, 11)))
@settings(max_examples=40, deadline=None)
def test_no_absence_of_a_point_that_the_source_has_while_a_known_one_is_lacking(
    asked: Asked, dropped: set[int], held: set[int], missing: set[int]
) -> None:
    asked.again()
    lost = {FIRST + place * STEP for place in dropped}
    holes = {FIRST + place * STEP for place in missing - held}
    known = {FIRST + place * STEP for place in held}
    asked.provider.drops = lost.__contains__
    asked.provider.holes = {("AAA", slot) for slot in holes}
    outcome = asked.history(sorted(known))
    absent, unproven = {*slots(outcome.absent)}, {*slots(outcome.unproven)}
    assert {*slots(outcome.healed)} == {*SLOTS} - lost - holes
    assert absent | unproven == {*SLOTS} & (lost | holes)
    if known & lost:
        assert not absent
    else:
        assert not unproven
        assert absent <= holes | lost
