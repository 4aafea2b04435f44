"""A feed's contract changes while the feed runs: what it owes is told by the contract of each point's time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in

from auditor.changes.progress import change_progress
from auditor.proof.links import read_links
from auditor.state import read_state
from core.audit.repair_jobs import FetchHistory, Restate
from core.contract.model import Column, Contracts, Entity, Feed, Take
from core.contract.types import parse_type

OPENED = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
UNTRADED = 10  # minutes after 16:00


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Two symbols, deployed when the exchange opens, audited and certified until 16:00; it is 16:10, nobody trades."""
    contracts = with_entities(contracts_in(), "quotes", "AMD", "ZM")
    with feed_simulation(OPENED, contracts=contracts) as feed:
        feed.deployed()
        feed.trade(OPENED, 90, slots_an_object=15)
        feed.pass_time(minutes=10)
        answers = feed.heal()["audit"]
        assert (answers["missing"], answers["whole"]) == (0, 2)
        yield feed


def changed(feed: FeedSimulation, **changes: object) -> Contracts:
    """The contracts with another feed; its hash says so."""
    contracts = []
    for contract in feed.contracts:
        if contract.dataset == "quotes" and isinstance(contract.source, Feed):
            source = replace(contract.source, **changes)  # type: ignore[arg-type]
            contract = replace(contract, source=source, hash=f"{contract.hash}'")
        contracts.append(contract)
    return replace(feed.contracts, contracts=tuple(contracts))


def entities(*names: str) -> tuple[Entity, ...]:
    return tuple(Entity(name) for name in names)


