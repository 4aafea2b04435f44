"""What a feed owes is told by the contract of each point's time: compared, point by point, with what the words say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import feed_contract

from core.contract.model import Contract, Contracts, Entity, Feed, TradingCalendar
from core.errors import of_kind
from core.evolution.deployments import ContractForm, Deployment, Recorded
from core.evolution.promised import Settling, contracts_at_all_times, contracts_until, place_of, settlings
from core.feeds.calendar import entities_at, expected_between, is_expected, validity
from core.feeds.grid import feed_grid
from core.time import iso

MINUTE, START, END = 60, 1_795_000_200, 1_795_003_800  # an hour
NAMES = ("A", "B", "C")
NOW = END + 600


def contract(*entities: Entity, every: int = MINUTE) -> Contract:
    base = feed_contract()
    feed = of_kind(base.source, Feed, "test", "feed")
    changed = replace(base, source=replace(feed, every=every, entities=entities))
    return replace(changed, hash=f"{every} {entities}")


def recorded(number: int, since: int, promise: Contract, calendar: TradingCalendar) -> Recorded:
    form = ContractForm(promise, calendar)
    return Recorded(Deployment(promise.dataset, number, since, promise.hash, form.hash), form)


def always(start: int = 0, end: int = 4_000_000_000, *, segments: tuple[tuple[int, int], ...] = ()) -> TradingCalendar:
    return TradingCalendar("always", "1", start, end, segments or ((start, end),))


def promised(history: Sequence[Recorded]) -> tuple[Feed, TradingCalendar]:
    form = history[-1].form
    assert form.calendar is not None
    contracts = Contracts((form.contract,), calendars=(form.calendar,))
    whole = contracts_at_all_times(contracts, form.contract.dataset, history, now=NOW)
    feed = whole.feed(form.contract.dataset)
    return feed, whole.calendar(feed.calendar)


def owed(history: Sequence[Recorded]) -> set[tuple[str, int]]:
    """Every owed point of the hour, as the grid has them."""
    feed, calendar = promised(history)
    grid = feed_grid(feed, calendar, start=START, end=END)
    return {(name, int(slot)) for name in grid.entities for slot in grid.slots_of(name)}


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    moments = sorted(draw(st.lists(st.integers(START - 300, END), min_size=1, max_size=4, unique=True)))
    instants = st.none() | st.integers(0, 60).map(lambda minute: iso(START + minute * MINUTE))
    history = []
    for number, since in enumerate(moments, 1):
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
        entities = [Entity(name, draw(instants) or "", draw(instants) or "") for name in names]
        opens = START + 60 * draw(st.integers(0, 30))
        segments = draw(st.sampled_from([(), ((0, opens), (opens + 600, 4_000_000_000))]))
        every = draw(st.sampled_from([60, 120, 300]))
        history.append(recorded(number, since, contract(*entities, every=every), always(segments=segments)))
    return history


def by_the_words(history: Sequence[Recorded]) -> set[tuple[str, int]]:
    """Minute by minute: the contract of the time, but for the bounds that the last to name an entity states."""
    points = set()
    last = {
        entity.name: (place, entity)
        for place, each in enumerate(history)
        for entity in of_kind(each.form.contract.source, Feed, "test", "feed").entities
    }
    ends = [*(each.deployment.since for each in history[1:]), 2**62]
    for second in range(START, END, MINUTE):
        place = max([0, *(n for n, each in enumerate(history) if each.deployment.since <= second)])
        form = history[place].form
        feed = of_kind(form.contract.source, Feed, "test", "feed")
        assert form.calendar is not None
        if second % feed.every or not is_expected(form.calendar, second):
            continue
        named = {entity.name: entity for entity in feed.entities}
        for name, (newest, entity) in last.items():
            since, until = validity(entity)
            is_valid = name in named and validity(named[name])[0] <= second < validity(named[name])[1]
            is_stated = entity.valid_from and since <= second < min(until, ends[newest])
            if (is_valid or is_stated) and second < until:
                points.add((name, second))
    return points


@settings(max_examples=25)
@given(histories())
def test_the_grid_owes_what_the_contract_of_each_minute_says(history: list[Recorded]) -> None:
    assert owed(history) == by_the_words(history)


@settings(max_examples=25)
@given(histories())
def test_grid_bitmap_and_the_rule_for_single_instants_agree(history: list[Recorded]) -> None:
    feed, calendar = promised(history)
    grid = feed_grid(feed, calendar, start=START, end=END)
    points = {(name, int(slot)) for name in grid.entities for slot in grid.slots_of(name)}
    assert grid.slots.tolist() == expected_between(calendar, every=feed.every, start=START, end=END)
    assert int(grid.bitmap().sum()) == grid.expected == len(points)
    assert {(each.name, slot) for slot in grid.slots.tolist() for each in entities_at(feed, slot)} == points


def test_a_new_symbol_is_owed_from_its_deployment_and_alarms_nothing_before() -> None:
    since = START + 1800
    history = [
        recorded(1, START, contract(Entity("A")), always()),
        recorded(2, since, contract(Entity("A"), Entity("B")), always()),
    ]
    assert {slot for name, slot in owed(history) if name == "B"} == set(range(since, END, MINUTE))
    assert {slot for name, slot in owed(history) if name == "A"} == set(range(START, END, MINUTE))


def test_a_symbol_that_was_taken_out_came_back_and_went_is_owed_while_it_was_there() -> None:
    both, alone = contract(Entity("A"), Entity("B")), contract(Entity("A"))
    times = [START + 600 * number for number in range(4)]
    history = [
        recorded(number, since, both if number % 2 else alone, always()) for number, since in enumerate(times, 1)
    ]
    slots = {slot for name, slot in owed(history) if name == "B"}
    assert slots == {*range(START, START + 600, MINUTE), *range(START + 1200, START + 1800, MINUTE)}


def test_one_contract_is_promised_as_it_stands() -> None:
    only = contract(Entity("A", valid_from=iso(START + 60)))
    contracts = Contracts((only,), calendars=(always(),))
    assert contracts_at_all_times(contracts, only.dataset, [recorded(1, START, only, always())], now=NOW) is contracts
    assert contracts_at_all_times(contracts, only.dataset, [], now=NOW) is contracts


def test_a_contract_that_is_not_recorded_yet_holds_from_now_on() -> None:
    old, new = contract(Entity("A")), contract(Entity("A"), every=300)
    contracts = Contracts((new,), calendars=(always(),))
    now = START + 1800
    whole = contracts_at_all_times(contracts, new.dataset, [recorded(1, 0, old, always())], now=now)
    feed = whole.feed(new.dataset)
    grid = feed_grid(feed, whole.calendar(feed.calendar), start=START, end=END)
    assert grid.slots.tolist() == [*range(START, now, 60), *range(now, END, 300)]
    assert grid.steps.tolist() == [60] * 30 + [300] * 6


def test_points_settle_by_the_contract_of_their_time_and_the_first_holds_for_all_before_it() -> None:
    feed = of_kind(feed_contract().source, Feed, "test", "feed")
    patient = replace(feed_contract(), source=replace(feed, settle=600), hash="patient")
    same = contract(Entity("A"), Entity("B"), every=feed.every)
    history = [
        recorded(1, START, contract(Entity("A"), every=feed.every), always()),
        recorded(2, START + 60, same, always()),
        recorded(3, START + 120, patient, always()),
        recorded(4, START + 180, same, always()),
    ]
    terms = [(term.every, term.settle) for term in settlings(history)]
    assert terms == [(feed.every, feed.settle), (feed.every, 600), (feed.every, feed.settle)]
    assert [term.since for term in settlings(history)][1:] == [START + 120, START + 180]
    assert settlings(history)[0].since < 0
    assert settlings([]) == ()
    assert settlings(history[:1]) == (Settling(settlings(history)[0].since, feed.every, feed.settle),)


def test_what_was_certified_is_judged_by_the_contract_that_it_names() -> None:
    old, new = contract(Entity("A")), contract(Entity("A"), Entity("B", valid_from=iso(0)))
    history = [recorded(1, START, old, always()), recorded(2, START + 1800, new, always())]
    assert place_of(history, old.hash, verified_at=START + 60) == 0
    assert place_of(history, new.hash, verified_at=START + 2000) == 1
    assert place_of(history, "unknown", verified_at=START) is None
    names = [[entity.name for entity in contracts_until(history, n).feed(old.dataset).entities] for n in (0, 1)]
    assert names == [["A"], ["A", "B"]]


@pytest.mark.parametrize("newer", [always(), always(START + 600)])
def test_a_calendar_speaks_for_its_time_and_the_newest_for_what_no_other_knows(newer: TradingCalendar) -> None:
    closed = always(START, START + 1200, segments=((START, START + 300),))
    promise = contract(Entity("A"))
    history = [recorded(1, START, promise, closed), recorded(2, START + 1800, promise, newer)]
    _, calendar = promised(history)
    slots = expected_between(calendar, every=60, start=START, end=END)
    assert slots == [*range(START, START + 300, 60), *range(START + 1200, END, 60)]
