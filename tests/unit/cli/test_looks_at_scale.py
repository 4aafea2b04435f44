"""Replays, audits and proofs at scale: in shares, some of which are lost, to what one of them would give."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audited import DATASET, SYMBOLS, TWO, AuditedDatabase, AuditedFeed, points_of
from tests.support.lake import MemoryLake, shipped_contracts
from tests.support.memory_machine import MemoryMachine
from tests.support.rebuild_histories import FACT, random_lake

from auditor.at_scale.looks import look_at_share
from auditor.audits import begin_audit, end_audit
from auditor.databases.rows.targets import slices_between, targets_of
from auditor.prove import verify
from auditor.windows import Scope
from cli.at_scale import looks
from cli.at_scale.run import Done, RunAtScale, read_manifest
from core.audit.at_scale.jobs import Work
from core.audit.findings import findings_to_data
from core.errors import InvalidData, Misuse
from processing.restating import manifest
from processing.restating.job import restate_job
from processing.restating.manifest import plan_replay

DAY, HOUR = looks.DAY, 3_600
MIDNIGHT = TWO - 14 * HOUR


def carried_out(run: RunAtScale, jobs: list[Any], command: str) -> list[Done]:
    """Begun by one driver and taken up by others, until nothing is left."""
    run.begin("subject", jobs, command=command)
    for _ in range(40):
        again = RunAtScale(run.records, run.machine, run.run)
        list(again.follow(again.again()))
        if not again.left(again.manifest()):
            return again.done()
    raise AssertionError(f"never done: {again.left(again.manifest())}")


# ---------------------------------------------------------------- replays


def content(lake: MemoryLake) -> dict[str, str]:
    return {path: lake.snapshot(FACT, path).footer.digest for path in lake.paths(FACT)}


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_of_all_objects_makes_what_was_lost_though_functions_are_cut_off(seed: int) -> None:
    lake, source = random_lake(random.Random(seed)), random.Random(seed)
    before = content(lake)
    lake.partitions.delete([info.key for info in lake.partitions.list("warehouse/") if FACT in info.key])
    machine = MemoryMachine(
        lake.records, loses=lambda _job: source.random() < 0.5, restate=lambda job: restate_job(lake.services, job)
    )
    jobs = plan_replay(lake.services, list(lake.ingest.list("")))
    shares = carried_out(RunAtScale(lake.records, machine, "run"), jobs, "replay")  # type: ignore[arg-type]
    assert content(lake) == before
    assert sum(share.counts["objects"] for share in shares) == len(list(lake.ingest.list("")))
    assert sum(share.counts["failed"] for share in shares) == 0


@pytest.mark.parametrize("seed", range(3))
def test_no_two_jobs_of_a_replay_write_to_the_same_partition(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "WORTH_SECONDS", 0.0)  # as many jobs as there can be
    lake = random_lake(random.Random(seed))
    jobs = plan_replay(lake.services, list(lake.ingest.list("")))
    assert len(jobs) > 1
    assert sorted(key for job in jobs for key in job.objects) == [info.key for info in lake.ingest.list("")]
    wrote = [
        {(part["table"], part["partition"]) for key in job.objects for part in lake.receipt(key)["partitions"]}
        for job in jobs
    ]
    assert not any(one & other for one, other in combinations(wrote, 2))


def test_objects_of_one_dimension_are_one_job_s_and_those_that_nobody_processed_all_of_their_table_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest, "WORTH_SECONDS", 0.0)
    lake = random_lake(random.Random(1))
    lake.put_table("sales", "sales_order", 99, [])
    groups = [
        {key.split("/")[2] for key in job.objects} for job in plan_replay(lake.services, list(lake.ingest.list("")))
    ]
    assert sorted(map(sorted, groups)) == [["department", "staff"], ["sales_order"]]


def test_more_objects_of_one_partition_than_a_function_takes_are_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest, "MOST_SECONDS", 0.05)
    lake = random_lake(random.Random(1))
    with pytest.raises(InvalidData, match=r"rebuild TABLE --at-scale"):
        plan_replay(lake.services, list(lake.ingest.list("tables/sales/sales_order/")))


# ---------------------------------------------------------------- audits and proofs


def feed_with_gaps(days: int) -> AuditedFeed:
    feed = AuditedFeed(now=MIDNIGHT + days * DAY + HOUR)
    points = points_of(MIDNIGHT, MIDNIGHT + days * DAY)
    chance = random.Random(days)
    feed.put(point for point in points if chance.random() > 0.002)
    return feed


def looked_at(feed: AuditedFeed | AuditedDatabase, jobs: list[Work], command: str) -> list[Done]:
    source = random.Random(len(jobs))
    machine = MemoryMachine(
        feed.records,
        loses=lambda _job: source.random() < 0.4,
        audit=lambda job: look_at_share({"job": job}, feed.services),
    )
    return carried_out(RunAtScale(feed.records, machine, command), jobs, command)  # type: ignore[arg-type]


@pytest.fixture
def in_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "SHARE_DAYS", 1)


@pytest.mark.usefixtures("in_days")
def test_the_shares_of_an_audit_count_and_find_what_one_audit_does() -> None:
    feed, end = feed_with_gaps(3), MIDNIGHT + 3 * DAY
    jobs = list(looks.scans({DATASET: (MIDNIGHT + 5 * HOUR, end)}, ()))
    assert len(jobs) == 3
    shares = looked_at(feed, [*jobs], "audit")
    whole = begin_audit(feed.services, DATASET, "whole", Scope(feed.now, MIDNIGHT + 5 * HOUR, end)).scan(attempt=0)
    [counts] = looks.summed(shares, ("windows", "expected", "present", "missing"))
    assert counts["windows"] == len(whole.windows) == 3 * 24 - 5
    assert counts["missing"] == sum(window.counts["missing"] for window in whole.windows) > 0
    assert counts["present"] == sum(window.counts["present"] for window in whole.windows)
    found = looks.distinct(shares, "findings")[DATASET]
    assert points_in(found) == points_in(findings_to_data(whole.findings))


def points_in(findings: list[dict[str, Any]]) -> set[tuple[str, int]]:
    return {
        (finding["entity"], slot)
        for finding in findings
        for start, end in finding["ranges"]
        for slot in range(start, end, 60)
    }


@pytest.mark.usefixtures("in_days")
def test_the_shares_of_a_proof_find_what_one_proof_does() -> None:
    feed, end = AuditedFeed(now=MIDNIGHT + 3 * DAY + HOUR), MIDNIGHT + 3 * DAY
    feed.put(points_of(MIDNIGHT, end))
    audit = begin_audit(feed.services, DATASET, "certified", Scope(feed.now, MIDNIGHT, end))
    audit.scan(attempt=0)
    end_audit(feed.services, audit, attempt=0)
    feed.put([(SYMBOLS[0], TWO), (SYMBOLS[1], TWO + DAY)], price="7")
    shares = looked_at(feed, [*looks.proofs({DATASET: (MIDNIGHT, end)}, of_all=True)], "verify")
    whole = verify(feed.services.contracts, DATASET, records=feed.records, partitions=feed.partitions)
    found = looks.distinct(shares, "failures")[DATASET]
    assert {(each["window"], each["partition"]) for each in found} == {
        (failure.window, failure.partition) for failure in whole.failures
    }
    assert len(found) == 2
    [total] = looks.summed(shares, ("windows",))
    assert total["windows"] == whole.windows == 3 * 24


def test_a_share_that_cannot_be_looked_at_says_why_and_stops_no_other() -> None:
    feed = feed_with_gaps(1)
    [job] = looks.scans({DATASET: (MIDNIGHT, MIDNIGHT + DAY)}, ())
    [foreign] = looks.scans({"nowhere": (MIDNIGHT, MIDNIGHT + DAY)}, ())
    machine = MemoryMachine(feed.records, audit=lambda key: look_at_share({"job": key}, feed.services))
    run = RunAtScale(feed.records, machine, "run")  # type: ignore[arg-type]
    begun = run.begin("both", [foreign, job], command="audit")
    list(run.follow(begun))
    [left] = run.left(begun)
    assert left.partitions[0].startswith("nowhere ")
    assert left.reason
    assert [share.work for share in run.done()] == [job]


def test_a_run_is_resumed_by_its_own_command_alone() -> None:
    feed = feed_with_gaps(1)
    run = RunAtScale(feed.records, MemoryMachine(feed.records), "run")  # type: ignore[arg-type]
    run.begin(DATASET, [*looks.proofs({DATASET: (MIDNIGHT, MIDNIGHT + DAY)}, of_all=False)], command="verify")
    with pytest.raises(Misuse, match="starmend verify"):
        read_manifest(feed.records, "run", "audit")


def test_what_no_time_bounds_is_asked_of_a_database_by_one_share() -> None:
    database = AuditedDatabase()
    database.source = {1: TWO - DAY, 2: TWO - HOUR}
    database.put(database.source)
    database.arrive(1)
    end = int(database.now.timestamp())
    whole = begin_audit(database.services, DATASET, "whole", Scope(end, end - 30 * DAY, end)).scan(attempt=0)
    asked, sought = len(database.asked), len(database.sought)
    shares = looked_at(database, [*looks.scans({DATASET: (end - 30 * DAY, end)}, ())], "audit")
    assert len(shares) == 5
    assert (len(database.asked), len(database.sought)) == (2 * asked, 2 * sought)
    [counts] = looks.summed(shares, ("windows", "whole"))
    assert counts["windows"] == counts["whole"] == len(whole.windows) == 1


def test_no_two_shares_of_a_database_compare_the_same_month() -> None:
    contracts = shipped_contracts()
    units = looks.units_of(contracts, ["sales"])
    assert units == {"sales": "month"}
    shares = looks.shares_of(MIDNIGHT - 700 * DAY, MIDNIGHT, units["sales"])
    for target in (target for target in targets_of(contracts.dataset("sales")) if target.column):
        parts = [part for start, end in shares for part in slices_between(target, start, end)]
        assert parts == slices_between(target, MIDNIGHT - 700 * DAY, MIDNIGHT)


@given(st.integers(0, 4 * 10**9), st.integers(1, 400 * DAY))
def test_the_shares_of_a_range_are_all_of_it_once_and_begin_with_days(start: int, length: int) -> None:
    shares = looks.shares_of(start, start + length)
    assert shares[0][0] == start
    assert shares[-1][1] == start + length
    assert all(one[1] == other[0] and other[0] % DAY == 0 for one, other in pairwise(shares))
    assert len(shares) <= looks.MOST_SHARES + 1


def test_what_concerns_no_window_is_told_once_though_every_share_finds_it() -> None:
    [job] = looks.scans({DATASET: (MIDNIGHT, MIDNIGHT + DAY)}, ())
    shares = [Done(job, {}, {"findings": [{"kind": "outdated"}]})] * 2
    assert looks.distinct(shares, "findings") == {DATASET: [{"kind": "outdated"}]}


def test_what_has_no_beginning_is_refused() -> None:
    plan: Callable[[], object] = lambda: list(looks.scans({DATASET: (None, None)}, ()))  # noqa: E731
    with pytest.raises(Misuse, match="--from and --to"):
        plan()
