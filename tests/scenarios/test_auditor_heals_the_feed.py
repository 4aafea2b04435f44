"""The auditor heals a market feed: whatever was lost on the way is found, fetched, proven, and shown."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation, some_points, with_entities
from tests.support.feeds import ROOT, contracts_in

from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file
from auditor.services import Budget
from auditor.standing.reading import read_standing
from auditor.standing.standing import Verdict, verdict
from core.audit.findings import StaleDerived
from core.contract.model import Contracts
from core.ports import StreamRecord
from core.warehouse.pointer import pointer_key
from processing.partitions.commit import CommitContext, restate
from processing.partitions.rollback import release, rollback

UTC = dt.UTC
THREE = dt.datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday on which New York trades
WHEN = ("provenance", "fetched_at", "provider_time")
AAPL = "symbol=AAPL/month=2026-11"


def few(**promised: int) -> Contracts:
    """The quotes of three symbols, some of what is promised of them replaced."""
    contracts = with_entities(contracts_in(), "quotes", "AAPL", "AMD", "ZM")
    quotes = contracts.dataset("quotes")
    changed = replace(quotes, source=replace(contracts.feed("quotes"), **promised))
    return replace(contracts, contracts=tuple(changed if contract is quotes else contract for contract in contracts))


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Three symbols, at three in the afternoon (UTC)."""
    with feed_simulation(THREE, contracts=few()) as simulation:
        yield simulation


def an_hour(feed: FeedSimulation, start: dt.datetime = THREE, **more: int) -> None:
    feed.trade(start, 60, **more)
    feed.pass_time(minutes=5)


def completeness(feed: FeedSimulation) -> dict[str, dict[str, object]]:
    """The rows of the completeness table by the window's start."""
    stored = [feed.lake.records.read(info.key) for info in feed.lake.records.list("completeness/")]
    rows = [json.loads(body.body) for body in stored if body]
    return {row["window_start"]: row for row in rows}


def certificates(feed: FeedSimulation) -> list[dict[str, object]]:
    infos = feed.lake.records.list("warehouse/_certificates/quotes/0")
    stored = [feed.lake.records.read(info.key) for info in infos]
    return [json.loads(body.body) for body in stored if body]


def only(entity: str, *minutes: int):  # type: ignore[no-untyped-def]
    """Loses these minutes of the hour of one entity; without minutes all of them."""
    return lambda name, at: name == entity and (not minutes or at.minute in minutes)


# ---------------------------------------------------------------- healing


def test_a_healed_hour_is_the_hour_of_a_run_that_lost_nothing() -> None:
    with feed_simulation(THREE) as whole, feed_simulation(THREE) as lossy:
        lossy.loses = some_points(1, 0.2)
        for each in (whole, lossy):
            an_hour(each, slots_an_object=10)
        healthy, healed = whole.heal(), lossy.heal()
        assert healthy["audit"]["healthy"]
        assert "plan" not in healthy
        lost = healed["audit"]["missing"]
        assert lost > 60
        assert healed["verify"]["healthy"]
        assert whole.rows("fact_quote", without=WHEN) == lossy.rows("fact_quote", without=WHEN)
        hourly = [each.rows("fact_quote_hourly", without=("repaired",)) for each in (whole, lossy)]
        assert hourly[0] == hourly[1]
        assert len(hourly[0]) == 11
        assert sum(row["repaired"] for row in lossy.rows("fact_quote_hourly")) == lost
        assert all(row["complete"] for row in lossy.rows("fact_quote_hourly"))
        assert lossy.mail.sent == []


