"""Whatever poison lies beside it, all that can be repaired has its turn, and what persists is alarmed and stays so.

Runs of a database's audit are simulated over a world of findings: scans name what is amiss in it, jobs heal what is
healthy of what they are for, unless they fail. The world alone is the judge of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.mail import MemoryMail
from tests.support.audited import AuditedDatabase
from tests.support.lake import shipped_contracts

from auditor.alarms.conclude import cause_key, conclude
from auditor.audits import end_audit
from auditor.databases.audit import DatabaseAudit
from auditor.databases.choose import choose_slices
from auditor.evidence.results import AuditResult
from auditor.repairs.execute import write_jobs
from auditor.repairs.turns.backlog import BACKLOG
from auditor.run_files import write_run_file
from auditor.services import Budget, Limits
from auditor.windows import HOUR, Scope
from core.audit.findings import (
    BrokenPartition,
    DeletedRows,
    Finding,
    LostObject,
    MissingObject,
    MissingRows,
    StaleDerived,
    UnprocessedObject,
)
from core.audit.repair_jobs import (
    ExtractAgain,
    FetchRows,
    Repair,
    RepairOutcome,
    Reprocess,
    Restate,
    Revive,
    read_job,
    write_outcome,
)
from core.contract.model import Database
from core.json import canonical_json
from core.landing.ingest_objects import TableObject

SALES = "sales"
CONTRACT = shipped_contracts().dataset(SALES)
assert isinstance(CONTRACT.source, Database)
PATIENCE = max(CONTRACT.source.complete_within, HOUR)
ATTEMPTS = 3
SETTLED = 4  # runs with poison alone, after which nothing new can be seen
TABLES = ("department", "payment", "staff")
FACTS = {"department": "dim_staff", "payment": "fact_payment", "staff": "fact_sales_order"}


@dataclass(frozen=True, order=True)
class Trouble:
    """Something that is amiss; no repair heals poison."""

    kind: str
    table: str
    number: int
    poison: bool

    @property
    def findings(self) -> Finding:
        key = TableObject(SALES, self.table, self.number).key
        fact, path = FACTS[self.table], f"month=20{10 + self.number // 12}-{self.number % 12 + 1:02}"
        match self.kind:
            case "unprocessed_object":
                return UnprocessedObject(SALES, key, "it has no receipt")
            case "lost_object":
                return LostObject(SALES, key)
            case "missing_object":
                return MissingObject(SALES, self.table, self.number, "2026-11-20T14:00:00Z", "2026-11-20T14:05:00Z")
            case "broken_object":
                return BrokenPartition(SALES, fact, path, "gone")
            case "stale_derived":
                return StaleDerived(SALES, fact, path, "old")
            case "deleted_row":
                return DeletedRows(SALES, self.table, ((self.number,),), ("2026-11-20T14:00:00Z",), ("",))
        return MissingRows(SALES, self.table, ((self.number,),))

    def is_in(self, repair: Repair) -> bool:
        """Whether the repair is the one that heals it."""
        finding: Any = self.findings
        match repair:
            case Reprocess(objects=objects):
                return self.kind == "unprocessed_object" and finding.key in objects
            case Revive(objects=objects):
                return self.kind == "lost_object" and finding.key in objects
            case ExtractAgain():
                return self.kind == "missing_object" and (repair.table, repair.number) == (self.table, self.number)
            case Restate():
                is_restated = self.kind in ("broken_object", "stale_derived")
                return is_restated and repair.table == finding.table and finding.partition in repair.partitions
            case FetchRows():
                is_fetched = self.kind in ("missing_row", "deleted_row")
                return is_fetched and repair.table == self.table and (self.number,) in repair.keys
        return False


KINDS = (
    *("unprocessed_object", "lost_object", "missing_object", "broken_object", "stale_derived"),
    *("missing_row", "deleted_row"),
)
BUDGET_OF = {
    **dict.fromkeys(KINDS[:3], "objects"),
    **dict.fromkeys(KINDS[3:5], "partitions"),
    **dict.fromkeys(KINDS[5:], "rows"),
}


class World:
    """The troubles of a database, its audits, and what the admins were told."""

    def __init__(self, budget: Budget, *, failing: frozenset[int]) -> None:
        self.mail = MemoryMail()
        self.limits = Limits(attempts=ATTEMPTS, budget=budget)
        self.lake = AuditedDatabase(CONTRACT, mail=self.mail, limits=replace(self.limits, workers=1))
        self.lake.services = replace(self.lake.services, contracts=shipped_contracts())
        self.order = choose_slices(self.lake.services, SALES, "run", Scope(self.now))
        self.troubles: set[Trouble] = set()
        self.failing = failing  # runs in which every job fails
        self.runs = 0
        self.over: list[str] = []
        self.sizes: list[int] = []

    @property
    def now(self) -> int:
        return int(self.lake.now.timestamp())

    def audit(self) -> None:
        run, services = f"run-{self.runs}", self.lake.services
        audit = DatabaseAudit(services, replace(self.order, run=run, taken_at=self.now))
        self._scan(run, 0)
        attempt = 0
        while self.troubles and attempt < ATTEMPTS:
            _, jobs = write_jobs(services, audit.order, attempt=attempt + 1)
            self.sizes.append(len(canonical_json([{"job": key, "door": door} for key, door in jobs])))
            if not jobs:
                break
            attempt += 1
            for key, _ in jobs:
                self._carry_out(key)
            self._scan(run, attempt)
        end_audit(services, audit, attempt=attempt)
        self.over = list(conclude(services, SALES, run, environment="test", counts={}).recovered)
        self.runs += 1
        self.lake.now += timedelta(hours=1)

    def _scan(self, run: str, attempt: int) -> None:
        findings = tuple(trouble.findings for trouble in sorted(self.troubles))
        result = AuditResult(SALES, SALES, (), findings, {}, "", "2026-11-20T20:00:00Z")
        write_run_file(self.lake.records, run, f"audit-{attempt}", result.to_data())

    def _carry_out(self, key: str) -> None:
        is_failing = self.runs in self.failing
        if not is_failing:
            repair = read_job(self.lake.records, key).repair
            self.troubles -= {each for each in self.troubles if not each.poison and each.is_in(repair)}
        write_outcome(self.lake.records, key, RepairOutcome("failed" if is_failing else "done", "", self.now))

    def is_open(self, name: str) -> bool:
        stored = self.lake.records.read(cause_key(SALES, name))
        return stored is not None and b'"open":true' in stored.body


def runs_until_all_had_a_turn(troubles: set[Trouble], budget: Budget) -> dict[Trouble, int]:
    """The runs after which each has had a turn, where tables and kinds share what one attempt may do."""
    queues = Counter((each.kind, each.table) for each in troubles)
    sharing = Counter(BUDGET_OF[kind] for kind, _ in queues)
    bounds = {}
    for each in troubles:
        name = BUDGET_OF[each.kind]
        share = getattr(budget, name) / sharing[name]
        rounds = ceil(queues[each.kind, each.table] / share)
        bounds[each] = 2 * rounds + 2  # what came while a round was under way waits for the next
    return bounds


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Budget, set[Trouble], list[set[Trouble]], frozenset[int]]:
    budget = Budget(objects=draw(st.integers(1, 6)), partitions=draw(st.integers(1, 6)), rows=draw(st.integers(1, 9)))
    numbers = st.integers(1, 20)
    trouble = st.builds(Trouble, st.sampled_from(KINDS), st.sampled_from(TABLES), numbers, st.booleans())
    poisoned = st.builds(
        lambda kind, table, first, count: {Trouble(kind, table, first + number, True) for number in range(count)},
        st.sampled_from(KINDS),
        st.sampled_from(TABLES),
        st.integers(1, 20),
        st.integers(4, 14),
    )
    heap = set().union(*draw(st.lists(poisoned, min_size=1, max_size=3)))
    first = heap | draw(st.sets(trouble, max_size=12))
    later = draw(st.lists(st.sets(trouble, max_size=3), max_size=4))
    return budget, first, later, draw(st.frozensets(st.integers(0, 3), max_size=2))


def once(troubles: set[Trouble]) -> set[Trouble]:
    """Each thing is amiss in one way: poison, where both were drawn; and a partition or a row by one kind."""
    by_place = {
        (BUDGET_OF[each.kind] if each.kind in KINDS[3:] else each.kind, each.table, each.number): each
        for each in sorted(troubles)
    }
    return set(by_place.values())


Drawn = tuple[Budget, set[Trouble], list[set[Trouble]], frozenset[int]]


@settings(max_examples=4, deadline=None)
@given(worlds())
def test_all_that_can_be_healed_has_its_turn_and_nothing_persists_unalarmed(drawn: Drawn) -> None:
    live_through(drawn)


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(worlds())
def test_in_many_worlds_all_that_can_be_healed_has_its_turn(drawn: Drawn) -> None:
    live_through(drawn)


def live_through(drawn: Drawn) -> None:
    """Audit a world until all that is to be seen in it was."""
    budget, first, later, failing = drawn
    world = World(budget, failing=failing)
    everything = once(set().union(first, *later))
    bounds = runs_until_all_had_a_turn(everything, budget)
    since: dict[Trouble, tuple[int, int]] = {}
    told: dict[str, set[Trouble]] = {}
    arrivals = iter([first, *later])
    after = 0
    for run in range(max(bounds.values()) + len(failing) + len(later) + 1):
        world.troubles |= (next(arrivals, set()) - since.keys()) & everything
        since.update(dict.fromkeys(world.troubles - since.keys(), (run, world.now)))
        now = world.now
        before = {kind: {each for each in world.troubles if each.kind == kind} for kind in KINDS}
        world.audit()
        for each in world.troubles:
            began, at = since[each]
            if not each.poison:
                allowed = began + bounds[each] + len(failing)
                assert run < allowed, f"{each} had no turn in {run - began} runs"
            if now - at > PATIENCE + HOUR:
                assert world.is_open(each.kind) or world.is_open(BACKLOG), f"nobody hears of {each}"
        for kind in world.over:
            persisting = before.get(kind, set()) & world.troubles & told.get(kind, set())
            assert not persisting, f"{kind} is told over, and {persisting} persist"
        told |= {kind: before[kind] for kind in KINDS if world.is_open(kind)}
        healthy = not all(each.poison for each in everything - since.keys() | world.troubles)
        after = 0 if healthy else after + 1
        if after > SETTLED:
            break
    assert {each for each in world.troubles if not each.poison} == set()
    assert all(size < 262_144 for size in world.sizes)


def poison(kind: str, table: str, count: int) -> Iterator[Trouble]:
    return (Trouble(kind, table, number, True) for number in range(1, count + 1))


def test_an_alarm_stays_while_more_is_amiss_than_the_budget_allows_to_try() -> None:
    """Processing is down; hours later one object more waits than a run may try, and all was told to be over."""
    world = World(Budget(objects=3), failing=frozenset())
    world.troubles = {*poison("unprocessed_object", "staff", 9)}
    world.audit()
    assert world.is_open("unprocessed_object")
    world.troubles = {*poison("unprocessed_object", "staff", 30)}
    for _ in range(6):
        world.audit()
        assert world.over == []
    assert world.is_open(BACKLOG)
    assert "audit_limits.budget.objects" in next(text for _, text in world.mail.sent if "repair-backlog" in text)
    world.troubles = set()
    world.audit()
    assert sorted(world.over) == [BACKLOG, "unprocessed_object"]


def test_a_cause_stays_open_while_it_is_another_tables_turn() -> None:
    world = World(Budget(rows=1), failing=frozenset())
    world.troubles = {*poison("missing_row", "payment", 2), *poison("deleted_row", "staff", 2)}
    for _ in range(5):
        world.audit()
        assert world.over == []
    assert world.is_open("missing_row")
    assert world.is_open("deleted_row")


def test_what_waits_for_its_turn_alarms_nobody_before_the_contract_says_so() -> None:
    world = World(Budget(objects=3), failing=frozenset())
    world.troubles = {Trouble("unprocessed_object", "staff", number, poison=False) for number in range(20)}
    world.audit()
    assert (len(world.troubles), world.mail.sent) == (11, [])
    world.audit()
    world.audit()
    assert (world.troubles, world.mail.sent) == (set(), [])
