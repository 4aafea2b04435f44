"""A table is partitioned anew while its feed, readers and audits go on: built beside, switched, taken back, removed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.support.crashpoints import WAYS, Crash, Effects, Point
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in
from tests.support.lake import MemoryLake
from tests.unit.core.evolution.test_generations import by_day

from auditor.proof.links import read_links
from auditor.stories.object import trace
from auditor.warehouse.partitions import target_of
from cli.signatures import holds
from core.audit.repair_jobs import Vacuum
from core.contract.model import Contracts
from core.errors import TransientFailure
from core.evolution.generations import Transition, plan_transition
from core.warehouse.pointer import DATA_ROOT, POINTER_NAME, ROOT
from notary.prove import Chained, Proven, prove_chain
from notary.sign import sign_chain
from processing.partitions.commit import CommitContext, restate
from processing.restating.generations import BuiltGeneration, build_generations

OPENED = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
QUOTES = ("fact_quote", "fact_quote_hourly", "dim_symbol")


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Two symbols, deployed when the exchange opens, audited and certified until 16:00; it is 16:10."""
    contracts = with_entities(contracts_in(), "quotes", "AMD", "ZM")
    with feed_simulation(OPENED, contracts=contracts) as feed:
        feed.deployed()
        feed.trade(OPENED, 100, slots_an_object=10)
        assert feed.heal()["audit"]["whole"] == 2
        yield feed


def transition(feed: FeedSimulation, wanted: Contracts) -> Transition:
    return plan_transition(feed.contracts, wanted, now=int(feed.now.timestamp()))


def trades_on(feed: FeedSimulation, minutes: int = 10) -> None:
    feed.trade(feed.now, minutes, slots_an_object=5)


def is_as_an_empty_lake_would_be(feed: FeedSimulation) -> bool:
    """Whether readers see what a lake would hold that was always under the contract of now; rollups need its audits."""
    empty = MemoryLake(plan_transition(None, feed.contracts, now=0).first, now=lambda: feed.now)
    empty.ingest = feed.lake.ingest
    empty.services = replace(empty.services, ingest=empty.ingest)
    assert empty.process(*(info.key for info in empty.ingest.list("feeds/"))) == {}
    return empty.rows("fact_quote") == feed.lake.rows("fact_quote")


def complete(feed: FeedSimulation) -> list[dict[str, Any]]:
    """The rollup's groups that are whole and certified."""
    return [row for row in feed.rows("fact_quote_hourly") if row["complete"]]


def stored(feed: FeedSimulation, folder: str) -> list[str]:
    prefixes = (f"{DATA_ROOT}{folder}/", f"{ROOT}{folder}/")
    return [info.key for prefix in prefixes for info in feed.lake.records.list(prefix)]


def current(feed: FeedSimulation, folder: str) -> list[str]:
    """The objects that the pointers of a generation name."""
    pointers = [info.key for info in feed.lake.records.list(f"{ROOT}{folder}/")]
    names = [key.removeprefix(ROOT).removesuffix(f"/{POINTER_NAME}") for key in pointers]
    return [target_of(feed.lake.partitions, name) for name in names]


def built(feed: FeedSimulation, steps: Transition) -> list[BuiltGeneration]:
    return list(build_generations(feed.lake.services, steps.building))


def audited(feed: FeedSimulation) -> None:
    """An audit of what is due finds nothing missing, and all certificates hold."""
    answers = feed.heal(run=f"audit-{feed.now:%d-%H%M}")
    assert answers.get("verify", answers["audit"])["missing"] == 0
    assert feed.verified() == []
    assert feed.mail.sent == []


def test_a_table_is_partitioned_anew_while_all_go_on_and_taken_back_and_removed(feed: FeedSimulation) -> None:
    before, wanted = feed.contracts, by_day(feed.contracts)
    steps = transition(feed, wanted)
    feed.deployed(steps.first)
    trades_on(feed)
    seen = feed.lake.rows("fact_quote")
    generations = built(feed, steps)
    assert [(each.table, each.lost, each.refusals) for each in generations] == [
        ("fact_quote", 0, ()),
        ("fact_quote_hourly", 0, ()),
    ]
    assert all(each.rows == each.rows_before and each.keys == each.keys_before for each in generations)
    assert feed.lake.rows("fact_quote") == seen, "readers see what they saw"
    hours = complete(feed)
    trades_on(feed)
    feed.deployed(steps.last(int(feed.now.timestamp())))
    new, old = feed.contracts.table("fact_quote").folder, "fact_quote"
    assert {path.rpartition("/")[2] for path in feed.lake.paths("fact_quote")} == {"day=2026-11-20"}
    served, kept = ({trace(feed.services(), key).verdict for key in current(feed, each)} for each in (new, old))
    assert (served, kept) == ({"current"}, {"kept"}), "readers see the new objects alone"
    assert complete(feed) == hours
    assert is_as_an_empty_lake_would_be(feed)
    assert feed.verified() == [], "certificates speak of the generation that they were made of"
    trades_on(feed, 40)
    feed.pass_time(minutes=5)
    audited(feed)
    assert is_as_an_empty_lake_would_be(feed)

    groups = feed.rows("fact_quote_hourly")
    for contracts in (before, wanted):
        steps = transition(feed, contracts)
        assert {each.table for each in steps.building} == {"fact_quote_hourly"}, "the facts of both were written"
        feed.deployed(steps.first)
        built(feed, steps)
        feed.deployed(steps.last(int(feed.now.timestamp())))
        assert is_as_an_empty_lake_would_be(feed)
        assert feed.rows("fact_quote_hourly") == groups, "those of the kept generation were of before"
        assert feed.verified() == []
    trades_on(feed, 60)
    feed.pass_time(minutes=5)
    audited(feed)
    assert stored(feed, old)

    feed.pass_time(hours=8)
    for _ in range(2):
        feed.pass_time(hours=1)
        audited(feed)
    assert stored(feed, old) == []
    assert stored(feed, new)
    assert is_as_an_empty_lake_would_be(feed)