def test_no_minute_is_fetched_that_was_not_missing(feed: FeedSimulation) -> None:
    feed.loses = only("AMD", 3, 4, 5, 40)
    an_hour(feed)
    feed.heal(run="first")
    (job,) = feed.jobs("first")
    assert [(start % 3600 // 60, end % 3600 // 60) for start, end in job.wanted] == [(3, 6), (40, 41)]
    assert len(feed.asked_history()) == 1  # near gaps share a call, and what lies between them is not taken
    provenances = [row["provenance"] for row in feed.rows("fact_quote") if row["symbol"] == "AMD"]
    assert provenances.count("repaired") == 4
    assert provenances.count("observed") == 56


def test_only_partitions_that_a_repair_touched_get_a_version(feed: FeedSimulation) -> None:
    feed.loses = only("ZM", 7)
    an_hour(feed)
    before = feed.lake.versions()
    feed.heal()
    after = feed.lake.versions()
    facts = {key for key in before if "/fact_quote/" in key and before[key] != after[key]}
    assert facts == {pointer_key("fact_quote/symbol=ZM/month=2026-11")}


def test_what_was_made_again_gets_a_version_and_nothing_that_came_out_the_same(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    _roll_back(feed, hold=None)
    before = feed.lake.versions()
    feed.heal()
    # The rollup has the rows that it had, and names the object of facts that it is made of now.
    assert _changed(before, feed.lake.versions()) == {
        pointer_key(f"{table}/{AAPL}") for table in ("fact_quote", "fact_quote_hourly")
    }
    feed.change_a_price("AMD", THREE + dt.timedelta(minutes=30), by=1_000)  # the hour's high
    before = feed.lake.versions()
    feed.heal()  # the price is within its rule, so the window is certified anew, and the hour of that symbol made again
    assert _changed(before, feed.lake.versions()) == {pointer_key("fact_quote_hourly/symbol=AMD/month=2026-11")}


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_clean_run_writes_no_fact_no_version_no_certificate_and_no_mail(feed: FeedSimulation) -> None:
    feed.loses = only("ZM", 7)
    an_hour(feed)
    feed.heal()
    versions, issued = feed.lake.versions(), certificates(feed)
    answers = feed.heal()
    assert answers["audit"]["healthy"]
    assert (feed.lake.versions(), certificates(feed), feed.mail.sent) == (versions, issued, [])


def test_an_observation_that_comes_late_outranks_the_repair_and_the_window_is_certified_anew(
    feed: FeedSimulation,
) -> None:
    feed.loses = only("AMD", 0)
    an_hour(feed)
    feed.heal()
    line = {
        "symbol": "AMD", "minute": "2026-11-20T15:00:00Z", "kind": "live", "provenance": "observed",
        "fetched_at": "2026-11-20T15:00:30Z", "dataset": "quotes", "c": 1.25,
    }  # fmt: skip
    feed.loses = only("nobody")
    feed.acquisition.stream.put([StreamRecord("AMD", json.dumps(line).encode() + b"\n")])
    feed.deliver()
    assert feed.verified() == ["fact_quote/symbol=AMD/month=2026-11: its rows are not the certified ones"]
    feed.heal()
    first, second = certificates(feed)
    assert (second["replaces"], second["previous"]) == (1, feed.hash_of_certificate(1))
    assert second["changed"] == {
        "late": [0, 1], "repaired": [1, 0], "partitions": ["fact_quote/symbol=AMD/month=2026-11"]
    }  # fmt: skip
    assert first["digest"] != second["digest"]
    assert feed.verified() == []


@pytest.mark.parametrize("symbol", ["AAPL", "ZM"])
def test_an_object_whose_event_was_lost_is_processed_and_nothing_is_fetched(feed: FeedSimulation, symbol: str) -> None:
    feed.loses_event = lambda key: key.endswith("000002")
    an_hour(feed)
    answers = feed.heal(run="first")
    assert answers["audit"]["kinds"] == {"unprocessed_object": 1, "missing_point": 9}
    assert [job.kind for job in feed.jobs("first")] == ["reprocess"]
    assert feed.asked_history() == []
    assert answers["verify"]["healthy"]


def test_weather_heals_from_its_contract_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests/support/weather.yaml", tmp_path)
    day = dt.datetime(2026, 11, 19, tzinfo=UTC)
    contracts = contracts_in(tmp_path)
    with (
        feed_simulation(day, contracts=contracts, dataset="weather") as whole,
        feed_simulation(day, contracts=contracts, dataset="weather") as lossy,
    ):
        lossy.loses = some_points(3, 0.3)
        for each in (whole, lossy):
            each.trade(day, 24)
            each.pass_time(minutes=15)
        assert whole.heal()["audit"]["missing"] == 0
        answers = lossy.heal()
        assert answers["audit"]["missing"] > 10
        assert answers["verify"]["healthy"]
        assert answers["certify"]["certificates"] == 1
        assert whole.rows("fact_weather", without=WHEN) == lossy.rows("fact_weather", without=WHEN)


# ---------------------------------------------------------------- what the provider does not give


def test_what_the_provider_does_not_have_is_absent_with_its_evidence_when_two_audits_heard_so(
    feed: FeedSimulation,
) -> None:
    feed.loses = only("AMD", 10, 11)
    an_hour(feed)
    gone = (THREE + dt.timedelta(minutes=10), THREE + dt.timedelta(minutes=12))
    feed.market.fail("hole", symbol="AMD", covering=gone)
    once = feed.heal()  # one answer alone proves nothing
    assert (once["verify"]["absent"], once["verify"]["missing"], once["certify"]["certificates"]) == (0, 2, 0)
    asked = len(feed.asked_history())
    feed.pass_time(minutes=10)
    feed.heal()
    assert len(feed.asked_history()) == asked  # it is too soon to ask again
    feed.pass_time(minutes=20)
    answers = feed.heal()
    assert (answers["verify"]["absent"], answers["verify"]["missing"]) == (2, 0)
    (certificate,) = certificates(feed)
    assert certificate["absent_points"] == {"AMD": [["2026-11-20T15:10:00Z", "2026-11-20T15:12:00Z"]]}
    (row,) = [row for row in feed.rows("fact_quote_hourly") if row["symbol"] == "AMD"]
    assert (row["minutes"], row["absent"], row["complete"]) == (58, 2, True)
    assert feed.verified() == []
    assert feed.mail.sent == []
    asked = len(feed.asked_history())
    feed.heal()
    assert len(feed.asked_history()) == asked
    feed.market.heal()
    feed.pass_time(hours=7)  # a fresh absence is asked for again within hours, and now it is there
    feed.heal()
    assert len(feed.asked_history()) > asked
    of_hour = [each for each in certificates(feed) if each["start"] == "2026-11-20T15:00:00Z"]
    assert [each["absent"] for each in of_hour] == [2, 0]
    assert of_hour[-1]["changed"]["absent"] == [2, 0]  # type: ignore[index]


def test_a_refused_history_is_one_mail_that_names_the_setting_and_no_storm(feed: FeedSimulation) -> None:
    feed.loses = only("AMD")
    an_hour(feed)
    feed.market.fail("forbidden", symbol="AMD", endpoint="candle")
    answers = feed.heal()
    assert answers["conclude"]["sent"] == ["not_entitled"]
    ((subject, text),) = feed.mail.sent
    assert "quotes" in subject
    for part in (
        "AMD",
        "60 points",
        "`history` setting",
        "403",
        "2026-11-20T15:00:00Z",
        "docs/runbook.md#not-entitled",
    ):
        assert part in text
    assert len(feed.asked_history()) == 1
    assert completeness(feed)["2026-11-20T15:00:00Z"]["status"] == "alarmed"
    assert feed.metrics.values["PointsUnhealed"][-1] == 60
    for _ in range(3):
        feed.pass_time(minutes=10)
        assert feed.heal()["conclude"]["known"] == ["not_entitled"]
    assert len(feed.mail.sent) == 1
    assert len(feed.asked_history()) == 1


def test_when_an_alarmed_gap_heals_later_the_alarm_is_over(feed: FeedSimulation) -> None:
    feed.loses = only("AMD", 1, 2)
    an_hour(feed)
    feed.market.fail("html", endpoint="candle")
    assert feed.heal()["conclude"]["sent"] == ["broken"]
    assert feed.metrics.values["PointsUnhealed"][-1] == 2
    feed.pass_time(minutes=10)
    assert feed.heal()["conclude"]["known"] == ["broken"]
    feed.market.heal()
    feed.pass_time(minutes=10)
    answers = feed.heal()
    assert answers["conclude"]["recovered"] == ["broken"]
    assert feed.metrics.values["PointsUnhealed"][-1] == 0
    assert [": over: " in subject for subject, _ in feed.mail.sent] == [False, True]
    feed.market.fail("html", endpoint="candle")
    feed.loses = only("AMD", 5)
    an_hour(feed, THREE + dt.timedelta(hours=4))
    assert feed.heal()["conclude"]["sent"] == ["broken"]  # a new story


def test_a_gap_that_heals_at_the_third_attempt_is_nobodys_business(feed: FeedSimulation) -> None:
    feed.loses = only("AMD", 1, 2)
    an_hour(feed)
    feed.market.fail("html", endpoint="candle", first=6)  # three calls in each of two attempts
    answers = feed.heal()
    assert answers["verify"]["attempt"] == 3
    assert answers["verify"]["healthy"]
    assert feed.mail.sent == []


def test_a_gap_over_the_budget_waits_quietly_until_it_is_overdue_and_then_alarms_once() -> None:
    with feed_simulation(THREE, contracts=few(complete_within=90 * 60)) as feed:
        feed.loses = lambda name, at: at.minute in {"AAPL": (3,), "AMD": (10, 20, 30)}.get(name, ())
        feed.limits = replace(feed.limits, budget=Budget(calls=1))
        an_hour(feed)
        first = feed.heal()  # the oldest gap is fetched, the others wait: at 16:05 they are not yet overdue
        assert (len(feed.asked_history()), first["verify"]["missing"]) == (1, 3)
        assert (first["conclude"]["sent"], feed.mail.sent) == ([], [])
        assert completeness(feed)["2026-11-20T15:00:00Z"]["status"] == "open"
        feed.limits = replace(feed.limits, budget=Budget(calls=0))
        feed.pass_time(minutes=40)
        assert feed.heal()["conclude"]["sent"] == ["overdue"]
        ((subject, text),) = feed.mail.sent
        assert "quotes" in subject
        for part in ("AMD", " 3 points", "2026-11-20T15:10:00Z", "docs/runbook.md#overdue"):
            assert part in text
        assert feed.metrics.values["PointsUnhealed"][-1] == 3
        assert completeness(feed)["2026-11-20T15:00:00Z"]["status"] == "alarmed"
        feed.pass_time(minutes=5)
        assert feed.heal()["conclude"]["known"] == ["overdue"]
        assert len(feed.mail.sent) == 1
        feed.limits = replace(feed.limits, budget=Budget())
        feed.pass_time(minutes=5)
        assert feed.heal()["conclude"]["recovered"] == ["overdue"]
        assert feed.metrics.values["PointsUnhealed"][-1] == 0


def test_an_unhealable_symbol_does_not_keep_the_others_from_healing(feed: FeedSimulation) -> None:
    feed.loses = some_points(5, 0.3)
    an_hour(feed)
    feed.market.fail("forbidden", symbol="ZM", endpoint="candle")
    feed.heal()
    lacking = {row["symbol"]: row["complete"] for row in feed.rows("fact_quote_hourly")}
    assert lacking == {"AAPL": False, "AMD": False, "ZM": False}  # only a certified hour is complete
    assert {row["symbol"] for row in feed.rows("fact_quote_hourly") if row["minutes"] < 60} == {"ZM"}


# ---------------------------------------------------------------- damage


def test_a_deleted_ingest_object_is_brought_back(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    (victim, *_) = [info.key for info in feed.lake.ingest.list("feeds/")]
    feed.deleted_objects.delete(victim)
    answers = feed.heal()
    assert answers["audit"]["kinds"] == {"lost_object": 1}
    assert answers["verify"]["healthy"]
    assert feed.lake.ingest.stat(victim)


def test_an_ingest_object_that_nobody_can_bring_back_is_one_mail(feed: FeedSimulation) -> None:
    an_hour(feed)
    (victim, *_) = [info.key for info in feed.lake.ingest.list("feeds/")]
    feed.lake.ingest.delete([victim])
    assert feed.heal()["conclude"]["sent"] == ["lost_object"]
    assert feed.heal()["conclude"]["known"] == ["lost_object"]


def test_a_deleted_object_of_a_partition_is_made_again_and_certified(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    rows = feed.rows("fact_quote")
    target = feed.lake.partitions.read_pointer(f"fact_quote/{AAPL}")
    assert target
    feed.lake.partitions.delete([target.target])
    assert feed.verified() == [f"fact_quote/{AAPL}: {target.target} is missing"]
    answers = feed.heal(start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert answers["audit"]["kinds"]["broken_object"] == 1
    assert feed.asked_history() == []
    assert feed.rows("fact_quote") == rows
    assert feed.verified() == []


def test_a_month_that_was_rolled_back_is_healed_forward(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    rows = feed.rows("fact_quote")
    _roll_back(feed, hold=None)
    assert len(feed.rows("fact_quote")) < len(rows)
    answers = feed.heal()
    assert answers["audit"]["kinds"]["broken_object"] == 1
    assert feed.asked_history() == []
    assert feed.rows("fact_quote") == rows
    assert feed.verified() == []


def test_a_held_rollback_is_left_alone_and_shown_until_it_is_released(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    rows = feed.rows("fact_quote")
    _roll_back(feed, hold="prices under review")
    versions = feed.lake.versions()
    answers = feed.heal()
    assert answers["audit"]["kinds"] == {"held_partition": 1}
    assert answers["audit"]["healthy"]
    assert feed.lake.versions()[pointer_key(f"fact_quote/{AAPL}")] == versions[pointer_key(f"fact_quote/{AAPL}")]
    assert feed.mail.sent == []
    row = completeness(feed)["2026-11-20T15:00:00Z"]
    text = f"fact_quote/{AAPL} is held: prices under review"
    assert (row["status"], row["reason"], row["certificate"]) == ("held", text, None)
    assert row["missing"]
    assert not _verdict(feed).complete
    assert text in _verdict(feed).text
    release(feed.lake.partitions, feed.contracts.table("fact_quote"), AAPL, context=CommitContext("x"))
    feed.heal()
    assert feed.rows("fact_quote") == rows
    assert feed.verified() == []
    assert completeness(feed)["2026-11-20T15:00:00Z"]["status"] == "certified"
    assert _verdict(feed).complete


def test_a_rollup_that_is_held_stays_and_its_windows_are_not_certified_until_it_is_released(
    feed: FeedSimulation,
) -> None:
    """Each audit made it again, and its windows stood certified all the while."""
    an_hour(feed)
    feed.heal()
    table = feed.contracts.table("fact_quote_hourly")
    before = feed.rows(table.name)
    feed.trade(THREE + dt.timedelta(hours=1), 60)
    feed.pass_time(minutes=5)
    feed.heal()
    rows = feed.rows(table.name)
    assert len(rows) > len(before)
    context = CommitContext("x")
    rollback(feed.lake.partitions, table, AAPL, to=1, hold="under review", context=context)
    held = feed.lake.versions()[pointer_key(f"{table.name}/{AAPL}")]
    feed.trade(THREE + dt.timedelta(hours=2), 60)
    feed.pass_time(minutes=5)
    feed.heal()
    feed.heal()
    assert feed.lake.versions()[pointer_key(f"{table.name}/{AAPL}")] == held
    texts = {(row["status"], row.get("reason")) for row in completeness(feed).values()}
    assert texts == {("held", f"{table.name}/{AAPL} is held: under review")}
    release(feed.lake.partitions, table, AAPL, context=context)
    feed.heal()
    feed.heal()
    assert [row for row in feed.rows(table.name) if row in rows] == rows
    assert {row["status"] for row in completeness(feed).values()} == {"certified"}
    assert _verdict(feed).complete


def _verdict(feed: FeedSimulation) -> Verdict:
    contract = feed.contracts.dataset("quotes")
    return verdict([read_standing(feed.lake.records, contract, now=int(feed.now.timestamp()))])


def _roll_back(feed: FeedSimulation, *, hold: str | None) -> None:
    table = feed.contracts.table("fact_quote")
    rollback(feed.lake.partitions, table, AAPL, to=2, hold=hold, context=CommitContext("x"))


def test_a_row_that_breaks_a_rule_is_made_again_from_its_ingest_object(feed: FeedSimulation) -> None:
    an_hour(feed)
    rows = feed.rows("fact_quote")
    feed.change_a_price("AMD", THREE + dt.timedelta(minutes=30), by=-1_000_000)
    answers = feed.heal()
    assert answers["audit"]["kinds"] == {"broken_rule": 1}
    assert answers["verify"]["healthy"]
    assert feed.rows("fact_quote") == rows
    assert feed.asked_history() == []
    assert feed.mail.sent == []


def test_a_symbol_that_no_dimension_knows_is_an_orphan_until_its_parent_is_made(feed: FeedSimulation) -> None:
    an_hour(feed)
    two = pa.table({"symbol": pa.array(["AAPL", "AMD"], pa.string())})
    table = feed.contracts.table("dim_symbol")
    restate(feed.lake.partitions, table, "", lambda: (two, ()), context=CommitContext("x"))
    answers = feed.heal()
    assert answers["audit"]["kinds"] == {"orphan_key": 1}
    assert answers["verify"]["healthy"]
    assert [row["symbol"] for row in feed.rows("dim_symbol")] == ["AAPL", "AMD", "ZM"]


@pytest.mark.parametrize("harm", ["pointer", "object"])
def test_a_lost_dimension_of_the_feed_is_made_again_and_no_window_certified_while_its_keys_are_unknown(
    feed: FeedSimulation, harm: str
) -> None:
    """Nobody looked at it: a process that had made it once did so no more, and audits took its symbols for unknown."""
    an_hour(feed)
    rows = feed.lake.rows("dim_symbol")
    pointer = feed.lake.partitions.read_pointer("dim_symbol")
    feed.lake.partitions.delete([pointer_key("dim_symbol") if harm == "pointer" else pointer.target])
    feed.heal(run="lost")
    first = AuditResult.from_data(read_run_file(feed.lake.records, "lost", "audit-0"))
    assert [finding.table for finding in first.findings if isinstance(finding, StaleDerived)] == ["dim_symbol"]
    assert {reason for window in first.windows for reason in window.touched_by} == {"unknown_parent: fact_quote.symbol"}
    assert feed.lake.rows("dim_symbol") == rows
    assert len(certificates(feed)) == 1
    assert feed.mail.sent == []


def test_a_rollup_that_was_changed_is_made_again(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    rows = feed.rows("fact_quote_hourly")
    feed.lake.partitions.delete([pointer_key(f"fact_quote_hourly/{AAPL}")])
    answers = feed.heal(start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert answers["audit"]["kinds"] == {"stale_derived": 1}
    assert feed.rows("fact_quote_hourly") == rows


# ---------------------------------------------------------------- proof


def test_one_changed_value_is_named(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    assert feed.verified() == []
    feed.change_a_price("AMD", THREE + dt.timedelta(minutes=30))
    assert feed.verified() == ["fact_quote/symbol=AMD/month=2026-11: its rows are not the certified ones"]


@pytest.fixture(scope="module")
def chained() -> Iterator[FeedSimulation]:
    """Three hours, each with its certificate; who harms one puts it back."""
    with feed_simulation(THREE, contracts=few()) as simulation:
        for hour in range(3):
            an_hour(simulation, THREE + dt.timedelta(hours=hour), slots_an_object=10)
            simulation.heal()
        yield simulation


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_certificate_is_named_the_last_one_too(chained: FeedSimulation, number: int) -> None:
    assert (len(certificates(chained)), chained.verified()) == (3, [])
    key = f"warehouse/_certificates/quotes/{number:012d}.json"
    stored = chained.lake.records.read(key)
    assert stored
    chained.lake.records.delete([key])
    assert chained.verified() == [f": {key} is missing"]
    chained.lake.records.write(key, stored.body)


def test_an_altered_certificate_is_named(chained: FeedSimulation) -> None:
    assert chained.verified() == []
    key = "warehouse/_certificates/quotes/000000000001.json"
    stored = chained.lake.records.read(key)
    assert stored
    chained.lake.records.write(key, stored.body.replace(b'"repaired":0', b'"repaired":1'))
    assert any("does not follow certificate 1" in failure for failure in chained.verified())
    chained.lake.records.write(key, stored.body)
