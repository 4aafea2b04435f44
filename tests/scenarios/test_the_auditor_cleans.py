"""Objects that nothing points to are found and removed by the audits of feeds and databases alike, and no others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from tests.support.database_simulation import DatabaseSimulation, database_simulation
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in

from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file
from core.audit.findings import UnreferencedObjects
from core.audit.repair_jobs import Vacuum
from core.errors import InvalidData
from core.warehouse.pointer import DATA_ROOT, data_prefix, object_name, parse_object

EIGHT = dt.datetime(2026, 11, 19, 20, 0, tzinfo=dt.UTC)  # a Thursday's last hour of trade
FRIDAY = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)  # New York opens
AAPL = "symbol=AAPL/month=2026-11"


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Two symbols, an hour of which came, was audited, and lies thirteen hours back."""
    with feed_simulation(EIGHT, contracts=with_entities(contracts_in(), "quotes", "AAPL", "ZM")) as simulation:
        simulation.trade(EIGHT, 60)
        simulation.pass_time(minutes=5)
        assert simulation.heal()["audit"]["healthy"]
        simulation.pass_time(hours=13)
        yield simulation


def objects(simulation: FeedSimulation | DatabaseSimulation) -> set[str]:
    return {info.key for info in simulation.lake.partitions.list(DATA_ROOT)}


def leavings(feed: FeedSimulation, run: str) -> list[UnreferencedObjects]:
    """What the run's first look found of them."""
    findings = AuditResult.from_data(read_run_file(feed.lake.records, run, "audit-0")).findings
    return [finding for finding in findings if isinstance(finding, UnreferencedObjects)]


def test_what_was_replaced_in_a_feed_s_partitions_goes_and_a_clean_run_follows(feed: FeedSimulation) -> None:
    before, current = objects(feed), set(feed.lake.versions().values())
    rows = feed.rows("fact_quote")
    answers = feed.heal(run="cleaning")
    unreferenced = leavings(feed, "cleaning")
    assert {"fact_quote", "fact_quote_hourly"} >= {leaving.table for leaving in unreferenced} >= {"fact_quote"}
    assert {job.kind for job in feed.jobs("cleaning")} == {"vacuum"}
    assert answers["verify"]["healthy"]
    gone = before - objects(feed)
    assert len(gone) == sum(leaving.objects for leaving in unreferenced) > 30
    assert current <= objects(feed)
    assert set(feed.lake.versions().values()) == current
    assert feed.rows("fact_quote") == rows
    assert feed.verified() == []
    again = feed.heal(run="clean")
    assert again["audit"]["healthy"]
    assert "plan" not in again
    assert feed.mail.sent == []


def test_within_their_grace_replaced_objects_are_no_finding(feed: FeedSimulation) -> None:
    feed.heal()
    feed.trade(FRIDAY, 10)
    feed.pass_time(hours=5)
    feed.heal(run="soon")
    assert leavings(feed, "soon") == []
    feed.pass_time(hours=8)
    feed.heal(run="late")
    assert {leaving.partition for leaving in leavings(feed, "late")} >= {AAPL}


def test_the_last_object_of_each_day_stays_for_a_week(feed: FeedSimulation) -> None:
    feed.heal()
    feed.trade(FRIDAY, 4)
    feed.pass_time(hours=13)
    feed.heal()
    there = {info.key for info in feed.lake.partitions.list(data_prefix(f"fact_quote/{AAPL}"))}
    snapshot = feed.lake.snapshot("fact_quote", AAPL)
    (thursday, *_) = snapshot.footer.dailies
    assert thursday.key in there
    feed.pass_time(days=8)
    feed.heal()
    feed.pass_time(hours=1)
    assert thursday.key not in objects(feed)


def test_what_a_slow_writer_may_still_swap_in_is_left_and_what_was_beaten_is_not(feed: FeedSimulation) -> None:
    feed.heal()
    simulation = "fact_quote/symbol=ZM/month=2026-11"
    number = feed.lake.snapshot("fact_quote", "symbol=ZM/month=2026-11").version
    write = feed.lake.partitions.write_object
    beaten, coming = (write(simulation, object_name(version, "e" * 32), b"x") for version in (number, number + 1))
    for key in (beaten, coming):
        feed.lake.partitions.modified[key] -= dt.timedelta(hours=13)
    feed.heal()
    assert beaten not in objects(feed)
    assert coming in objects(feed)


def test_a_vacuum_that_fails_every_time_is_told_of_and_over_once_it_succeeds(feed: FeedSimulation) -> None:
    delete = feed.lake.records.delete

    def refuse(_keys: object) -> None:
        raise InvalidData("delete objects", "warehouse", "AccessDenied")

    feed.lake.records.delete = refuse  # type: ignore[method-assign]
    answers = feed.heal()
    assert answers["conclude"]["sent"] == ["unreferenced_object"]
    feed.lake.records.delete = delete  # type: ignore[method-assign]
    answers = feed.heal()
    assert answers["conclude"]["recovered"] == ["unreferenced_object"]


@pytest.mark.database
def test_the_sweep_of_a_database_s_objects_takes_a_bounded_stretch_and_goes_on_where_it_stopped() -> None:
    with database_simulation() as simulation:
        for _ in range(3):
            simulation.changes.rename_department()
            simulation.changes.update_orders(3)
            simulation.extract()
        assert simulation.heal()["audit"]["healthy"]
        for key in simulation.lake.partitions.modified:
            simulation.lake.partitions.modified[key] -= dt.timedelta(hours=13)
        current, rows = simulation.lake.versions(), simulation.lake.rows("fact_sales_order")
        answers = simulation.heal(run="cleaning")
        assert answers["verify"]["healthy"]
        jobs = simulation.jobs("cleaning")
        assert all(isinstance(job, Vacuum) for job in jobs)
        assert {"_current/department", "dim_staff", "fact_sales_order"} <= {job.table for job in jobs}
        left = [parse_object(key) for key in objects(simulation)]
        assert len({key.partition for key in left if key}) == len(left)  # of each partition the current one
        assert simulation.lake.versions() == current
        assert simulation.lake.rows("fact_sales_order") == rows
        assert simulation.verified() == []
        assert simulation.audited() == []
        assert simulation.mail.sent == []
