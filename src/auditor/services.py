"""Services of the auditor as one value: whoever runs it (a Lambda, the command, a test) fills in the ports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from core.contract.model import Contracts
from core.errors import PipelineBug
from core.mirroring.lag import MirrorPromise
from core.ports import EventBus, Log, Metrics, ObjectReader, ObjectStore, ParameterStore, PartitionStore, Queue


class DeadLetterQueue(Protocol):
    """Messages that processing gave up on."""

    def peek(self) -> Mapping[str, str]:
        """Some of the messages' bodies by a hash of the body. They stay."""
        ...

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        """Move those messages back to the queue that they came from; returns those that were there to be moved."""
        ...


class Mail(Protocol):
    """Messages to the admins."""

    def publish(self, subject: str, text: str) -> None:
        """Raises ``TransientFailure`` where the message was not taken."""
        ...

    def is_heard(self) -> bool:
        """Whether anybody is there to get it: what is published to nobody is taken, and kept by nobody.

        Raises ``TransientFailure`` where there is no answer, ``NotGranted`` where it may not be asked.
        """
        ...


class QueryRunner(Protocol):
    """``aws.athena.Athena``: the whole answer as a data frame.

    Raises ``InvalidData`` with Athena's words where it fails, ``TransientFailure`` where it takes too long.
    """

    def query(self, sql: str) -> Any: ...


AskSource = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # a question about a database in, its answer out
AskProcessing = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # a question of ``core.landing.reshaping``, its answer


@dataclass(frozen=True, slots=True)
class Budget:
    """What the repairs of one run may spend.

    ``calls`` are the provider's: its plan bounds them too (``ask_history.REPAIR_MINUTES``), and should be what does, so
    that an outage of a large feed is over as soon as the plan allows. ``points`` are a feed's that calls bring,
    ``rows`` a database's. ``jobs`` are those of history in one plan.
    """

    calls: int = 20_000
    points: int = 2_000_000
    rows: int = 100_000
    objects: int = 2_000
    partitions: int = 500
    jobs: int = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """How thoroughly and how much at once. ``attempts`` are those of healing one set of windows in one run.

    ``windows`` bounds those of one run; ``grace_seconds`` is how long an ingest object may wait for its receipt.
    ``points`` is how many owed points of a feed one run reads the rows of: scheduled runs take as many windows as that
    allows, and for a range with more of them Athena is asked, at most ``query_seconds`` for each question.
    ``sweep_rows`` is how many rows of a database the slow sweep of all history may read in one run, ``sweep_objects``
    how many objects of the warehouse the one for unreferenced objects lists. Of each source table,
    ``sample_lines`` of each of ``sample_objects`` ingest objects are compared with the star, in ``sample_partitions``
    partitions of each of its tables (``databases.samples``).
    """

    attempts: int = 3
    windows: int = 400
    points: int = 20_000_000
    query_seconds: float = 200.0
    grace_seconds: int = 900  # three receives of the queue; before that the event may still be on its way
    sweep_rows: int = 2_000_000
    sweep_objects: int = 10_000
    sample_objects: int = 2
    sample_lines: int = 500
    sample_partitions: int = 4
    workers: int = 16
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class Services:
    """The contracts, and the ports to everything else.

    ``ingest`` is the landing zone, to be read; ``records`` the warehouse bucket, where the auditor writes below
    ``audit/``, ``completeness/`` and ``warehouse/_certificates/`` and nowhere else. ``processing`` is the queue of
    objects to process, ``mail`` the admins; tasks whose role has no business with them get none. ``now`` is aware.
    For databases: ``source`` asks acquisition about the database (``core.audit.source_check``), ``reshape`` processing
    for the rows that lines give (None: no sample of lines is compared), ``parameters`` are the
    pipeline's, below ``parameter_prefix``, and ``dead_letters`` processing's. ``athena`` finds what is missing of
    ranges that are too large to read. ``bus`` hears of everything an audit saw and did (None: nobody listens);
    ``pause`` is called before what it refused is offered again. ``report`` is where the health page can be read, if
    anywhere. ``memory_mb`` is what the function has, 0 outside of one. ``mirror`` is what its schedule
    promises, where it has one.
    """

    contracts: Contracts
    ingest: ObjectReader
    records: ObjectStore
    partitions: PartitionStore
    metrics: Callable[[str], Metrics]
    log: Log
    now: Callable[[], datetime]
    code_version: str
    processing: Queue | None = None
    mail: Mail | None = None
    runbook: str = "docs/runbook.md"
    limits: Limits = field(default_factory=Limits)
    source: AskSource | None = None
    reshape: AskProcessing | None = None
    parameters: ParameterStore | None = None
    parameter_prefix: str = ""
    dead_letters: DeadLetterQueue | None = None
    athena: QueryRunner | None = None
    bus: EventBus | None = None
    pause: Callable[[int], bool] = lambda _attempt: True
    report: str = ""
    project: str = "starmend"
    memory_mb: int = 0
    mirror: MirrorPromise | None = None

    def needed_source(self) -> AskSource:
        if self.source is None:
            raise PipelineBug("ask the source", "source function", "is not wired", "Set STARMEND_SOURCE_FUNCTION")
        return self.source

    def needed_queue(self) -> Queue:
        if self.processing is None:
            raise PipelineBug("queue repairs", "processing queue", "is not wired", "Set STARMEND_PROCESS_QUEUE_URL")
        return self.processing

    def needed_athena(self) -> QueryRunner:
        if self.athena is None:
            raise PipelineBug("ask Athena", "workgroup", "is not wired", "Set STARMEND_WORKGROUP")
        return self.athena

    def needed_mail(self) -> Mail:
        if self.mail is None:
            raise PipelineBug("tell the admins", "alarm topic", "is not wired", "Set STARMEND_ALARM_TOPIC")
        return self.mail
