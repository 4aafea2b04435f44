"""From the schedule's event to a plan: whom to ask in which minute."""

from __future__ import annotations

import collections
import dataclasses

import pytest
from tests.support.feeds import contracts_in

from core.contract.model import Entity, Feed, TradingCalendar
from core.errors import InvalidData
from core.time import epoch
from ingestion.request.plan import RequestPlan, dropped_entity, plan_requests

OPEN = "2026-11-20T14:30:00Z"


def quotes() -> tuple[Feed, TradingCalendar]:
    contracts = contracts_in()
    return contracts.feed("quotes"), contracts.calendar("XNYS")


def plan(at: str, *, seed: str = "", **changes: object) -> RequestPlan:
    feed, calendar = quotes()
    return plan_requests("quotes", dataclasses.replace(feed, **changes), calendar, time=epoch(at), drop_seed=seed)


def test_every_symbol_is_asked_for_in_a_message_of_its_own() -> None:
    requested = plan("2026-11-20T14:30:41Z")
    assert requested.expected == 11
    assert [message.to_data() for message in requested.messages[:2]] == [
        {"dataset": "quotes", "time": OPEN, "entities": ["AAPL"]},
        {"dataset": "quotes", "time": OPEN, "entities": ["AMD"]},
    ]
    assert len(requested.messages) == 11


@pytest.mark.parametrize(("size", "chunks"), [(1, [1] * 11), (4, [4, 4, 3]), (11, [11]), (100, [11])])
def test_entities_share_messages_as_the_contract_says(size: int, chunks: list[int]) -> None:
    requested = plan(OPEN, entities_per_message=size)
    assert [len(message.entities) for message in requested.messages] == chunks
    assert [name for message in requested.messages for name in message.entities] == [
        entity.name for entity in quotes()[0].entities
    ]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-20T14:29:59Z", 0),
        ("2026-11-20T14:30:00Z", 11),
        ("2026-11-20T20:59:59Z", 11),
        ("2026-11-20T21:00:00Z", 0),
        ("2026-11-21T15:00:00Z", 0),  # Saturday
        ("2026-11-26T15:00:00Z", 0),  # Thanksgiving
        ("2026-11-27T17:59:00Z", 11),  # half day
        ("2026-11-27T18:00:00Z", 0),
        ("2026-07-15T13:30:00Z", 11),  # summer time
        ("2026-10-30T13:30:00Z", 11),  # the last summer session
        ("2026-11-02T13:30:00Z", 0),  # and the first winter one opens an hour later
        ("2026-11-02T14:30:00Z", 11),
    ],
)
def test_only_minutes_that_the_calendar_expects_are_asked_for(at: str, expected: int) -> None:
    requested = plan(at)
    assert (requested.expected, len(requested.messages)) == (expected, expected)


def test_an_entity_is_asked_for_only_while_it_is_valid() -> None:
    entities = (Entity("FB", valid_until=OPEN), Entity("META", valid_from=OPEN))
    assert [message.entities for message in plan(OPEN, entities=entities).messages] == [("META",)]


def test_a_slower_feed_is_asked_for_in_the_first_minute_of_its_slot_alone() -> None:
    minutes = [f"2026-11-20T15:{minute:02}:07Z" for minute in range(60)]
    assert [at[14:16] for at in minutes if plan(at, every=900).messages] == ["00", "15", "30", "45"]
    assert sum(plan(at, every=3600).expected for at in minutes) == 11


def test_a_calendar_that_has_run_out_fails_loudly() -> None:
    with pytest.raises(InvalidData, match="Render the contracts again"):
        plan("2030-01-02T15:00:00Z")


def test_the_fault_switch_leaves_out_one_entity_a_minute_the_same_one_every_time() -> None:
    assert plan(OPEN).left_out == ""
    first, again = plan(OPEN, seed="demo"), plan(OPEN, seed="demo")
    assert first == again
    assert first.expected == 11
    assert len(first.messages) == 10
    assert first.left_out not in [name for message in first.messages for name in message.entities]


def test_with_the_demos_seed_every_symbol_of_an_hour_is_left_out_at_least_once() -> None:
    names = [entity.name for entity in quotes()[0].entities]
    slots = range(epoch(OPEN), epoch(OPEN) + 3600, 60)
    counts = collections.Counter(dropped_entity(names, seed="demo", slot=slot) for slot in slots)
    assert set(counts) == set(names)
    assert max(counts.values()) < 20
