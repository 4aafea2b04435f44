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

from auditor.services import Budget
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
def one() -> Iterator[FeedSimulation]:
    """Three symbols, at three in the afternoon (UTC)."""
    with feed_simulation(THREE, contracts=few()) as made:
        yield made


def an_hour(one: FeedSimulation, start: dt.datetime = THREE) -> None:
    one.trade(start, 60)
    one.pass_time(minutes=5)


def completeness(one: FeedSimulation) -> dict[str, dict[str, object]]:
    """The rows of the completeness table by the window's start."""
    stored = [one.lake.records.read(found.key) for found in one.lake.records.list("completeness/")]
    rows = [json.loads(body.body) for body in stored if body]
    return {row["window_start"]: row for row in rows}


def certificates(one: FeedSimulation) -> list[dict[str, object]]:
    found = one.lake.records.list("warehouse/_certificates/quotes/0")
    stored = [one.lake.records.read(certificate.key) for certificate in found]
    return [json.loads(body.body) for body in stored if body]


def only(entity: str, *minutes: int):  # type: ignore[no-untyped-def]
    """Loses these minutes of the hour of one entity; without minutes all of them."""
    return lambda name, at: name == entity and (not minutes or at.minute in minutes)


# ---------------------------------------------------------------- healing


def test_a_healed_hour_is_the_hour_of_a_run_that_lost_nothing() -> None:
    with feed_simulation(THREE) as whole, feed_simulation(THREE) as lossy:
        lossy.loses = some_points(1, 0.2)
        for each in (whole, lossy):
            an_hour(each)
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


