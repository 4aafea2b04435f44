"""The interval that a pass reads, over histories of passes of which some ran out of time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from core.landing.ingest_objects import ObjectFacts
from core.landing.state import StoredState, plan_adoption
from ingestion.engines.port import Bound
from ingestion.extract.table import plan_interval

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOOKBACK = 10  # minutes
READING: Any = SimpleNamespace(table=SimpleNamespace(name="ledger"), written_elsewhere="", precision=MINUTE)


def passes(draw: random.Random) -> list[tuple[datetime, datetime, datetime, datetime]]:
    """Passes of some hours as (snapshot, start, end, where it was cut): what it read is in [start, cut)."""
    source: Any = SimpleNamespace(lookback=LOOKBACK * 60, margin=0)
    facts = ObjectFacts(NOON - 60 * MINUTE, NOON, NOON - MINUTE, (1,), 1, "", True)
    at, history = NOON, []
    for number in range(40):
        at += draw.randint(1, 15) * MINUTE
        state = plan_adoption(StoredState(facts.durable_until, number), [], facts)
        interval = plan_interval(state, Bound(at, at), READING, source)
        assert interval is not None
        start = interval.start.at if interval.start.after is None else interval.start.at + MINUTE
        minutes = (interval.until - start) // MINUTE
        cut = interval.until if draw.random() < 0.6 or minutes < 2 else start + draw.randint(1, minutes - 1) * MINUTE
        history.append((at, start, interval.until, cut))
        facts = ObjectFacts(start, interval.until, cut - MINUTE, (1,), 1, "", cut == interval.until)
    return history


@pytest.mark.parametrize("seed", range(20))
def test_with_a_lookback_every_row_that_is_late_by_less_is_read_however_passes_are_cut(seed: int) -> None:
    """A row of 11:55 that was committed at 12:03 was read by none: the pass of 12:00 was cut behind 11:58."""
    history = passes(random.Random(seed))
    last = history[-1][0] - 3 * LOOKBACK * MINUTE
    missed = []
    for minute in range((last - NOON) // MINUTE):
        version = NOON + minute * MINUTE
        for late in range(LOOKBACK):
            committed = version + late * MINUTE
            if not any(at >= committed and start <= version < cut for at, start, _, cut in history):
                missed.append((version, late))
    assert missed == []


def end_of_cut(bound: Bound, *, lookback: int = 0) -> datetime | None:
    """How far an interval is read on that was cut an hour before noon, and would have ended at noon."""
    source: Any = SimpleNamespace(lookback=lookback * 60, margin=0)
    facts = ObjectFacts(NOON - 90 * MINUTE, NOON, NOON - 60 * MINUTE, (1,), 1, "", False)
    interval = plan_interval(plan_adoption(StoredState(facts.durable_until, 1), [], facts), bound, READING, source)
    return interval.until if interval else None


def test_an_interval_that_was_cut_is_read_to_its_own_end_while_a_transaction_holds_the_horizon() -> None:
    """What was promised once is there for ever, on a server that shows as much."""
    later = NOON + 5 * MINUTE
    assert end_of_cut(Bound(later, None, "1 prepared transactions are pending")) == NOON
    assert end_of_cut(Bound(later, NOON - 30 * MINUTE)) == NOON
    assert end_of_cut(Bound(later, later)) == later - MINUTE, "less a unit of the cursor's last digit"


def test_no_interval_is_read_further_than_its_server_shows() -> None:
    """A cut interval's end was promised by another server: a replica may lag behind it, a clock may be behind."""
    later = NOON + 5 * MINUTE
    assert end_of_cut(Bound(later, None, "the replica has not replayed so far", lags=True)) is None
    assert end_of_cut(Bound(NOON - MINUTE, NOON - MINUTE)) == NOON - 2 * MINUTE
    assert end_of_cut(Bound(NOON - MINUTE, None, "1 prepared transactions are pending")) is None
    assert end_of_cut(Bound(later, None, "it has not replayed a transaction yet", lags=True), lookback=10) is None
    assert end_of_cut(Bound(later, NOON - 30 * MINUTE), lookback=10) == NOON - 31 * MINUTE, "what a replica replayed"
    assert end_of_cut(Bound(later, later), lookback=10) == NOON
