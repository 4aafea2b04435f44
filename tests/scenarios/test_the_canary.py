"""One gap a day is planted in a shadow feed; that it is healed proves that the whole road still works."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation
from tests.support.feeds import ROOT, contracts_in

from core.audit.canary import newest_gap, planted_gap
from core.ports import StreamRecord

MORNING = dt.datetime(2026, 11, 19, 14, 0, tzinfo=dt.UTC)  # a Thursday, half an hour before New York opens
SLOTS = 16  # to ten in the evening, an hour after it closes
DAY = 86_400


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[FeedSimulation]:
    shutil.copy(ROOT / "contracts/canary.yaml", tmp_path)
    with feed_simulation(MORNING, contracts=contracts_in(tmp_path), dataset="canary") as simulation:
        yield simulation


def a_day(canary: FeedSimulation, start: dt.datetime) -> None:
    """The session, and as long after it as a gap may be open."""
    canary.trade(start, SLOTS)
    canary.pass_time(hours=3)


def gap_of(canary: FeedSimulation, start: dt.datetime) -> tuple[str, int]:
    day = int(start.timestamp()) // DAY * DAY
    gap = planted_gap("canary", canary.feed, canary.contracts.calendar("XNYS"), day)
    assert gap
    return gap


def healed(canary: FeedSimulation) -> list[float]:
    return canary.metrics.values.get("CanaryHealed", [])


def test_the_planted_gap_of_every_day_is_healed_by_the_whole_road_and_counted(canary: FeedSimulation) -> None:
    for number in range(2):
        start = MORNING + dt.timedelta(days=number)
        a_day(canary, start)
        answers = canary.heal(run=f"day-{number}")
        assert answers["audit"]["missing"] == 1
        assert answers["certify"]["repaired"] == 1
        entity, slot = gap_of(canary, start)
        (job,) = [job for job in canary.jobs(f"day-{number}") if job.kind == "fetch_history"]
        assert (job.entity, job.ranges) == (entity, ((slot, slot + 1800),))
    assert healed(canary) == [1, 1]
    assert canary.metrics.values["PointsRepaired"] == [1, 1]
    assert canary.mail.sent == []
    assert [row["provenance"] for row in canary.rows("fact_canary")].count("repaired") == 2
    canary.pass_time(days=2)  # Sunday: nothing was planted since Friday, and that one is healed
    canary.heal()
    assert healed(canary)[-1] == 1


def test_a_gap_that_the_auditor_cannot_heal_is_a_dead_canary(canary: FeedSimulation) -> None:
    canary.market.fail("html", endpoint="candle")
    a_day(canary, MORNING)
    canary.heal()
    assert healed(canary) == [0]
    canary.market.heal()
    canary.heal()
    assert healed(canary) == [0, 1]


def test_a_gap_that_nobody_planted_proves_nothing(canary: FeedSimulation) -> None:
    entity, slot = gap_of(canary, MORNING)
    a_day(canary, MORNING)
    line = {
        "symbol": entity, "minute": dt.datetime.fromtimestamp(slot, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kind": "live", "provenance": "observed", "fetched_at": "2026-11-19T22:00:00Z", "dataset": "canary", "c": 1.25,
    }  # fmt: skip
    canary.acquisition.stream.put([StreamRecord(entity, json.dumps(line).encode() + b"\n")])
    canary.deliver()
    canary.heal()
    assert healed(canary) == [0]


def test_before_the_first_gap_is_due_nothing_is_said(canary: FeedSimulation) -> None:
    canary.trade(MORNING, 3)
    canary.heal()
    assert healed(canary) == []


def test_a_day_without_trade_has_no_gap_and_the_last_one_counts(canary: FeedSimulation) -> None:
    calendar = canary.contracts.calendar("XNYS")
    saturday = int(dt.datetime(2026, 11, 21, tzinfo=dt.UTC).timestamp())
    assert planted_gap("canary", canary.feed, calendar, saturday) is None
    friday = planted_gap("canary", canary.feed, calendar, saturday - DAY)
    assert newest_gap("canary", canary.feed, calendar, before=saturday + DAY) == friday
