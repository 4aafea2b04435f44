"""What the auditor needs of the world, as one value: whoever runs it (a Lambda, the command, a test) fills it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from auditor.objects import GRACE_SECONDS
from auditor.plan import Budget
from core.contract.model import Contracts
from core.errors import PipelineBug
from core.ports import Metrics, ObjectReader, ObjectStore, PartitionStore, Queue


class Log(Protocol):
    """Structured log lines: a message and fields."""

    def info(self, msg: str, /, **fields: Any) -> None: ...

    def warning(self, msg: str, /, **fields: Any) -> None: ...

    def error(self, msg: str, /, **fields: Any) -> None: ...


class Mail(Protocol):
    """Messages to the admins."""

    def publish(self, subject: str, text: str) -> None:
        """Raises ``TransientFailure`` where the message was not taken."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How thoroughly and how much at once. ``attempts`` are those of healing one set of windows in one run.

    ``windows`` bounds those of one run; ``grace_seconds`` is how long an ingest object may wait for its receipt.
    """

    attempts: int = 3
    windows: int = 400
    grace_seconds: int = GRACE_SECONDS
    workers: int = 16
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class World:
    """The contracts, and the ports to everything else.

    ``ingest`` is the landing zone, to be read; ``records`` the warehouse bucket, where the auditor writes below
    ``audit/``, ``completeness/`` and ``warehouse/_certificates/`` and nowhere else. ``processing`` is the queue of
    objects to process, ``mail`` the admins; tasks whose role has no business with them get none. ``now`` is aware.
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

    def needed_queue(self) -> Queue:
        if self.processing is None:
            raise PipelineBug("queue repairs", "processing queue", "is not wired", "Set STARMEND_PROCESS_QUEUE_URL")
        return self.processing

    def needed_mail(self) -> Mail:
        if self.mail is None:
            raise PipelineBug("tell the admins", "alarm topic", "is not wired", "Set STARMEND_ALARM_TOPIC")
        return self.mail


Event = Mapping[str, Any]