def test_what_is_repaired_after_its_rollups_were_built_is_in_the_new_rollups_too(feed: FeedSimulation) -> None:
    feed.loses_event = lambda _key: True
    trades_on(feed, 20)
    feed.loses_event = lambda _key: False
    steps = transition(feed, by_day(feed.contracts))
    feed.deployed(steps.first)
    built(feed, steps)
    trades_on(feed, 30)
    feed.pass_time(minutes=5)
    audited(feed)
    groups = feed.rows("fact_quote_hourly")
    assert len(complete(feed)) > 2, "the hour is whole"
    feed.deployed(steps.last(int(feed.now.timestamp())))
    assert feed.rows("fact_quote_hourly") == groups


def test_the_old_generation_stays_for_as_long_as_a_certificate_rests_on_it(feed: FeedSimulation) -> None:
    steps = transition(feed, by_day(feed.contracts))
    feed.deployed(steps.first)
    built(feed, steps)
    feed.deployed(steps.last(int(feed.now.timestamp())))
    feed.pass_time(hours=20)
    assert feed.verified() == []
    trades_on(feed, 1)
    feed.heal(run="first")
    cleaned = [job.table for job in feed.jobs("first") if isinstance(job, Vacuum)]
    assert cleaned == ["fact_quote_hourly"], "no certificate speaks of it, and those of the facts are of this audit"
    assert stored(feed, "fact_quote")
    assert feed.heal(run="second")["audit"]["kinds"]["unreferenced_object"] > 0
    assert stored(feed, "fact_quote") == []
    assert feed.verified() == []


def test_a_build_that_is_killed_at_any_effect_and_begun_again_comes_to_the_same(feed: FeedSimulation) -> None:
    steps = transition(feed, by_day(feed.contracts))
    feed.deployed(steps.first)
    lake = feed.lake
    kept = (dict(lake.partitions.objects), dict(lake.partitions.modified))

    def build(effects: Effects) -> None:
        services = replace(
            lake.services, partitions=effects.watch(lake.partitions), records=effects.watch(lake.records)
        )
        for _ in build_generations(services, steps.building):
            pass

    def outcome() -> dict[str, list[dict[str, object]]]:
        beside = lake.services.beside("quotes")
        assert beside is not None
        lake_beside = replace_services(lake, beside.contracts)
        return {name: lake_beside.rows(name) for name in QUOTES}

    whole = Effects()
    build(whole)
    expected = outcome()
    assert len(whole.log) >= 8
    for number in range(len(whole.log)):
        lake.partitions.objects, lake.partitions.modified = dict(kept[0]), dict(kept[1])
        point = Point(number, WAYS[number % 3])
        with suppress(Crash, TransientFailure):
            build(Effects(point))
        build(Effects())
        assert outcome() == expected, str(point)


def replace_services(lake: MemoryLake, contracts: Contracts) -> MemoryLake:
    """A look at the same lake by other contracts."""
    look = MemoryLake(contracts)
    look.partitions = lake.partitions
    look.services = replace(lake.services, contracts=contracts)
    return look


def test_a_chain_stays_signed_and_proven_while_history_is_rebuilt_and_rows_come_late(feed: FeedSimulation) -> None:
    """The notary signs after each step of honest work, and whoever has its key alone is told of no lie."""
    records, anchors, signer = feed.lake.records, MemoryAnchors(), MemorySigner()

    def signed() -> Proven:
        stores = {"records": records, "anchors": anchors}
        sign_chain("quotes", signers=[signer], now=feed.now, **stores)  # type: ignore[arg-type]
        assert feed.verified() == []
        links = read_links(records, "quotes")
        chained, keys = Chained(links.hashes, links.head.number), [signer.public_key()]
        return prove_chain("quotes", chained=chained, anchors=anchors, trusted=keys, holds=holds, now=feed.now)

    assert signed().problems == ()
    feed.loses_event = lambda _key: True
    trades_on(feed, 20)
    feed.loses_event = lambda _key: False
    trades_on(feed, 30)
    feed.pass_time(minutes=5)
    audited(feed)
    assert signed().problems == (), "objects were processed late"

    steps = transition(feed, by_day(feed.contracts))
    feed.deployed(steps.first)
    built(feed, steps)
    feed.deployed(steps.last(int(feed.now.timestamp())))
    assert signed().problems == (), "certificates speak of the generation that they were made of"
    trades_on(feed, 60)
    feed.pass_time(minutes=5)
    audited(feed)
    assert signed().problems == ()

    table = feed.contracts.table("fact_quote")
    for path in feed.lake.paths("fact_quote"):
        rows = feed.lake.snapshot("fact_quote", path).table
        restate(feed.lake.partitions, table, path, partial(lambda kept: (kept, ()), rows), context=CommitContext("x"))
    feed.pass_time(hours=12)
    for _ in range(2):
        feed.pass_time(hours=1)
        audited(feed)
    assert stored(feed, "fact_quote") == [], "the old generation is gone"
    last = signed()
    assert last.problems == ()
    assert last.number == len(read_links(records, "quotes").hashes) > 4
