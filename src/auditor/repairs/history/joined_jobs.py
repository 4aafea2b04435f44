"""Jobs of several repairs: calls of a provider's history for many entities, as many as end in a function's time. Pure.

A job is what travels through Step Functions, whose state and history are bounded; a call is what the provider's plan
allows. So an outage of ten thousand entities is ten thousand calls in some two hundred jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.audit.repair_jobs import Compare, FetchHistory, Repair
from core.contract.model import Contracts
from core.feeds.providers import history_plan

CALLS_PER_JOB = 60  # one after the other: each may take four seconds of a function's five minutes (the default)
FUNCTION_MINUTES = 4  # for calls
JOBS_AT_ONCE = 5  # of the state machine (definition.tf, ``fan_out``): they share the provider's plan


def calls_per_job(contracts: Contracts, dataset: str) -> int:
    """The calls of one job of a feed: as many as its provider's plan allows in the time of a function."""
    per_minute = history_plan(contracts, contracts.feed(dataset)).per_minute
    return max(1, min(CALLS_PER_JOB, per_minute * FUNCTION_MINUTES // JOBS_AT_ONCE))


def join_jobs(repairs: Sequence[Repair], contracts: Contracts) -> Iterator[tuple[int, tuple[Repair, ...]]]:
    """The jobs of a plan: the number of its first repair in the plan, and its repairs.

    Neighbours of one kind and feed share a job as far as its calls go; every other repair is a job.
    """
    joined: list[Repair] = []
    first = left = 0
    for number, repair in enumerate(repairs):
        calls = len(repair.ranges) if isinstance(repair, FetchHistory | Compare) else 0
        before = joined[-1] if joined else repair
        if joined and not (calls and calls <= left and (before.kind, before.dataset) == (repair.kind, repair.dataset)):
            yield first, tuple(joined)
            joined = []
        if not joined:
            first, left = number, calls_per_job(contracts, repair.dataset) if calls else 0
        joined.append(repair)
        left -= calls
    if joined:
        yield first, tuple(joined)
