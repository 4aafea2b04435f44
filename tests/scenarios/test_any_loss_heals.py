"""Whatever is lost, whenever: healed, facts and rollups are those of a run that never lost anything."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.feed_simulation import FeedSimulation, feed_simulation, some_points, with_entities
from tests.support.feeds import contracts_in

from core.audit.repair_jobs import FetchHistory

CLEANED = {"unreferenced_object"}  # what trade leaves behind and days make old
SYMBOLS = ("AMD", "ZM")
WHEN = ("provenance", "fetched_at", "provider_time")

# Stretches of trade (UTC) around what is easy to get wrong; in windows that begin in them nothing else is owed.
SESSIONS = {
    "clocks go forward": [("2026-03-06T20:00", 60), ("2026-03-09T13:00", 60)],  # opens at 13:30, no longer at 14:30
    "clocks go back": [("2026-10-30T19:00", 60), ("2026-11-02T14:00", 60)],  # closed at 20:00; a month's end as well
    "half day": [("2026-11-27T17:00", 70)],  # closes at 18:00
    "a month ends": [("2026-11-30T20:00", 60), ("2026-12-01T14:20", 40)],
    "a year ends": [("2026-12-31T20:00", 60), ("2027-01-04T14:20", 40)],
}


def traded(feed: FeedSimulation, session: str) -> None:
    for start, minutes in SESSIONS[session]:
        feed.trade(dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC), minutes, slots_an_object=6)
    feed.pass_time(hours=1)


def start_of(session: str) -> dt.datetime:
    return dt.datetime.fromisoformat(SESSIONS[session][0][0]).replace(tzinfo=dt.UTC)


@contextmanager
def simulated(session: str) -> Iterator[FeedSimulation]:
    """A feed that is deployed, schedules and all, when the session begins."""
    contracts = with_entities(contracts_in(), "quotes", *SYMBOLS)
    with feed_simulation(start_of(session), contracts=contracts) as feed:
        feed.deployed()
        yield feed


@functools.cache
def undisturbed(session: str) -> tuple[list[Any], list[Any]]:
    """Facts and rollups where nothing was lost."""
    with simulated(session) as whole:
        traded(whole, session)
        answers = whole.heal()["audit"]
        assert (answers["missing"], set(answers["kinds"]) - CLEANED) == (0, set())
        return whole.rows("fact_quote", without=WHEN), whole.rows("fact_quote_hourly", without=("repaired",))


@pytest.mark.parametrize("session", SESSIONS)
def test_each_session_has_an_opening_or_a_close_in_it(session: str) -> None:
    facts, hourly = undisturbed(session)
    assert 0 < len(facts) < 2 * sum(minutes for _, minutes in SESSIONS[session])
    assert all(row["complete"] for row in hourly)


@settings(max_examples=4, phases=[Phase.generate])  # an example takes seconds: no shrinking
@given(session=st.sampled_from(sorted(SESSIONS)), seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_any_loss_heals_to_what_a_run_without_it_has(session: str, seed: int, share: float) -> None:
    heals(session, seed, share)


def test_a_loss_of_everything_heals() -> None:
    heals("a year ends", 340082, 1.0)


def heals(session: str, seed: int, share: float) -> None:
    facts, hourly = undisturbed(session)
    with simulated(session) as feed:
        feed.loses = some_points(seed, share)
        traded(feed, session)
        there = {(row["symbol"], row["minute"]) for row in feed.rows("fact_quote")}
        lost = {(row["symbol"], row["minute"]) for row in facts} - there
        answers = feed.heal(run="healing")
        assert answers["audit"]["missing"] == len(lost)
        fetched = [job for job in feed.jobs("healing") if isinstance(job, FetchHistory)]
        asked = set(itertools.chain.from_iterable(map(_minutes, fetched)))
        # A call may span the hours between two sessions, in which nothing is owed; but no minute that was there.
        assert (asked & (there | lost)) == lost
        assert feed.rows("fact_quote", without=WHEN) == facts
        assert feed.rows("fact_quote_hourly", without=("repaired",)) == hourly
        assert sum(row["repaired"] for row in feed.rows("fact_quote_hourly")) == len(lost)
        assert feed.verified() == []
        assert feed.mail.sent == []


def _minutes(job: FetchHistory) -> list[tuple[str, dt.datetime]]:
    slots = [slot for start, end in (job.wanted or job.ranges) for slot in range(start, end, 60)]
    return [(job.entity, dt.datetime.fromtimestamp(slot, dt.UTC).replace(tzinfo=None)) for slot in slots]
