"""Audits of either kind: begun once, opened again by what was stored, ended with an answer for the state machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.audited import CLOCK, DATASET, HOUR, TWO, AuditedDatabase, AuditedFeed, points_of

from auditor.audits import DatasetAudit, begin_audit, end_audit, open_audit, settle_audit, summarise
from auditor.databases.audit import DatabaseAudit
from auditor.evidence.results import AuditResult
from auditor.feeds.audit import FeedAudit
from auditor.prove import verify
from auditor.run_files import read_run_file
from auditor.state import read_state
from auditor.windows import Scope
from core.audit.findings import DeadLetters, Finding, HeldPartition, SlowSweep, UnreferencedObjects
from core.contract.model import Column, Take
from core.contract.types import parse_type
from core.errors import InvalidData, UnknownTable

Lake = AuditedFeed | AuditedDatabase


def begin(lake: Lake, *, run: str = "run", dataset: str = DATASET) -> DatasetAudit:
    now = int(CLOCK.timestamp())
    return begin_audit(lake.services, dataset, run, Scope(now))


@pytest.mark.parametrize(("lake", "kind"), [(AuditedFeed(), FeedAudit), (AuditedDatabase(), DatabaseAudit)])
def test_an_audit_is_of_the_kind_of_its_dataset_and_a_run_that_began_keeps_its_choice(lake: Lake, kind: type) -> None:
    begun = begin(lake)
    assert isinstance(begun, kind)
    assert isinstance(open_audit(lake.services, "run"), kind)
    assert open_audit(lake.services, "run").order == begun.order
    again = begin_audit(lake.services, DATASET, "run", Scope(TWO, TWO, TWO + HOUR))
    assert again.order == begun.order


def test_only_a_database_s_order_names_its_kind() -> None:
    feed, database = AuditedFeed(), AuditedDatabase()
    begin(feed)
    begin(database)
    assert "kind" not in read_run_file(feed.records, "run", "order")
    assert read_run_file(database.records, "run", "order")["kind"] == "tables"


def test_a_run_that_never_began_and_a_dataset_that_nobody_promises_are_refused() -> None:
    with pytest.raises(InvalidData):
        open_audit(AuditedFeed().services, "run")
    for lake in (AuditedFeed(), AuditedDatabase()):
        with pytest.raises(UnknownTable):
            begin(lake, dataset="nothing")


def test_the_end_counts_what_is_alarmed_and_what_still_heals() -> None:
    lake = AuditedFeed(now=TWO + HOUR + 200)
    lake.put([point for point in points_of(TWO, TWO + HOUR) if point[1] != TWO])
    audit = begin_audit(lake.services, DATASET, "run", Scope(lake.now, TWO, TWO + HOUR))
    audit.scan(attempt=0)
    settle_audit(lake.services, audit, attempt=0)
    answer = end_audit(lake.services, audit, attempt=0)
    assert (answer.certificates, answer.causes, answer.healing) == (0, 0, 3)
    assert read_run_file(lake.records, "run", "judgement") == {"alarmed": 0, "causes": [], "healing": 3}
    lake.now += 3 * HOUR
    answer = end_audit(lake.services, audit, attempt=0)
    assert (answer.causes, answer.healing) == (1, 0)
    assert read_run_file(lake.records, "run", "judgement")["alarmed"] == 3


@pytest.mark.parametrize(
    ("finding", "healthy", "idle"),
    [
        (HeldPartition(DATASET, "fact", "p", "why"), True, True),
        (SlowSweep(DATASET, 2, 1), True, True),
        (UnreferencedObjects(DATASET, "fact", "p", 3, 100), True, False),
        (DeadLetters(DATASET, ("a",)), False, False),
    ],
)
def test_what_is_only_reported_or_cleared_away_makes_no_audit_unhealthy(
    finding: Finding, healthy: bool, idle: bool
) -> None:
    result = AuditResult(DATASET, "", (), (finding,), {}, "", "2026-11-20T20:00:00Z")
    answer = summarise(begin(AuditedFeed()).order, result, attempt=0)
    assert (answer.healthy, answer.idle) == (healthy, idle)


def test_a_sweep_that_is_slow_is_a_cause_for_the_admins() -> None:
    lake = AuditedDatabase()
    audit = begin(lake)
    assert isinstance(audit, DatabaseAudit)
    slow = replace(audit, order=replace(audit.order, sweep_seconds=700_000))
    slow.scan(attempt=0)
    assert end_audit(lake.services, slow, attempt=0).causes == 1
    [cause] = read_run_file(lake.records, "run", "judgement")["causes"]
    assert (cause["name"], cause["details"]) == ("slow_sweep", ["seconds 700000, promised 604800"])


def test_what_was_scanned_by_one_contract_is_not_certified_by_another() -> None:
    """A deployment between the steps: the certificate named a contract whose columns its digests were not made of."""
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + HOUR))
    audit = begin_audit(lake.services, DATASET, "run", Scope(lake.now, TWO, TWO + HOUR))
    audit.scan(attempt=0)
    contract = lake.services.contracts.dataset(DATASET)
    fact = contract.tables[0]
    column = Column("asked_at", parse_type("timestamp"), Take("fetched_at"))
    other = replace(contract, tables=(replace(fact, columns=(*fact.columns, column)),), hash="another")
    deployed = replace(lake.services, contracts=replace(lake.services.contracts, contracts=(other,)))
    assert end_audit(deployed, open_audit(deployed, "run"), attempt=0).certificates == 0
    assert read_state(lake.records, DATASET).open.keys() == {TWO}
    again = begin_audit(deployed, DATASET, "next", Scope(lake.now, TWO, TWO + HOUR))
    again.scan(attempt=0)
    assert end_audit(deployed, open_audit(deployed, "next"), attempt=0).certificates == 1
    assert verify(deployed.contracts, DATASET, records=lake.records, partitions=deployed.partitions).failures == ()
