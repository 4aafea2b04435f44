"""The trigger of the process function, held against how Lambda polls a queue and what S3 bears."""

from __future__ import annotations

import datetime as dt
import heapq
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.authoring.load import load
from core.contract.model import Contract, Contracts, Database, Entity, Feed, Partition, Provider, SourceTable, Table
from core.rendering.trigger import Trigger, trigger_of

CONTRACTS = Path(__file__).parents[4] / "contracts"
S3 = {"get": 0.020, "put": 0.030, "swap": 0.058}  # seconds; the fastest swap that others measured in 2026
SWAPS = 15  # of one object a second, that S3 gave them


def database(tables: int, every: int) -> Contract:
    sources = tuple(SourceTable(f"t{number}", ("id",), ()) for number in range(tables))
    return Contract("d", Database("postgresql", "s", "UTC", every, 60, 600, 5, 0, sources), ())


def feed(entities: int, every: int, buckets: int) -> Contract:
    provider, names = Provider("rest"), tuple(Entity(f"E{number}") for number in range(entities))
    source = Feed(
        provider, provider, "", every, "always", "e", "at", names, 60, 7200, 600, SourceTable("f", ("e", "at"), ())
    )
    parts = (Partition("b", "e", "bucket", buckets), Partition("at", "at", "day"))
    return Contract("f", source, (Table("fact_f", "f", "fact", "", ("e", "at"), (), "f", partition_by=parts),))


sources = st.one_of(
    st.builds(database, st.integers(1, 400), st.sampled_from([60, 300, 3600])),
    st.builds(feed, st.sampled_from([1, 11, 1_000, 20_000]), st.sampled_from([60, 3600]), st.integers(1, 1_024)),
)


def rounds(contracts: list[Contract]) -> int:
    """Rounds of sixteen commits of the shortest invocation."""
    facts = [table.partition_by[0].buckets for contract in contracts for table in contract.tables]
    entities = [len(contract.source.entities) for contract in contracts if isinstance(contract.source, Feed)]
    touched = [min(each) for each in zip(facts, entities, strict=True)] + [1] * (len(contracts) - len(facts))
    return -(-min(touched) // 16)


def swaps(trigger: Trigger, arrivals: list[float], commits: int = 1) -> list[float]:
    """When one partition is swapped, if every object has rows of it and a function needs no time but S3's.

    A poller takes what waits; it hands over a full batch at once, and what it has when its window is over. As many
    pollers as may run at once, each waiting for its function: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    times: list[float] = []
    pollers = [0.0] * trigger.concurrency
    heapq.heapify(pollers)
    waiting = sorted(arrivals)
    while waiting:
        free = heapq.heappop(pollers)
        begins = max(free, waiting[0])
        full = waiting[trigger.batch_size - 1] if len(waiting) >= trigger.batch_size else float("inf")
        hands_over = min(max(begins, full), begins + trigger.batching_window_seconds)
        taken = [at for at in waiting[: trigger.batch_size] if at <= hands_over]
        waiting = waiting[len(taken) :]
        commit = S3["get"] * 2 + S3["put"] + S3["swap"]
        swapped = hands_over + S3["get"] + commits * commit + 0.008 * len(taken)
        times.append(swapped)
        heapq.heappush(pollers, swapped + S3["put"])
    return times


@given(st.lists(sources, min_size=1, max_size=3))
def test_a_trigger_is_one_that_lambda_takes(contracts: list[Contract]) -> None:
    """The limits of https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html."""
    trigger = trigger_of(Contracts(tuple(contracts)))
    assert 1 <= trigger.batch_size <= 10_000
    assert trigger.batching_window_seconds <= 300
    assert trigger.batching_window_seconds >= 1 or trigger.batch_size <= 10
    assert 2 <= trigger.concurrency <= 1_000
    assert trigger.batch_size * 1_024 < 6 << 20  # an event of S3's is about a kilobyte, an invocation's payload 6 MB


@settings(max_examples=25)
@given(st.lists(sources, min_size=1, max_size=3), st.sampled_from([0.0, 0.01, 0.05, 0.3]))
def test_no_partition_gets_more_than_five_swaps_a_second(contracts: list[Contract], apart: float) -> None:
    """A backlog of small objects of one partition, and objects that trickle in."""
    trigger = trigger_of(Contracts(tuple(contracts)))
    times = swaps(trigger, [number * apart for number in range(120 * trigger.batch_size)], rounds(contracts))
    rates = [sum(start <= at < start + 10 for at in times) / 10 for start in times]
    assert max(rates) <= 5 * 1.25  # S3 of this test is a quarter faster than ours: as fast as anybody has seen it
    assert max(sum(start <= at < start + 1 for at in times) for start in times) < SWAPS


def test_what_was_the_default_swapped_more_often_than_that() -> None:
    times = swaps(Trigger(10, 1, 5), [0.0] * 2_000)
    assert len(times) / max(times) > 2 * 5


def test_a_batch_of_the_largest_objects_is_done_before_the_function_is_cut_off() -> None:
    trigger = trigger_of(load(CONTRACTS, today=dt.date(2026, 11, 21)))
    assert trigger == Trigger(24, 1, 2)
    seconds = 8 / 2  # 8 MB of compressed lines at two a second
    assert trigger.batch_size * seconds < 120  # process_timeout_seconds


@pytest.mark.parametrize("contracts", [(), (replace(database(1, 60), source=None),)])
def test_contracts_without_a_source_have_a_trigger_too(contracts: tuple[Contract, ...]) -> None:
    assert trigger_of(Contracts(contracts)) == Trigger(10, 1, 2)
