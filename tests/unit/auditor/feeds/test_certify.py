"""The end of a feed's audit: certificates, rows of completeness, rollups to make again, what stays open."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.fakes.mail import MemoryMail
from tests.support.audited import DATASET, FACT, HOUR, HOURLY, TWO, AuditedFeed, feed_contract, points_of

from auditor.alarms.conclude import conclude
from auditor.audits import begin_audit, end_audit
from auditor.events import Notices
from auditor.evidence.completeness import COMPLETENESS
from auditor.evidence.results import WindowResult
from auditor.feeds.certify import causes_of
from auditor.prove import verify
from auditor.repairs.causes import Cause
from auditor.repairs.execute import write_jobs
from auditor.repairs.triage import Triage
from auditor.services import Budget, Limits
from auditor.state import OpenWindow, change_state, read_state
from auditor.windows import Scope
from core.audit.certificate import certificate_key, chain_prefix
from core.audit.repair_jobs import FetchHistory, RepairOutcome, Restate, find_job, read_job, write_outcome


def audit(lake: AuditedFeed, run: str, *, end: int | None = None) -> Any:
    start = None if end is None else TWO
    begun = begin_audit(lake.services, DATASET, run, Scope(lake.now, start, end))
    begun.scan(attempt=0)
    return end_audit(lake.services, begun, attempt=0)


def rows(lake: AuditedFeed) -> dict[str, dict[str, Any]]:
    stored = {info.key: lake.records.read(info.key) for info in lake.records.list(COMPLETENESS)}
    return {key: json.loads(row.body) for key, row in stored.items() if row}


def test_a_whole_window_is_certified_once_and_the_certificate_holds() -> None:
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + HOUR))
    assert audit(lake, "first").certificates == 1
    assert audit(lake, "first").certificates == 0
    [(key, row)] = rows(lake).items()
    assert key == f"{COMPLETENESS}dataset={DATASET}/day=2026-11-20/20261120T140000Z.json"
    assert (row["status"], row["certificate"], row["present"], row["calendar"]) == ("certified", 1, 180, "always (1)")
    proven = verify(lake.services.contracts, DATASET, records=lake.records, partitions=lake.partitions)
    assert (proven.certificates, proven.failures) == (1, ())


def test_rows_of_windows_that_stay_certified_are_not_written_again_until_something_changes() -> None:
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + HOUR))
    audit(lake, "first")
    lake.put(points_of(TWO + HOUR, TWO + 2 * HOUR))  # in the same partition, so that all of its windows are read again
    lake.now += HOUR
    audit(lake, "second")
    assert [row["run"] for row in rows(lake).values()] == ["first", "second"]
    lake.put(points_of(TWO, TWO + HOUR), provenance="repaired", price="2")
    lake.now += HOUR
    lake.put(points_of(TWO + 2 * HOUR, TWO + 3 * HOUR))
    audit(lake, "third")
    assert [row["run"] for row in rows(lake).values()] == ["third", "second", "third"]
    assert [row["certificate"] for row in rows(lake).values()] == [3, 2, 4]


def test_a_window_with_a_gap_is_open_and_alarmed_when_it_is_overdue() -> None:
    lake = AuditedFeed(now=TWO + HOUR + 200)
    lake.put(points_of(TWO, TWO + HOUR - 60))
    answer = audit(lake, "first")
    assert (answer.certificates, answer.open) == (0, 1)
    assert [row["status"] for row in rows(lake).values()] == ["open"]
    lake.now += 3 * HOUR
    lake.put(points_of(TWO + HOUR, TWO + 4 * HOUR))
    audit(lake, "later")
    assert [row["status"] for row in rows(lake).values()] == ["alarmed", "certified", "certified", "certified"]
    [window] = read_state(lake.records, DATASET).open.values()
    assert (window.missing, window.causes) == (3, ("overdue",))


def test_a_run_over_a_range_closes_no_cause_that_is_open_elsewhere() -> None:
    """It was told to be over, and mailed again as news by the next audit that looked."""
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + HOUR))
    causes = ("lagging_mirror", "outdated_partition")  # every run looks at all mirrors
    change_state(lake.records, DATASET, lambda state: replace(state, causes=causes))
    for start in (TWO, None):
        begun = begin_audit(lake.services, DATASET, f"run-{start}", Scope(lake.now, start, start and start + HOUR))
        begun.scan(attempt=0)
        end_audit(lake.services, begun, attempt=0)
        assert read_state(lake.records, DATASET).causes == (("outdated_partition",) if start else ())


def test_a_run_over_a_part_of_a_window_closes_no_cause_of_the_rest() -> None:
    lake = AuditedFeed(now=TWO + 10 * HOUR)
    lake.put(points_of(TWO + 60, TWO + HOUR - 60))
    known = OpenWindow(TWO + HOUR, 6, ("broken",))
    change_state(lake.records, DATASET, lambda state: replace(state, open={TWO: known}))
    audit(lake, "part", end=TWO + HOUR // 2)
    assert read_state(lake.records, DATASET).open == {TWO: replace(known, causes=("broken", "overdue"))}
    audit(lake, "whole", end=TWO + HOUR)
    assert read_state(lake.records, DATASET).open == {TWO: replace(known, causes=("overdue",))}


def test_an_entity_that_the_budget_did_not_reach_keeps_its_cause_and_the_others_have_their_turn() -> None:
    mail = MemoryMail()
    lake = AuditedFeed(now=TWO + HOUR + 200, mail=mail, limits=Limits(workers=2, budget=Budget(calls=1)))
    lake.put(points_of(TWO, TWO + HOUR - 60))
    asked = []
    for hour in range(3):
        begun = begin_audit(lake.services, DATASET, f"run-{hour}", Scope(lake.now))
        begun.scan(attempt=0)
        [(job, _)] = write_jobs(lake.services, begun.order, attempt=1)[1]
        repair = read_job(lake.records, job).repair
        assert isinstance(repair, FetchHistory)
        asked.append(repair.entity)
        if is_poison := repair.entity == "AAPL":
            write_outcome(lake.records, job, RepairOutcome("failed", "it died", lake.now))
        else:
            lake.put(points_of(TWO + HOUR - 60, TWO + HOUR, symbols=[repair.entity]), provenance="repaired")
            write_outcome(lake.records, job, RepairOutcome("done", "", lake.now, ()))
        begun.scan(attempt=1)
        end_audit(lake.services, begun, attempt=1)
        notices = conclude(lake.services, DATASET, f"run-{hour}", environment="test", counts={})
        assert (notices.sent, notices.recovered) == (("repair_failed",) if is_poison else (), ())
        assert read_state(lake.records, DATASET).open[TWO].causes == ("repair_failed",)
        lake.now += 600
    assert sorted(asked) == ["AAPL", "MSFT", "ZM"]


def test_a_window_that_was_scanned_in_part_has_no_row() -> None:
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + 600))
    assert audit(lake, "part", end=TWO + 600).certificates == 0
    assert rows(lake) == {}
    assert read_state(lake.records, DATASET).open == {}


def test_the_rollups_of_the_windows_are_made_again() -> None:
    lake = AuditedFeed(feed_contract(tables=(FACT, HOURLY)))
    lake.put(points_of(TWO, TWO + HOUR))
    [rollup] = audit(lake, "first").rollups
    job = find_job(lake.records, rollup.job)
    assert job is not None
    assert isinstance(job.repair, Restate)
    assert (job.repair.table, len(job.repair.partitions)) == (HOURLY.name, 3)


def test_the_causes_of_a_window_are_those_of_its_entities_and_of_its_partitions() -> None:
    window = WindowResult(0, 1, True, {"missing": 1}, {}, missing={"ZM": []}, touched_by=("broken_rule: t/p",))
    causes = tuple(Cause(name, DATASET, 1) for name in ("broken_rule", "not_entitled", "orphan_key"))
    triage = Triage(causes, 0, {"ZM": "not_entitled", "AAPL": "overdue"})
    assert causes_of(window, triage) == ("broken_rule", "not_entitled")


class Killed(BaseException):
    """The run is gone: nothing that it would have caught was raised."""


def test_a_run_that_dies_at_any_write_leaves_no_row_that_stays_stale() -> None:
    """Whole, with a gap in a run that dies, and whole again by the very objects: the row says so in the end."""
    for dies_at in range(40):
        lake = AuditedFeed()
        lake.put(points_of(TWO, TWO + HOUR - 60))
        gap = dict(lake.partitions.objects)
        lake.put(points_of(TWO + HOUR - 60, TWO + HOUR))
        whole = dict(lake.partitions.objects)
        audit(lake, "whole")
        lake.partitions.objects.update(gap)
        left = [dies_at]

        def kill(effect: str, _key: str, left: list[int] = left) -> None:
            left[0] -= effect == "write"
            if left[0] < 0:
                raise Killed

        lake.records.fail = kill
        lake.now += 60
        try:
            audit(lake, "gap")
        except Killed:
            is_over = False
        else:
            is_over = True
        lake.records.fail = lambda _effect, _key: None
        lake.partitions.objects.update(whole)
        lake.now += 60
        audit(lake, "healed")
        assert {row["status"] for row in rows(lake).values()} == {"certified"}, dies_at
        if is_over:
            return
    raise AssertionError("it never came to its end")


def test_a_damaged_chain_is_mailed_once_and_over_when_it_is_put_back_or_begun_anew() -> None:
    mail = MemoryMail()
    lake = AuditedFeed(mail=mail)

    def next_hour(run: str) -> Notices:
        lake.put(points_of(lake.now // HOUR * HOUR - HOUR, lake.now // HOUR * HOUR))
        audit(lake, run)
        notices = conclude(lake.services, DATASET, run, environment="dev", counts={})
        lake.now += HOUR
        return notices

    def is_proven() -> bool:
        proven = verify(lake.services.contracts, DATASET, records=lake.records, partitions=lake.partitions)
        return proven.certificates > 0 and not proven.failures

    assert [next_hour(run).sent for run in ("1", "2", "3")] == [(), (), ()]
    gone = lake.records.read(certificate_key(DATASET, 2))
    assert gone is not None
    lake.records.delete([certificate_key(DATASET, 2)])
    assert next_hour("4").sent == ("broken_chain",)
    assert next_hour("5") == Notices((), ("broken_chain",), ())
    [(_, text)] = mail.sent
    assert f"{certificate_key(DATASET, 2)} is missing" in text
    assert "Run: starmend verify" in text
    lake.records.write(certificate_key(DATASET, 2), gone.body)
    assert next_hour("6").recovered == ("broken_chain",)
    assert is_proven()

    lake.records.delete([certificate_key(DATASET, 2)])
    assert next_hour("7").sent == ("broken_chain",)
    lake.records.delete([info.key for info in lake.records.list(chain_prefix(DATASET))])
    assert next_hour("8").recovered == ("broken_chain",)
    audit(lake, "everything", end=lake.now)
    assert is_proven()
    certified = {row["certificate"] for row in rows(lake).values() if row["certificate"]}
    assert certified == set(range(1, 9)), "the rows name the certificates of the new chain"
