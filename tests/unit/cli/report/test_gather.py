"""The report of a pipeline in memory: before anything came, before an audit, after it, and when things are broken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation, some_points
from tests.support.lake import shipped_contracts

from cli.report.coverage import Counts, FeedView
from cli.report.gather import Range, Sources, gather
from cli.report.page import page
from cli.report.shape import Report, to_data
from core.contract.model import Table
from core.errors import OutOfReach
from core.json import canonical_json
from core.ports import StoredObject

OPENS = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
CLOSES = OPENS + dt.timedelta(hours=1)


@pytest.fixture
def one() -> Iterator[FeedSimulation]:
    with feed_simulation(OPENS) as made:
        yield made


@pytest.fixture(scope="module")
def traded() -> Iterator[FeedSimulation]:
    """An hour of which every point was observed; shared, so only to be read."""
    with feed_simulation(OPENS) as made:
        an_hour(made)
        yield made


def sources(one: FeedSimulation, **more: Any) -> Sources:
    """The stack as the report reads it; ``newest`` is what Athena would say."""

    def newest(tables: Sequence[Table]) -> Mapping[str, dt.datetime | None]:
        minutes = [row["minute"] for row in one.rows("fact_quote")]
        return {"fact_quote": max(minutes).replace(tzinfo=dt.UTC) if minutes else None}

    given: dict[str, Any] = {
        "contracts": one.contracts,
        "records": one.lake.records,
        "partitions": one.lake.partitions,
        "parameters": one.lake.parameters,
        "parameter_prefix": "/starmend/test",
        "newest": newest,
        "workers": 4,
    }
    return Sources(**{**given, **more})


def report(
    one: FeedSimulation, start: dt.datetime | None = None, end: dt.datetime | None = None, **more: Any
) -> Report:
    span = Range.of(start and int(start.timestamp()), end and int(end.timestamp()), int(one.now.timestamp()))
    return gather(sources(one, **more), span, project="starmend", environment="test")


def quotes(made: Report) -> FeedView:
    (view,) = made.feeds
    return view


def an_hour(one: FeedSimulation) -> None:
    one.trade(OPENS, 60)
    one.pass_time(minutes=10)


def test_before_anything_has_arrived_the_newest_hours_are_empty(one: FeedSimulation) -> None:
    one.pass_time(hours=2)
    made = report(one)
    assert quotes(made).verdict == "empty"
    assert quotes(made).total.expected == quotes(made).total.missing > 0
    assert [one.state for one in made.freshness if one.table == "fact_quote"] == ["unknown"]
    assert (made.audits, made.alarms, made.processed, made.notes) == ((), (), (), ())
    assert "Nothing has arrived" in page(made)


def test_before_any_audit_coverage_is_what_the_facts_have(one: FeedSimulation) -> None:
    one.loses = some_points(3, 0.1)
    an_hour(one)
    view = quotes(report(one, OPENS, CLOSES))
    rows = one.rows("fact_quote")
    assert 0 < view.total.missing == 660 - len(rows)
    assert {row.name: row.total.observed for row in view.rows} == {
        entity.name: sum(row["symbol"] == entity.name for row in rows) for entity in one.feed.entities
    }
    assert [(column.hour, column.status) for column in view.columns] == [("15:00", "unaudited")]
    assert (view.verdict, view.certified, view.overdue) == ("filling", 0, 0)


def test_after_healing_the_page_says_what_was_repaired_and_by_which_audit(one: FeedSimulation) -> None:
    one.loses = some_points(3, 0.1)
    an_hour(one)
    missing = quotes(report(one, OPENS, CLOSES)).total.missing
    one.heal(run="audit-of-noon")
    made = report(one, OPENS, CLOSES)
    view = quotes(made)
    assert view.total == Counts(observed=660 - missing, repaired=missing)
    assert (view.verdict, view.certified, view.columns[0].certificates) == ("complete", 1, (1,))
    (audit,) = made.audits
    assert (audit.run, audit.detected, audit.healed, audit.left, audit.certified) == (
        "audit-of-noon",
        missing,
        missing,
        0,
        1,
    )
    assert "Complete: all 660 points" in page(made)
    data: Any = to_data(made)
    assert data["feeds"][0]["repaired"] == missing
    assert data["feeds"][0]["missing"] == 0


def test_a_feed_begins_with_its_first_point_unless_a_start_is_named(traded: FeedSimulation) -> None:
    assert quotes(report(traded)).columns[0].start == int(OPENS.timestamp())
    named = quotes(report(traded, OPENS - dt.timedelta(hours=1), CLOSES))
    assert [cell.missing for cell in named.all.cells] == [330, 0]


def test_points_that_have_not_settled_are_owed_by_nobody(one: FeedSimulation) -> None:
    one.trade(OPENS, 20)
    view = quotes(report(one))
    assert view.total == Counts(observed=17 * 11)  # settle: 3 minutes


def test_a_certified_hour_whose_rows_were_changed_is_not_shown_as_certified(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    one.change_a_price("AAPL", OPENS)
    view = quotes(report(one, OPENS, CLOSES))
    assert (view.columns[0].status, view.verdict) == ("changed", "uncertified")


def test_an_alarm_is_shown_with_its_remedy_until_it_is_over(one: FeedSimulation) -> None:
    one.loses = lambda entity, _: entity == "AMD"
    an_hour(one)
    one.market.fail("forbidden", symbol="AMD", endpoint="candle")
    one.heal()
    made = report(one, OPENS, CLOSES)
    (alarm,) = made.alarms
    assert (alarm.name, alarm.entities, alarm.count) == ("not_entitled", ("AMD",), 60)
    assert "history" in alarm.remedy
    assert "403" in alarm.answer
    assert (quotes(made).columns[0].status, quotes(made).verdict) == ("alarmed", "incomplete")
    one.market.heal()
    one.heal(start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert report(one, OPENS, CLOSES).alarms == ()


def test_audits_are_those_that_are_remembered_and_those_that_the_windows_know(one: FeedSimulation) -> None:
    one.loses = some_points(5, 0.05)
    an_hour(one)
    one.heal(run="first")
    one.pass_time(minutes=5)
    one.heal(run="second", start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert [audit.run for audit in report(one, OPENS, CLOSES).audits] == ["second", "first"]
    one.pass_time(minutes=5)
    one.heal(run="third", start="2026-11-20T15:00:00Z", end="2026-11-20T15:00:00Z")
    runs = [audit.run for audit in report(one, OPENS, CLOSES, runs=lambda: ["third", "second", "gone"]).audits]
    assert runs == ["third", "second", "first"]


def test_a_feed_is_behind_its_calendar_and_not_the_clock(one: FeedSimulation) -> None:
    one.trade(OPENS + dt.timedelta(minutes=50), 10)
    one.pass_time(minutes=10)
    behind = {table.table: table for table in report(one).freshness}["fact_quote"]
    assert (behind.state, behind.behind) == ("fresh", dt.timedelta(minutes=7))
    one.pass_time(hours=30)  # a Saturday: the exchange closed at 21:00, five hours after the newest row
    behind = {table.table: table for table in report(one).freshness}["fact_quote"]
    assert (behind.state, behind.behind) == ("old", dt.timedelta(hours=5))


def test_the_newest_receipts_are_shown(traded: FeedSimulation) -> None:
    made = report(traded)
    assert len(made.processed) == 6
    assert {(found.dataset, found.table, found.outcome) for found in made.processed} == {
        ("quotes", "quotes", "committed")
    }
    assert [found.at for found in made.processed] == sorted((found.at for found in made.processed), reverse=True)
    assert all((found.lines, found.rejected) == (33, 0) for found in made.processed)


def test_what_cannot_be_read_costs_its_part_of_the_page_and_is_noted(traded: FeedSimulation) -> None:

    def unreachable(_: Sequence[Table]) -> Mapping[str, dt.datetime | None]:
        raise OutOfReach("query Athena", "starmend", "timed out", "Try again")

    made = report(traded, OPENS, CLOSES, newest=unreachable)
    assert made.freshness == ()
    assert quotes(made).total.observed == 660
    (note,) = made.notes
    assert "timed out" in note
    assert note in page(made)


def test_a_receipt_that_is_no_json_is_noted(traded: FeedSimulation) -> None:

    class Torn:
        def __getattr__(self, name: str) -> Any:
            return getattr(traded.lake.records, name)

        def read(self, key: str) -> StoredObject | None:
            found = traded.lake.records.read(key)
            return StoredObject(found.stat, b"{") if found and key.startswith("receipts/") else found

    made = report(traded, OPENS, CLOSES, records=Torn())
    assert made.processed == ()
    assert [note.partition(" could")[0] for note in made.notes] == ["receipts of quotes"]


ORDERS_OF_THE_DAY = {
    "subject": "sales_order",
    "window_start": "2026-11-20T15:00:00Z",
    "status": "certified",
    "expected": 12,
    "present": 12,
    "repaired": 2,
    "missing": 0,
    "certificate": None,
    "audited_at": "2026-11-20T16:10:00Z",
    "run": "of-rows",
}


def test_a_database_that_was_audited_is_shown_by_its_tables(one: FeedSimulation) -> None:
    one.lake.records.write("completeness/dataset=sales/day=2026-11-20/a.json", canonical_json(ORDERS_OF_THE_DAY))
    made = report(one, OPENS, CLOSES, contracts=shipped_contracts())
    (subject,) = made.subjects
    assert (subject.dataset, subject.name, subject.expected, subject.repaired, subject.certified) == (
        "sales",
        "sales_order",
        12,
        2,
        1,
    )


def test_a_halted_object_is_no_window_of_the_table_that_it_is_of(one: FeedSimulation) -> None:
    day = "completeness/dataset=sales/day=2026-11-20"
    one.lake.records.write(f"{day}/a.json", canonical_json(ORDERS_OF_THE_DAY))
    before = report(one, OPENS, CLOSES, contracts=shipped_contracts()).subjects
    halted = {"status": "halted", "expected": 7, "present": 0, "repaired": 0, "missing": 7, "audited_at": "2026-11-20"}
    named = {"object": "tables/sales/sales_order/000000000001.jsonl.gz", "reason": "quarantine: 99% are bad"}
    one.lake.records.write(f"{day}/halted-a.json", canonical_json(ORDERS_OF_THE_DAY | halted | named))
    assert report(one, OPENS, CLOSES, contracts=shipped_contracts()).subjects == before