def test_no_minute_is_fetched_that_was_not_missing(one: FeedSimulation) -> None:
    one.loses = only("AMD", 3, 4, 5, 40)
    an_hour(one)
    one.heal(run="first")
    (job,) = one.jobs("first")
    assert [(start % 3600 // 60, end % 3600 // 60) for start, end in job.ranges] == [(3, 6), (40, 41)]
    assert len(one.asked_history()) == 2
    provenances = [row["provenance"] for row in one.rows("fact_quote") if row["symbol"] == "AMD"]
    assert provenances.count("repaired") == 4
    assert provenances.count("observed") == 56


def test_only_partitions_that_a_repair_touched_get_a_version(one: FeedSimulation) -> None:
    one.loses = only("ZM", 7)
    an_hour(one)
    before = one.lake.versions()
    one.heal()
    after = one.lake.versions()
    facts = {key for key in before if "/fact_quote/" in key and before[key] != after[key]}
    assert facts == {pointer_key("fact_quote/symbol=ZM/month=2026-11")}


def test_what_was_made_again_gets_a_version_and_nothing_that_came_out_the_same(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    _roll_back(one, hold=None)
    before = one.lake.versions()
    one.heal()
    assert _changed(before, one.lake.versions()) == {pointer_key(f"fact_quote/{AAPL}")}
    one.change_a_price("AMD", THREE + dt.timedelta(minutes=30), by=1_000)  # the hour's high
    before = one.lake.versions()
    one.heal()  # the price is within its rule, so the window is certified anew, and the hour of that symbol made again
    assert _changed(before, one.lake.versions()) == {pointer_key("fact_quote_hourly/symbol=AMD/month=2026-11")}


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_clean_run_writes_no_fact_no_version_no_certificate_and_no_mail(one: FeedSimulation) -> None:
    one.loses = only("ZM", 7)
    an_hour(one)
    one.heal()
    versions, issued = one.lake.versions(), certificates(one)
    told = one.heal()
    assert told["audit"]["healthy"]
    assert (one.lake.versions(), certificates(one), one.mail.sent) == (versions, issued, [])


def test_an_observation_that_comes_late_outranks_the_repair_and_the_window_is_certified_anew(
    one: FeedSimulation,
) -> None:
    one.loses = only("AMD", 0)
    an_hour(one)
    one.heal()
    line = {
        "symbol": "AMD", "minute": "2026-11-20T15:00:00Z", "kind": "live", "provenance": "observed",
        "fetched_at": "2026-11-20T15:00:30Z", "dataset": "quotes", "c": 1.25,
    }  # fmt: skip
    one.loses = only("nobody")
    one.acquisition.stream.put([StreamRecord("AMD", json.dumps(line).encode() + b"\n")])
    one.deliver()
    assert one.verified() == ["fact_quote/symbol=AMD/month=2026-11: its rows are not the certified ones"]
    one.heal()
    first, second = certificates(one)
    assert (second["replaces"], second["previous"]) == (1, one.hash_of_certificate(1))
    assert second["changed"] == {
        "late": [0, 1], "repaired": [1, 0], "partitions": ["fact_quote/symbol=AMD/month=2026-11"]
    }  # fmt: skip
    assert first["digest"] != second["digest"]
    assert one.verified() == []


@pytest.mark.parametrize("symbol", ["AAPL", "ZM"])
def test_an_object_whose_event_was_lost_is_processed_and_nothing_is_fetched(one: FeedSimulation, symbol: str) -> None:
    one.loses_event = lambda key: key.endswith("000002")
    an_hour(one)
    told = one.heal(run="first")
    assert told["audit"]["kinds"] == {"unprocessed_object": 1, "missing_point": 6}
    assert [job.kind for job in one.jobs("first")] == ["reprocess"]
    assert one.asked_history() == []
    assert told["verify"]["healthy"]


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
        told = lossy.heal()
        assert told["audit"]["missing"] > 10
        assert told["verify"]["healthy"]
        assert told["certify"]["certificates"] == 1
        assert whole.rows("fact_weather", without=WHEN) == lossy.rows("fact_weather", without=WHEN)


# ---------------------------------------------------------------- what the provider does not give


def test_what_the_provider_does_not_have_is_absent_with_its_evidence_and_not_asked_again(one: FeedSimulation) -> None:
    one.loses = only("AMD", 10, 11)
    an_hour(one)
    gone = (THREE + dt.timedelta(minutes=10), THREE + dt.timedelta(minutes=12))
    one.market.fail("hole", symbol="AMD", covering=gone)
    told = one.heal()
    assert (told["verify"]["absent"], told["verify"]["missing"]) == (2, 0)
    (certificate,) = certificates(one)
    assert certificate["absent_points"] == {"AMD": [["2026-11-20T15:10:00Z", "2026-11-20T15:12:00Z"]]}
    (row,) = [row for row in one.rows("fact_quote_hourly") if row["symbol"] == "AMD"]
    assert (row["minutes"], row["absent"], row["complete"]) == (58, 2, True)
    assert one.verified() == []
    assert one.mail.sent == []
    asked = len(one.asked_history())
    one.heal()
    assert len(one.asked_history()) == asked
    one.market.heal()
    one.pass_time(days=8)  # the evidence has expired: ask again, and it is there
    one.heal(start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert len(one.asked_history()) > asked
    assert certificates(one)[-1]["absent"] == 0
    assert certificates(one)[-1]["changed"]["absent"] == [2, 0]


def test_a_refused_history_is_one_mail_that_names_the_setting_and_no_storm(one: FeedSimulation) -> None:
    one.loses = only("AMD")
    an_hour(one)
    one.market.fail("forbidden", symbol="AMD", endpoint="candle")
    told = one.heal()
    assert told["conclude"]["sent"] == ["not_entitled"]
    ((subject, text),) = one.mail.sent
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
    assert len(one.asked_history()) == 1
    assert completeness(one)["2026-11-20T15:00:00Z"]["status"] == "alarmed"
    assert one.metrics.values["PointsUnhealed"][-1] == 60
    for _ in range(3):
        one.pass_time(minutes=10)
        assert one.heal()["conclude"]["known"] == ["not_entitled"]
    assert len(one.mail.sent) == 1
    assert len(one.asked_history()) == 1


def test_when_an_alarmed_gap_heals_later_the_alarm_is_over(one: FeedSimulation) -> None:
    one.loses = only("AMD", 1, 2)
    an_hour(one)
    one.market.fail("html", endpoint="candle")
    assert one.heal()["conclude"]["sent"] == ["broken"]
    assert one.metrics.values["PointsUnhealed"][-1] == 2
    one.pass_time(minutes=10)
    assert one.heal()["conclude"]["known"] == ["broken"]
    one.market.heal()
    one.pass_time(minutes=10)
    told = one.heal()
    assert told["conclude"]["recovered"] == ["broken"]
    assert one.metrics.values["PointsUnhealed"][-1] == 0
    assert len(one.mail.sent) == 1
    one.market.fail("html", endpoint="candle")
    one.loses = only("AMD", 5)
    an_hour(one, THREE + dt.timedelta(hours=4))
    assert one.heal()["conclude"]["sent"] == ["broken"]  # a new story


def test_a_gap_that_heals_at_the_third_attempt_is_nobodys_business(one: FeedSimulation) -> None:
    one.loses = only("AMD", 1, 2)
    an_hour(one)
    one.market.fail("html", endpoint="candle", first=6)  # three calls in each of two attempts
    told = one.heal()
    assert told["verify"]["attempt"] == 3
    assert told["verify"]["healthy"]
    assert one.mail.sent == []


def test_a_gap_over_the_budget_waits_quietly_until_it_is_overdue_and_then_alarms_once() -> None:
    with feed_simulation(THREE, contracts=few(complete_within=90 * 60)) as one:
        one.loses = only("AMD", 3, 10, 20, 30)
        one.limits = replace(one.limits, budget=Budget(calls=1))
        an_hour(one)
        first = one.heal()  # the oldest gap is fetched, the others wait: at 16:05 they are not yet overdue
        assert (len(one.asked_history()), first["verify"]["missing"]) == (1, 3)
        assert (first["conclude"]["sent"], one.mail.sent) == ([], [])
        assert completeness(one)["2026-11-20T15:00:00Z"]["status"] == "open"
        one.limits = replace(one.limits, budget=Budget(calls=0))
        one.pass_time(minutes=40)
        assert one.heal()["conclude"]["sent"] == ["overdue"]
        ((subject, text),) = one.mail.sent
        assert "quotes" in subject
        for part in ("AMD", " 3 points", "2026-11-20T15:10:00Z", "docs/runbook.md#overdue"):
            assert part in text
        assert one.metrics.values["PointsUnhealed"][-1] == 3
        assert completeness(one)["2026-11-20T15:00:00Z"]["status"] == "alarmed"
        one.pass_time(minutes=5)
        assert one.heal()["conclude"]["known"] == ["overdue"]
        assert len(one.mail.sent) == 1
        one.limits = replace(one.limits, budget=Budget())
        one.pass_time(minutes=5)
        assert one.heal()["conclude"]["recovered"] == ["overdue"]
        assert one.metrics.values["PointsUnhealed"][-1] == 0


def test_an_unhealable_symbol_does_not_keep_the_others_from_healing(one: FeedSimulation) -> None:
    one.loses = some_points(5, 0.3)
    an_hour(one)
    one.market.fail("forbidden", symbol="ZM", endpoint="candle")
    one.heal()
    lacking = {row["symbol"]: row["complete"] for row in one.rows("fact_quote_hourly")}
    assert lacking == {"AAPL": False, "AMD": False, "ZM": False}  # only a certified hour is complete
    assert {row["symbol"] for row in one.rows("fact_quote_hourly") if row["minutes"] < 60} == {"ZM"}


# ---------------------------------------------------------------- damage


def test_a_deleted_ingest_object_is_brought_back(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    (victim, *_) = [found.key for found in one.lake.ingest.list("feeds/")]
    one.deleted_objects.delete(victim)
    told = one.heal()
    assert told["audit"]["kinds"] == {"lost_object": 1}
    assert told["verify"]["healthy"]
    assert one.lake.ingest.stat(victim)


def test_an_ingest_object_that_nobody_can_bring_back_is_one_mail(one: FeedSimulation) -> None:
    an_hour(one)
    (victim, *_) = [found.key for found in one.lake.ingest.list("feeds/")]
    one.lake.ingest.delete([victim])
    assert one.heal()["conclude"]["sent"] == ["lost_object"]
    assert one.heal()["conclude"]["known"] == ["lost_object"]


def test_a_deleted_object_of_a_partition_is_made_again_and_certified(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    rows = one.rows("fact_quote")
    target = one.lake.partitions.read_pointer(f"fact_quote/{AAPL}")
    assert target
    one.lake.partitions.delete([target.target])
    assert one.verified() == [f"fact_quote/{AAPL}: {target.target} is missing"]
    told = one.heal(start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert told["audit"]["kinds"]["broken_object"] == 1
    assert one.asked_history() == []
    assert one.rows("fact_quote") == rows
    assert one.verified() == []


def test_a_month_that_was_rolled_back_is_healed_forward(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    rows = one.rows("fact_quote")
    _roll_back(one, hold=None)
    assert len(one.rows("fact_quote")) < len(rows)
    told = one.heal()
    assert told["audit"]["kinds"]["broken_object"] == 1
    assert one.asked_history() == []
    assert one.rows("fact_quote") == rows
    assert one.verified() == []


def test_a_held_rollback_is_left_alone_and_shown_until_it_is_released(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    rows = one.rows("fact_quote")
    _roll_back(one, hold="prices under review")
    versions = one.lake.versions()
    told = one.heal()
    assert told["audit"]["kinds"] == {"held_partition": 1}
    assert told["audit"]["healthy"]
    assert one.lake.versions()[pointer_key(f"fact_quote/{AAPL}")] == versions[pointer_key(f"fact_quote/{AAPL}")]
    assert one.mail.sent == []
    assert completeness(one)["2026-11-20T15:00:00Z"]["status"] == "open"
    release(one.lake.partitions, one.contracts.table("fact_quote"), AAPL, context=CommitContext("x"))
    one.heal()
    assert one.rows("fact_quote") == rows
    assert one.verified() == []


def _roll_back(one: FeedSimulation, *, hold: str | None) -> None:
    table = one.contracts.table("fact_quote")
    rollback(one.lake.partitions, table, AAPL, to=2, hold=hold, context=CommitContext("x"))


def test_a_row_that_breaks_a_rule_is_made_again_from_its_ingest_object(one: FeedSimulation) -> None:
    an_hour(one)
    rows = one.rows("fact_quote")
    one.change_a_price("AMD", THREE + dt.timedelta(minutes=30), by=-1_000_000)
    told = one.heal()
    assert told["audit"]["kinds"] == {"broken_rule": 1}
    assert told["verify"]["healthy"]
    assert one.rows("fact_quote") == rows
    assert one.asked_history() == []
    assert one.mail.sent == []


def test_a_symbol_that_no_dimension_knows_is_an_orphan_until_its_parent_is_made(one: FeedSimulation) -> None:
    an_hour(one)
    two = pa.table({"symbol": pa.array(["AAPL", "AMD"], pa.string())})
    table = one.contracts.table("dim_symbol")
    restate(one.lake.partitions, table, "", lambda: (two, ()), context=CommitContext("x"))
    told = one.heal()
    assert told["audit"]["kinds"] == {"orphan_key": 1}
    assert told["verify"]["healthy"]
    assert [row["symbol"] for row in one.rows("dim_symbol")] == ["AAPL", "AMD", "ZM"]


def test_a_rollup_that_was_changed_is_made_again(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    rows = one.rows("fact_quote_hourly")
    one.lake.partitions.delete([pointer_key(f"fact_quote_hourly/{AAPL}")])
    told = one.heal(start="2026-11-20T15:00:00Z", end="2026-11-20T16:00:00Z")
    assert told["audit"]["kinds"] == {"stale_derived": 1}
    assert one.rows("fact_quote_hourly") == rows


# ---------------------------------------------------------------- proof


def test_one_changed_value_is_named(one: FeedSimulation) -> None:
    an_hour(one)
    one.heal()
    assert one.verified() == []
    one.change_a_price("AMD", THREE + dt.timedelta(minutes=30))
    assert one.verified() == ["fact_quote/symbol=AMD/month=2026-11: its rows are not the certified ones"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_certificate_is_named_the_last_one_too(one: FeedSimulation, number: int) -> None:
    for hour in range(3):
        an_hour(one, THREE + dt.timedelta(hours=hour))
        one.heal()
    assert len(certificates(one)) == 3
    key = f"warehouse/_certificates/quotes/{number:012d}.json"
    one.lake.records.delete([key])
    assert one.verified() == [f": {key} is missing"]


def test_an_altered_certificate_is_named(one: FeedSimulation) -> None:
    for hour in range(2):
        an_hour(one, THREE + dt.timedelta(hours=hour))
        one.heal()
    key = "warehouse/_certificates/quotes/000000000001.json"
    stored = one.lake.records.read(key)
    assert stored
    one.lake.records.write(key, stored.body.replace(b'"repaired":0', b'"repaired":1'))
    assert any("does not follow certificate 1" in failure for failure in one.verified())
