"""Plan in the making: what an attempt may spend, what it decided so far, and the plan that comes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from auditor.evidence.doubts import Doubt
from auditor.repairs.turns.items import Items
from auditor.repairs.turns.queues import Item, Place, Places, Queue, place_after, queue_name, take_turns
from auditor.services import Budget
from core.audit.findings import Finding
from core.audit.history import KnownValue
from core.audit.repair_jobs import Compare, FetchHistory, Repair
from core.contract.codec import from_data
from core.contract.model import Contracts
from core.typed import typed

# Of one plan, whatever the settings say. It travels in the state of Step Functions, of which there are 256 KiB, and all
# of an execution's jobs are in its history, which has 25,000 events ("Quotas for state machine executions"): of the 28
# that a job has at most, with each of its retries, 800 are 22,400.
JOBS_OF_A_RUN = 800
JOBS_OF_A_PLAN = 400
LEAST_JOBS = 40  # of a plan, however many attempts the settings allow: some for each step

_Part = TypeVar("_Part")


def jobs_of_attempt(attempt: int, *, of: int, used: int) -> int:
    """The jobs that an attempt may have: its part of those that earlier ones left of the run's, for later ones too."""
    left = max(0, JOBS_OF_A_RUN - used)
    return min(JOBS_OF_A_PLAN, left, max(LEAST_JOBS, left // max(1, of - attempt + 1)))


@dataclass(frozen=True, slots=True)
class Deferred:
    """Findings that no repair of this run takes up, and why. ``entity`` is whose they are, or of which table."""

    kind: str
    entity: str
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class Unrepairable:
    """A finding that no repair can heal; ``cause`` is what the admins are told of."""

    finding: Finding
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``repairs`` in the order in which they may begin, ``waiting`` for a later run, ``helpless`` against any repair.

    ``calls`` and ``rows`` (of a feed: points) are what the repairs cost of the run's budget. ``places`` are those of
    the queues of which something had no turn in this run.
    """

    repairs: tuple[Repair, ...] = ()
    waiting: tuple[Deferred, ...] = ()
    helpless: tuple[Unrepairable, ...] = ()
    calls: int = 0
    rows: int = 0
    places: Places = field(default_factory=dict, metadata={"apart": True})  # ``execute`` writes them beside

    def deferred_by_queue(self, dataset: str) -> dict[str, int]:
        """How many are deferred of each queue of a dataset, by its name."""
        counts: dict[str, int] = {}
        for each in self.waiting:
            name = queue_name(dataset, each.kind, each.entity)
            counts[name] = counts.get(name, 0) + each.count
        return counts


def plan_from_data(data: Any) -> Plan:
    """The plan of a run's file. Raises one of ``UNREADABLE`` where it is none, or one of another release."""
    return typed(from_data(Plan, data))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Circumstances that a plan depends on beside the findings.

    ``attempt`` counts from 1: what lies in S3 had its chance in the first. ``refused`` are the entities whose history
    the provider refuses (``*``: all of them), with the reason. ``sample`` is to be compared if calls are left for it,
    and ``rechecks`` are to be asked for. ``doubts`` are points that were asked for just now, and wait. ``now`` (epoch
    seconds, 0: not known) tells what the provider has published by its contract's ``delay``. ``known`` are values of
    entities near what is missing, which go with its calls. ``tried`` is what the jobs of earlier attempts were for,
    ``places`` are where the queues go on, ``jobs`` how many the plan may have. ``unanswered`` are the entities of which
    nothing came when they were last asked for, with that time (epoch seconds).
    """

    contracts: Contracts
    attempt: int = 1
    budget: Budget = field(default_factory=Budget)
    refused: Mapping[str, str] = field(default_factory=dict)
    sample: tuple[Compare, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    rechecks: tuple[FetchHistory, ...] = ()
    now: int = 0
    known: Mapping[str, tuple[KnownValue, ...]] = field(default_factory=dict)
    tried: Items = field(default_factory=dict)
    places: Places = field(default_factory=dict)
    jobs: int = JOBS_OF_A_PLAN
    unanswered: Mapping[str, int] = field(default_factory=dict)

    def place_of(self, queue: str) -> Place:
        """Where a queue goes on."""
        return self.places.get(queue, Place())


class Draft:
    """A plan in the making. ``parts`` are the jobs that each step may have at most."""

    def __init__(self, context: PlanContext) -> None:
        self.repairs: list[Repair] = []
        self.deferred: list[Deferred] = []
        self.unrepairable: list[Unrepairable] = []
        self.calls = 0
        self.rows = 0
        self.places: dict[str, Place] = {}
        self.parts: Mapping[str, int] = {}
        self.budget = context.budget
        self.context = context

    def defer(self, kind: str, count: int, why: str, entity: str = "") -> None:
        if count:
            self.deferred.append(Deferred(kind, entity, count, why))

    def share(
        self,
        step: str,
        queues: Sequence[Queue],
        *,
        most: int,
        weight: int | None = None,
        weigh: Callable[[Queue, int], int] = lambda _queue, _number: 1,
        per_job: int = 0,
    ) -> dict[str, Sequence[Item]]:
        """What of each queue is repaired now, by the queue's name; remembers where those go on that overflow.

        ``per_job``: the items of all queues share the step's jobs, so many in each; 0: no job is of two queues.
        """
        jobs, begin = self.parts.get(step, 0), self.context.place_of(step).after
        if per_job:
            most, jobs = min(most, jobs * per_job), sum(queue.jobs for queue in queues)
        shares = take_turns(
            queues, most=most, jobs=jobs, after=str(*begin) if begin else "", weight=weight, weigh=weigh
        )
        chosen = {queue.name: queue.items[: shares.counts[queue.name]] for queue in queues}
        if any(len(chosen[queue.name]) < len(queue.items) for queue in queues):
            self.places[step] = Place((shares.last,))
        return chosen

    def keep_place(self, queue: Queue, served: Iterable[Item]) -> None:
        """Remember where a queue goes on of which not all were in a job of this run."""
        had = {*served, *self.context.tried.get(queue.space, ())}
        if not had.issuperset(queue.items):
            self.places[queue.name] = place_after(queue, self.context.place_of(queue.name), had)

    def plan(self) -> Plan:
        """The plan that came of it."""
        repairs, deferred, unrepairable = tuple(self.repairs), tuple(self.deferred), tuple(self.unrepairable)
        return Plan(repairs, deferred, unrepairable, self.calls, self.rows, self.places)


def chunks(sequence: Sequence[_Part], size: int) -> Iterable[Sequence[_Part]]:
    """Parts of at most so many."""
    return (sequence[first : first + size] for first in range(0, len(sequence), size))
