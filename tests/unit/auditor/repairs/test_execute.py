"""A plan becomes jobs, and jobs for the queue are done so that doing them twice changes nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.unit.auditor.repairs.test_draft import of_many

from auditor.evidence.results import AuditResult
from auditor.repairs.execute import make_plan, queue_objects, read_plan, write_jobs
from auditor.repairs.outcomes import JobReport, refused_now, settle_history
from auditor.run_files import write_run_file
from auditor.services import Limits, Services
from auditor.stories.efforts import efforts_of
from auditor.windows import DAY
from core.audit.findings import Finding, LostObject, MissingPoints, UnprocessedObject
from core.audit.history import Evidence, HistoryOutcome, KnownValue
from core.audit.repair_jobs import (
    FetchHistory,
    HistoryCall,
    PutParameters,
    Redrive,
    Repair,
    RepairJob,
    RepairOutcome,
    Reprocess,
    Revive,
    find_outcome,
    job_keys,
    read_job,
    write_job,
    write_outcome,
)
from core.errors import InvalidData, TransientFailure

START = 1_795_185_000
POINTS = MissingPoints("quotes", "AAPL", ((START, START + 300),), 5)


@dataclass(frozen=True)
class Order:
    dataset: str = "quotes"
    run: str = "r"
    scheduled: bool = True


NO_ACCESS = HistoryOutcome("not_entitled", reason="no access", evidence=(Evidence("GET", 403, "", ""),))


class FailsAt:
    """A store of which the nth write of a key with this in it fails, and each one after that."""

    def __init__(self, part: str, number: int, store: Any) -> None:
        self.part, self.left, self.store = part, number, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def write(self, key: str, body: bytes, **named: Any) -> Any:
        self.left -= self.part in key
        if self.left <= 0:
            raise TransientFailure("write", key, "no answer", "Try again")
        return self.store.write(key, body, **named)


def scanned(services: Services, *findings: Finding, attempt: int = 0) -> None:
    result = AuditResult("quotes", "quotes", (), findings, {}, "", "2026-11-20T20:00:00Z")
    write_run_file(services.records, "r", f"audit-{attempt}", result.to_data())


def queued(services: Services, repair: Repair) -> str:
    return write_job(services.records, RepairJob("quotes", "r", repair), attempt=1, number=0)


def test_the_jobs_of_a_plan_are_written_in_order_and_named_with_their_executors(services: Services) -> None:
    scanned(services, UnprocessedObject("quotes", "feeds/quotes/a", ""), LostObject("quotes", "feeds/quotes/b"))
    plan, jobs = write_jobs(services, Order(), attempt=1)
    assert [executor for _, executor in jobs] == ["acquire", "process"]
    assert [read_job(services.records, key).repair for key, _ in jobs] == list(plan.repairs)
    assert plan.repairs == (Revive("quotes", ("feeds/quotes/b",)), Reprocess("quotes", ("feeds/quotes/a",)))
    assert read_plan(services, "r", 1) == plan
    assert write_jobs(services, Order(), attempt=1) == (plan, jobs)


def test_a_plan_step_that_is_tried_again_leaves_no_job_of_another_plan(services: Services) -> None:
    """What it knows by then may be something else, as a refusal that came or ended meanwhile."""
    contracts, lost = of_many(150, per_minute=2_000)
    two = ((START, START + 60), (START + 40 * DAY, START + 40 * DAY + 60))
    lost = [replace(each, ranges=two) if number % 3 == 0 else each for number, each in enumerate(lost)]  # type: ignore[call-arg]
    services = replace(services, contracts=contracts)
    known = {"E000149": (KnownValue(START + 60, "price", "1", given=True), KnownValue(START, "price", "1"))}
    result = AuditResult("quotes", "quotes", (), tuple(lost), {}, "", "2026-11-20T20:00:00Z", known=known)
    write_run_file(services.records, "r", "audit-0", result.to_data())
    records = services.records
    with pytest.raises(TransientFailure):
        write_jobs(replace(services, records=FailsAt("jobs/1-", 3, records)), Order(), attempt=1)  # type: ignore[arg-type]
    kept = read_plan(services, "r", 1)
    settle_history(services, "quotes", [JobReport(1, kept.repairs[0], "done", outcomes=(NO_ACCESS,))], run="earlier")
    assert refused_now(services, "quotes") == {"E000000": "no access"}
    plan, jobs = write_jobs(services, Order(), attempt=1)
    assert plan == make_plan(services, Order(scheduled=False), attempt=1)
    assert [key for key, _ in jobs] == list(job_keys(records, "r", 1))
    written = [repair for key, _ in jobs for repair in read_job(records, key).repairs]
    assert written == list(plan.repairs)
    assert getattr(written[-1], "known", ()) == known["E000149"]


def test_attempts_share_the_budget_of_the_run(services: Services) -> None:
    few = replace(services, limits=Limits(budget=replace(Limits().budget, calls=1)))
    scanned(few, POINTS)
    assert write_jobs(few, Order(), attempt=1)[0].calls == 1
    scanned(few, POINTS, attempt=1)
    second = make_plan(few, Order(), attempt=2)
    assert (second.repairs, second.waiting[0].count) == ((), 5)


def test_attempts_share_the_points_of_the_run(services: Services) -> None:
    few = replace(services, limits=Limits(budget=replace(Limits().budget, points=7)))
    for attempt, points in ((1, 5), (2, 0)):
        scanned(few, POINTS, attempt=attempt - 1)
        assert write_jobs(few, Order(), attempt=attempt)[0].rows == points


def test_entities_share_a_job_that_is_named_by_its_first_and_a_later_attempt_has_the_jobs_that_are_left(
    services: Services,
) -> None:
    findings = [replace(POINTS, entity=each.name) for each in services.contracts.feed("quotes").entities]
    scanned(services, LostObject("quotes", "feeds/quotes/b"), *findings)
    plan, jobs = write_jobs(services, Order(), attempt=1)
    assert [key.rpartition("/")[2] for key, _ in jobs] == ["1-000.json", "1-001.json"]
    assert [repair for key, _ in jobs for repair in read_job(services.records, key).repairs] == list(plan.repairs)
    assert len(plan.repairs) == 1 + len(findings)
    (effort,) = efforts_of(services.records, ["r"], lambda repair: repair == plan.repairs[3])
    assert (effort.job, effort.repair) == (jobs[1][0], plan.repairs[3])


def test_the_next_attempt_begins_with_the_ranges_that_the_last_one_did_not_ask_for(services: Services) -> None:
    """What was in a job that ended before it has had no turn."""
    gaps = tuple((START + 28 * DAY * number, START + 28 * DAY * number + 300) for number in range(4))
    points = MissingPoints("quotes", "AAPL", gaps, 20)
    scanned(services, points)
    ((key, _),) = write_jobs(services, Order(), attempt=1)[1]
    broken = HistoryOutcome("broken", reason="HTML")
    calls = tuple(HistoryCall(start, end, broken) for start, end in read_job(services.records, key).repair.ranges[:2])
    write_outcome(services.records, key, RepairOutcome("done", "HTML", START, history=calls))
    scanned(services, points, attempt=1)
    few = replace(services, limits=replace(services.limits, budget=replace(services.limits.budget, calls=6)))
    assert [repair.ranges for repair in make_plan(few, Order(), attempt=2).repairs] == [gaps[2:]]


def test_who_asks_for_a_range_asks_a_provider_again_that_refused(services: Services) -> None:
    scanned(services, POINTS)
    refusals = b'{"*": {"reason": "no access", "until": "2027-01-01T00:00:00Z", "contract": "%s"}}'
    contract = services.contracts.dataset("quotes").hash.encode()
    services.records.write("audit/refusals/quotes.json", refusals % contract)
    assert make_plan(services, Order(), attempt=1).helpless[0].reason == "no access"
    (repair,) = make_plan(services, Order(scheduled=False), attempt=1).repairs
    assert isinstance(repair, FetchHistory)


def test_a_plan_without_a_scan_before_it_is_refused(services: Services) -> None:
    with pytest.raises(InvalidData):
        make_plan(services, Order(), attempt=1)


def test_objects_are_queued_four_to_a_message_and_refused_messages_again(services: Services) -> None:
    queue: Any = services.processing
    queue.refuses = lambda call, _count: [0] if call == 0 else []
    key = queued(services, Reprocess("quotes", tuple(f"feeds/quotes/{number}" for number in range(23))))
    assert queue_objects(services, key) == 23
    assert (len(queue.messages), queue.calls) == (6, [6, 1])
    outcome = find_outcome(services.records, key)
    assert outcome is not None
    assert outcome.result == "done"


def test_a_queue_that_takes_nothing_fails_the_job_which_then_has_no_outcome(services: Services) -> None:
    queue: Any = services.processing
    queue.refuses = lambda _call, count: range(count)
    key = queued(services, Reprocess("quotes", ("feeds/quotes/a",)))
    with pytest.raises(TransientFailure, match="refused 1 messages"):
        queue_objects(services, key)
    assert find_outcome(services.records, key) is None


def test_a_parameter_is_put_right_unless_somebody_changed_it_meanwhile(services: Services) -> None:
    store: Any = services.parameters
    store.values = {"/a": "wrong", "/b": "newer"}
    key = queued(services, PutParameters("sales", (("/a", "wrong", "right"), ("/b", "old", "right"))))
    assert [queue_objects(services, key), queue_objects(services, key)] == [1, 0]
    assert store.values == {"/a": "right", "/b": "newer"}


def test_dead_letters_are_redriven_once(services: Services) -> None:
    class Letters:
        def __init__(self) -> None:
            self.bodies = {"0123": "{}"}

        def peek(self) -> dict[str, str]:
            return self.bodies

        def redrive(self, messages: Collection[str]) -> Collection[str]:
            return [name for name in messages if self.bodies.pop(name, None) is not None]

    with_letters = replace(services, dead_letters=Letters())
    key = queued(services, Redrive("quotes", ("0123", "4567")))
    assert [queue_objects(with_letters, key), queue_objects(with_letters, key)] == [1, 0]
    outcome = find_outcome(services.records, key)
    assert outcome is not None
    assert outcome.redriven == ("0123",)  # a retry does not forget what the first try moved


@pytest.mark.parametrize("repair", [None, Revive("quotes", ("feeds/quotes/a",))])
def test_a_job_that_is_not_there_or_anothers_is_not_done(services: Services, repair: Repair | None) -> None:
    key = queued(services, repair) if repair else "audit/runs/r/jobs/9-000.json"
    with pytest.raises(TransientFailure, match="is no such job"):
        queue_objects(services, key)
