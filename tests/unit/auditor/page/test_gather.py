"""The report of a pipeline in memory: before anything came, before an audit, after it, and when things are broken."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation, some_points
from tests.support.lake import shipped_contracts
from tests.support.moments import Moment

from auditor.databases.rows.targets import ALWAYS
from auditor.evidence.completeness import completeness_key
from auditor.evidence.halts import halt_key
from auditor.evidence.journal import Entry, newest_entries, write_entry
from auditor.interventions.pauses import change_pauses
from auditor.page.coverage import Counts, FeedView
from auditor.page.document import pages
from auditor.page.reading.gather import fine_since, gather
from auditor.page.reading.sources import Range, Sources
from auditor.page.report import DatasetView, Report, to_data
from auditor.state import change_state
from auditor.stories.tell import tell
from core.contract.model import Table
from core.errors import OutOfReach
from core.json import canonical_json
from core.ports import StoredObject
from core.time import epoch, iso
from processing.partitions.commit import CommitContext
from processing.partitions.rollback import release, rollback

OPENS = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
CLOSES = OPENS + dt.timedelta(hours=1)
HOURS: dict[frozenset[tuple[str, dt.datetime]], Moment] = {}  # by what they lost


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

    given: dict[str, Any] = {"newest": newest, "workers": 4}
    ports = {name: more.pop(name) for name in ("contracts", "records") if name in more}
    services = replace(one.services(), parameters=one.lake.parameters, parameter_prefix="/starmend/test", **ports)
    return Sources(services, **{**given, **more})


def report(
    one: FeedSimulation, start: dt.datetime | None = None, end: dt.datetime | None = None, **more: Any
) -> Report:
    span = Range.of(start and int(start.timestamp()), end and int(end.timestamp()), int(one.now.timestamp()))
    return gather(sources(one, **more), span, project="starmend", environment="test")


def quotes(made: Report) -> FeedView:
    (view,) = made.feeds
    return view


def an_hour(one: FeedSimulation) -> None:
    """It is traded once, and once more for those that lose other points."""
    slots = [OPENS + dt.timedelta(minutes=number) for number in range(60)]
    points = [(entity.name, slot) for entity in one.feed.entities for slot in slots]
    lost = frozenset(point for point in points if one.loses(*point))
    if lost not in HOURS:
        one.trade(OPENS, 60)
        one.pass_time(minutes=10)
        HOURS[lost] = Moment(one)
    HOURS[lost].restore(one)


def test_before_anything_has_arrived_the_newest_hours_are_empty(one: FeedSimulation) -> None:
    one.pass_time(hours=2)
    made = report(one)
    assert quotes(made).verdict == "empty"
    assert quotes(made).total.expected == quotes(made).total.missing > 0
    assert [one.state for one in made.freshness if one.table == "fact_quote"] == ["unknown"]
    assert (made.audits, made.alarms, made.processed, made.notes) == ((), (), (), ())
    assert not made.banner.complete


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
    assert '"counts":[' in pages(made, "page.html")["page.html"]
    data: Any = to_data(made)
    assert data["feeds"][0]["repaired"] == missing
    assert data["feeds"][0]["missing"] == 0


def test_a_feed_begins_with_its_first_point_unless_a_start_is_named(traded: FeedSimulation) -> None:
    assert quotes(report(traded)).columns[0].start == int(OPENS.timestamp())
    named = quotes(report(traded, OPENS - dt.timedelta(hours=1), CLOSES))
    assert [cell.missing for cell in named.all.cells] == [330, 0]


def test_what_was_before_the_feed_began_is_owed_only_where_an_audit_was_given_it(one: FeedSimulation) -> None:
    """As a story tells it: an operator has an hour of the day before healed, of which one point cannot be had."""
    an_hour(one)
    before = OPENS - dt.timedelta(days=1)
    one.market.fail("forbidden", symbol="AMD", endpoint="candle")
    one.heal(run="of-before", start=iso(int(before.timestamp())), end=iso(int(before.timestamp()) + 3600))
    made = report(one)
    view = quotes(made)
    since = 7 * 11  # settled minutes after the hour, in which nothing came
    assert view.total == Counts(observed=660, repaired=600, missing=60 + since), "and nothing of the hours between"
    assert view.overdue == 60
    (view_of,) = (view for view in made.datasets if view.name == "quotes")
    assert [condition.state for condition in view_of.conditions][:1] == ["alarmed"]
    table = one.contracts.table("fact_quote")
    told = tell(one.services(), table, {}, entity="AMD", at=before.isoformat())
    assert (told.verdict, "AMD" in told.sentence) == ("alarmed", True)
    between = tell(one.services(), table, {}, entity="AMD", at=(before + dt.timedelta(hours=2)).isoformat())
    assert between.verdict == "not_owed"


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


def test_what_is_held_is_shown_with_who_holds_it_at_once_and_is_nothing_that_is_on_its_way(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    assert _states(report(one, OPENS, CLOSES)) == ["complete"]
    table, path = one.contracts.table("fact_quote"), "symbol=AAPL/month=2026-11"
    rollback(one.lake.partitions, table, path, to=2, hold="under review (by ann)", context=CommitContext("x"))
    text = f"fact_quote/{path} is held: under review (by ann)"
    for _ in ("before the audit", "after it"):
        made = report(one, OPENS, CLOSES)
        view = quotes(made)
        assert (view.columns[0].status, view.certified, view.verdict, view.overdue) == ("held", 0, "incomplete", 0)
        assert view.held_back == view.total.missing > 0
        (condition,) = next(each.conditions for each in made.datasets if each.name == "quotes")
        assert (condition.state, condition.text) == ("held", text)
        assert not made.banner.complete
        assert any(text in line for line in made.banner.doing)
        one.heal()
    release(one.lake.partitions, table, path, context=CommitContext("x"))
    one.heal()
    assert _states(report(one, OPENS, CLOSES)) == ["complete"]


def _states(made: Report) -> list[str]:
    return [each.state for view in made.datasets if view.name == "quotes" for each in view.conditions]


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
    (over,) = report(one, OPENS, CLOSES).alarms
    assert (over.open, over.name) == (False, "not_entitled")


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
    assert json.dumps(note) in pages(made, "page.html")["page.html"]
    assert not made.banner.complete


def test_nothing_that_could_not_be_read_is_called_complete(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()

    class Unreachable:
        def __getattr__(self, name: str) -> Any:
            return getattr(one.lake.records, name)

        def list(self, prefix: str, **more: Any) -> Any:
            if prefix.startswith("audit/absent"):
                raise OutOfReach("list objects", prefix, "timed out", "Try again")
            return one.lake.records.list(prefix, **more)

    made = report(one, OPENS, CLOSES, records=Unreachable())
    assert [note.partition(" could")[0] for note in made.notes] == ["coverage of quotes"]
    (states,) = ([each.state for each in view.conditions] for view in made.datasets if view.name == "quotes")
    assert states == ["unread"]
    assert not made.banner.complete


def test_a_receipt_that_is_no_json_is_noted(traded: FeedSimulation) -> None:

    class Torn:
        def __getattr__(self, name: str) -> Any:
            return getattr(traded.lake.records, name)

        def read(self, key: str) -> StoredObject | None:
            found = traded.lake.records.read(key)
            return StoredObject(found.stat, b"{") if found and key.startswith("receipts/") else found

    made = report(traded, OPENS, CLOSES, records=Torn())
    assert made.processed == ()
    assert made.notes
    assert all(note.startswith("receipts/dataset=quotes/") and "could not be read" in note for note in made.notes)


def test_the_page_counts_what_the_auditor_counted(one: FeedSimulation) -> None:
    """Two ways: the page reads the rows, the auditor left its counts."""
    one.loses = some_points(7, 0.1)
    an_hour(one)
    one.market.fail("forbidden", symbol="AMD", endpoint="candle")
    one.heal()
    keys = [info.key for info in one.lake.records.list("completeness/dataset=quotes/")]
    rows = [json.loads(stored.body) for key in keys if (stored := one.lake.records.read(key))]
    counts = quotes(report(one, OPENS, CLOSES)).total
    names = ("expected", "present", "observed", "late", "repaired", "absent", "missing")
    assert counts.repaired > 0 < counts.missing
    assert {name: getattr(counts, name) for name in names} == {name: sum(row[name] for row in rows) for name in names}


# ---------------------------------------------------------------- databases


def a_window(start: str, end: str, *, audited: str = "2026-11-20T15:10:00Z", **more: Any) -> dict[str, Any]:
    counts = {"expected": 12, "present": 12, "observed": 10, "late": 0, "repaired": 2, "absent": 0, "missing": 0}
    named = {"subject": "sales_order", "window_start": start, "window_end": end, "status": "certified"}
    return named | counts | {"certificate": None, "audited_at": audited, "run": "of-rows"} | more


def write_row(one: FeedSimulation, row: dict[str, Any], *, day: str = "") -> None:
    key = completeness_key("sales", epoch(row["window_start"]), subject=row["subject"], day=day)
    one.lake.records.write(key, canonical_json(row))


def sales(one: FeedSimulation) -> DatasetView:
    made = report(one, OPENS, CLOSES, contracts=shipped_contracts())
    return next(view for view in made.datasets if view.name == "sales")


def test_windows_of_databases_are_shown_where_they_overlap_the_range_whenever_they_began(one: FeedSimulation) -> None:
    write_row(one, a_window("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"))
    write_row(one, a_window("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"))
    write_row(one, a_window("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"))
    (window,) = sales(one).windows
    assert (iso(window.start), iso(window.end)) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    assert window.counts == Counts(observed=10, repaired=2)


def test_of_rows_that_no_time_bounds_the_newest_day_says_what_is_so(one: FeedSimulation) -> None:
    for day, missing in (("2026-11-18", 3), ("2026-11-20", 1), ("2026-11-19", 2)):
        of_all = a_window(iso(0), iso(ALWAYS[1]), missing=missing, status="open", audited=f"{day}T14:00:00Z")
        write_row(one, of_all, day=day)
    view = sales(one)
    assert [window.counts.missing for window in view.windows] == [1]
    assert [condition.state for condition in view.conditions] == ["repairing"]


def test_a_dataset_that_nobody_audits_any_more_is_not_complete(one: FeedSimulation) -> None:
    write_row(one, a_window("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", audited="2026-11-20T09:00:00Z"))
    view = sales(one)
    assert [condition.state for condition in view.conditions] == ["silent"]
    assert view.conditions[0].text.startswith("Not audited since 2026-11-20T09:00:00Z")
    change_pauses(
        one.lake.records, "sales", lambda pauses: pauses.paused(int(one.now.timestamp()), by="ann", reason="")
    )
    assert [condition.state for condition in sales(one).conditions] == ["silent", "paused"], "audits go on in a pause"


def test_the_counts_of_a_database_add_up(one: FeedSimulation) -> None:
    write_row(one, a_window("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", present=9, observed=7, absent=1, missing=2))
    (subject,) = report(one, OPENS, CLOSES, contracts=shipped_contracts()).subjects
    assert subject.expected == subject.present + subject.absent + subject.missing == 12
    assert (subject.dataset, subject.name, subject.repaired, subject.certified) == ("sales", "sales_order", 2, 1)


def test_an_object_that_stands_halted_is_no_window_and_makes_its_dataset_halted(one: FeedSimulation) -> None:
    write_row(one, a_window("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"))
    key = "tables/sales/sales_order/000000000001.jsonl.gz"
    at = "2026-11-02T10:00:00Z"  # long before the range
    halted = {"status": "halted", "missing": 7, "object": key, "reason": "99 of 100 lines are bad"}
    one.lake.records.write(halt_key("sales", key, at[:10]), canonical_json(a_window(at, at, **halted)))
    assert [condition.state for condition in sales(one).conditions] == ["complete"], "it stands no more"
    change_state(one.lake.records, "sales", lambda state: replace(state, halted={key: at[:10]}))
    view = sales(one)
    assert [(halt.object, halt.lines, halt.reason) for halt in view.halts] == [(key, 7, "99 of 100 lines are bad")]
    assert (view.conditions[0].state, view.conditions[0].since) == ("halted", epoch(at))
    assert len(view.windows) == 1


# ---------------------------------------------------------------- pauses, tables, stories


def test_a_paused_feed_owes_nothing_that_had_not_settled_before(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    change_pauses(
        one.lake.records, "quotes", lambda pauses: pauses.paused(int(one.now.timestamp()), by="ann", reason="holiday")
    )
    one.pass_time(hours=4)
    made = report(one, OPENS)
    assert quotes(made).total.missing == 7 * 11, "the settled minutes between the last trade and the pause"
    (view,) = (view for view in made.datasets if view.name == "quotes")
    assert "paused" in [condition.state for condition in view.conditions]


def test_a_feed_whose_resume_came_to_no_end_is_late(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    now = int(one.now.timestamp())
    change_pauses(
        one.lake.records, "quotes", lambda pauses: pauses.paused(now, by="ann", reason="").naming(["request"])
    )
    change_pauses(one.lake.records, "quotes", lambda pauses: pauses.resumed(now))
    (view,) = (view for view in report(one, OPENS, CLOSES).datasets if view.name == "quotes")
    said = next(each for each in view.conditions if each.state == "late")
    assert "its schedules (request) may still be off" in said.text
    change_pauses(one.lake.records, "quotes", lambda pauses: pauses.settled())
    (view,) = (view for view in report(one, OPENS, CLOSES).datasets if view.name == "quotes")
    assert "late" not in [each.state for each in view.conditions]


def test_a_table_is_shown_with_what_it_is_made_of_its_partitions_and_the_certificates_that_prove_them(
    one: FeedSimulation,
) -> None:
    an_hour(one)
    one.heal()
    tables = {table.name: table for table in report(one, OPENS, CLOSES).tables}
    fact, hourly = tables["fact_quote"], tables["fact_quote_hourly"]
    assert [place.name for place in fact.upstream] == ["quotes.quotes (finnhub)"]
    assert "fact_quote_hourly" in [place.table for place in fact.downstream]
    assert [place.table for place in hourly.upstream] == ["fact_quote"]
    assert len(fact.partitions) == 11
    assert {(partition.rows, partition.version) for partition in fact.partitions} == {(60, 20)}
    (certificate,) = fact.certificates
    assert (certificate.number, certificate.rows, certificate.expected) == (1, 660, 660)
    assert fact.proof == "starmend verify --dataset quotes"
    assert (hourly.certificates, hourly.certified_through) == ((), "fact_quote")


def test_the_story_of_a_missing_point_is_the_one_that_why_tells(one: FeedSimulation) -> None:
    one.loses = lambda entity, slot: entity == "AMD" and slot.minute == 7
    an_hour(one)
    made = report(one, OPENS, CLOSES)
    at = OPENS + dt.timedelta(minutes=7)
    table = one.contracts.table("fact_quote")
    told = tell(one.services(), table, {}, entity="AMD", at=at.isoformat()).to_data()
    assert made.stories == {f"quotes/AMD/{int(at.timestamp())}": told}


def test_stories_of_the_same_hours_list_them_once(one: FeedSimulation, monkeypatch: pytest.MonkeyPatch) -> None:
    one.loses = lambda entity, slot: entity in ("AMD", "ZM") and slot.minute == 7
    an_hour(one)
    listed: Counter[str] = Counter()
    stock = one.lake.ingest.list

    def counted(prefix: str, **more: Any) -> Iterator[Any]:
        listed[prefix] += 1
        return stock(prefix, **more)

    monkeypatch.setattr(one.lake.ingest, "list", counted)
    assert len(report(one, OPENS, CLOSES).stories) == 2
    hours = {prefix: times for prefix, times in listed.items() if prefix.count("/") == 6}
    assert set(hours.values()) == {1}, hours


# ---------------------------------------------------------------- since when


def ended(hour: int, **more: Any) -> Entry:
    return Entry("quotes", f"run-{hour}", f"2026-11-20T{hour:02d}:10:00Z", **more)


def test_all_has_been_fine_since_the_first_audit_after_the_last_that_was_not() -> None:
    fine = [ended(18), ended(17), ended(16)]
    assert fine_since([*fine, ended(15, missing=3), ended(14)]) == epoch("2026-11-20T16:10:00Z")
    assert fine_since([ended(19, error="TimeoutError"), *fine]) is None
    assert fine_since([ended(19, causes=("limited",)), *fine]) is None
    assert fine_since([]) is None


def test_the_newest_entries_of_the_journal_come_first_and_no_others_are_read(one: FeedSimulation) -> None:
    for day, hour in ((18, 9), (19, 9), (19, 23), (20, 1), (20, 2)):
        entry = Entry("quotes", f"run-{day}-{hour}", f"2026-11-{day}T{hour:02d}:00:00Z")
        write_entry(one.lake.records, entry)
    start, end = epoch("2026-11-19T00:00:00Z"), epoch("2026-11-20T03:00:00Z")
    newest = newest_entries(one.lake.records, "quotes", start, end, most=3)
    assert [entry.run for entry in newest] == ["run-20-2", "run-20-1", "run-19-23"]
    assert len(newest_entries(one.lake.records, "quotes", start, end, most=30)) == 4