def goes_on(feed: FeedSimulation, minutes: int, *, missing: int = 0) -> None:
    """Trade from where the clock stands, until an audit finds so many missing; nobody is called, all of it verifies."""
    feed.trade(feed.now, minutes * 60 // feed.feed.every, slots_an_object=15)
    feed.pass_time(minutes=10)
    answers = feed.heal(run=f"after-{feed.now:%H%M}")
    assert answers["audit"]["missing"] == missing
    assert answers.get("verify", answers["audit"])["missing"] == 0
    assert feed.mail.sent == []
    assert feed.verified() == []


def certificates(feed: FeedSimulation) -> set[tuple[object, ...]]:
    """What the newest certificate of each window says of its points and rows."""
    links = read_links(feed.lake.records, "quotes")
    assert links.failures == []
    newest = {certificate.window: certificate for certificate in links.certificates}
    return {(each.window, each.expected, each.present, each.absent, each.digest) for each in newest.values()}


def slots(feed: FeedSimulation, symbol: str, hour: int) -> list[int]:
    rows = [row for row in feed.rows("fact_quote") if row["symbol"] == symbol and row["minute"].hour == hour]
    return [row["minute"].minute for row in rows]


def test_a_symbol_that_is_added_is_owed_from_then_on(feed: FeedSimulation) -> None:
    before = certificates(feed)
    feed.deployed(changed(feed, entities=entities("AMD", "TSLA", "ZM")))
    assert feed.verified() == []
    goes_on(feed, 50, missing=2 * UNTRADED)
    assert certificates(feed) >= before
    assert slots(feed, "TSLA", 16) == list(range(10, 60))
    assert slots(feed, "TSLA", 15) == []
    assert next(row for row in feed.rows("fact_quote_hourly") if row["symbol"] == "TSLA")["expected"] == 50


def test_a_symbol_that_is_taken_out_ends_and_its_past_is_still_healed_and_verified(feed: FeedSimulation) -> None:
    feed.trade(feed.now, 20, slots_an_object=15)
    before = certificates(feed)
    feed.deployed(changed(feed, entities=entities("AMD")))
    assert feed.verified() == []
    goes_on(feed, 30, missing=2 * UNTRADED)
    assert certificates(feed) >= before
    assert slots(feed, "ZM", 16) == list(range(30))
    assert slots(feed, "AMD", 16) == list(range(60))
    jobs = [job for job in feed.jobs(f"after-{feed.now:%H%M}") if isinstance(job, FetchHistory)]
    assert {(job.entity, job.every) for job in jobs} == {("AMD", 0), ("ZM", 60)}


@pytest.mark.parametrize("is_told", [True, False], ids=["the old name ends", "the old name is taken out"])
def test_a_symbol_that_is_renamed_ends_under_the_old_name_and_begins_under_the_new(
    feed: FeedSimulation, is_told: bool
) -> None:
    before = certificates(feed)
    feed.trade(feed.now, 20, slots_an_object=15)
    ended = Entity("ZM", valid_until=f"{feed.now:%Y-%m-%dT%H:%M:%SZ}")
    feed.deployed(changed(feed, entities=(*entities("AMD", "TSLA"), *([ended] if is_told else []))))
    assert feed.verified() == []
    goes_on(feed, 30, missing=2 * UNTRADED)
    assert slots(feed, "ZM", 16) == list(range(30))
    assert slots(feed, "TSLA", 16) == list(range(30, 60))
    assert certificates(feed) >= before  # the past is certified as it was


@pytest.mark.parametrize("first", [60, 300])
def test_a_cadence_that_changes_begins_a_new_grid(feed: FeedSimulation, first: int) -> None:
    if first != 60:
        feed.deployed(changed(feed, every=first))
    feed.loses = lambda symbol, at: symbol == "ZM" and at.minute == 20
    feed.trade(feed.now, 20 * 60 // first, slots_an_object=15)
    before = certificates(feed)
    feed.deployed(changed(feed, every=360 - first))
    assert feed.verified() == []
    goes_on(feed, 30, missing=2 * UNTRADED + 1)
    expected = [*range(UNTRADED), *range(UNTRADED, 30, first // 60), *range(30, 60, 6 - first // 60)]
    assert slots(feed, "AMD", 16) == slots(feed, "ZM", 16) == expected
    assert slots(feed, "AMD", 15) == list(range(60))
    assert all(row["complete"] for row in feed.rows("fact_quote_hourly"))
    assert certificates(feed) >= before


def test_columns_that_are_added_or_widened_falsify_no_certificate(feed: FeedSimulation) -> None:
    certified = [entry for name in ("AMD", "ZM") for entry in feed.rows("fact_quote") if entry["symbol"] == name]
    feed.deployed(with_columns(feed, price="decimal(24,8)"))
    assert feed.verified() == []  # of objects that nobody has made again
    goes_on(feed, 50, missing=2 * UNTRADED)  # commits to the same partitions, which so become wider
    rows = feed.rows("fact_quote")
    kept = [{name: row[name] for name in certified[0]} for row in rows if row["minute"].hour < 16]
    assert kept == certified
    assert all(row["asked_at"] == row["fetched_at"] for row in rows)  # of old ones too: partitions were made again


def test_partitions_of_an_earlier_contract_are_found_made_again_and_certified(feed: FeedSimulation) -> None:
    feed.deployed(with_columns(feed, price="decimal(24,8)"))
    first = feed.heal(run="first")
    assert first["audit"]["kinds"]["outdated_partition"] == 2
    assert "outdated_partition" not in first["verify"]["kinds"]
    jobs = [job for job in feed.jobs("first") if isinstance(job, Restate) and job.table == "fact_quote"]
    assert [job.partitions for job in jobs] == [("symbol=AMD/month=2026-11", "symbol=ZM/month=2026-11")]
    assert all(row["asked_at"] == row["fetched_at"] for row in feed.rows("fact_quote"))
    assert first["certify"]["certificates"] == 2  # the successors of those of before
    assert feed.verified() == []
    second = feed.heal(run="second")
    assert "outdated_partition" not in second["audit"]["kinds"]
    assert second["certify"]["certificates"] == 0
    assert feed.verified() == []
    state = read_state(feed.lake.records, "quotes")
    assert {until for _, until in state.forms.values()} == {""}
    assert feed.mail.sent == []


def test_a_budget_makes_the_newest_partitions_again_first_and_the_next_audit_the_others(feed: FeedSimulation) -> None:
    feed.deployed(with_columns(feed, price="decimal(24,8)"))
    feed.limits = replace(feed.limits, budget=replace(feed.limits.budget, partitions=1))
    for number in range(2):
        assert feed.heal(run=f"budget-{number}")["audit"]["kinds"]["outdated_partition"] == 1
        changed = [row["symbol"] for row in feed.rows("fact_quote") if row["asked_at"]]
        assert set(changed) == {"ZM", *(["AMD"] if number else [])}
        contract = feed.contracts.dataset("quotes")
        progress = change_progress(feed.lake.records, contract, now=int(feed.now.timestamp()))
        assert [(each.table, each.done, each.total) for each in progress] == [("fact_quote", 1, 2)][number:]
        assert feed.verified() == []
    assert "outdated_partition" not in feed.heal(run="budget-2")["audit"]["kinds"]


def test_a_value_that_changed_is_no_widening(feed: FeedSimulation) -> None:
    feed.deployed(with_columns(feed, price="decimal(24,8)"))
    feed.change_a_price("AMD", OPENED.replace(hour=15), by=1)
    assert len(feed.verified()) == 1


def with_columns(feed: FeedSimulation, *, price: str) -> Contracts:
    """The contracts with prices of another type, and one column more in the facts."""
    contracts = []
    for contract in feed.contracts:
        if contract.dataset == "quotes":
            tables = []
            for table in contract.tables:
                if table.name == "fact_quote":
                    columns = [
                        replace(column, type=parse_type(price)) if column.name == "price" else column
                        for column in table.columns
                    ]
                    more = Column("asked_at", parse_type("timestamp"), Take("fetched_at"))
                    table = replace(table, columns=(*columns, more))
                tables.append(table)
            contract = replace(contract, tables=tuple(tables), hash=f"{contract.hash}'")
        contracts.append(contract)
    return replace(feed.contracts, contracts=tuple(contracts))
