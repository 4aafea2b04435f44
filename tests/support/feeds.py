"""The contracts as they are, a market to ask, and a pull that is wired to both."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.queue import MemoryQueue
from tests.fakes.secrets import MemorySecrets
from tests.fakes.stream import MemoryStream
from tests.support.lake import shipped_contracts

from core.authoring.load import load
from core.contract.model import Contracts
from ingestion.pull.batch import Message, PullReport
from ingestion.pull.pace import Clock
from ingestion.pull.runtime import PullRuntime
from ingestion.request.plan import RequestPlan, plan_requests
from ingestion.request.send import send_requests

ROOT = Path(__file__).resolve().parents[2]
OPENING = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)  # a Friday in New York
TODAY = dt.date(2026, 11, 20)


@functools.cache
def contracts_in(folder: Path = ROOT / "contracts") -> Contracts:
    """Resolved once per session: the exchange's calendar takes a second to load.

    The project's own come without the canaries, as on a local stack.
    """
    if folder != ROOT / "contracts":
        return load(folder, today=TODAY)
    contracts = shipped_contracts()
    kept = [contract for contract in contracts if not (contract.source and contract.source.canary)]
    return dataclasses.replace(contracts, contracts=tuple(kept))


class PatientClock:
    """A machine's time that passes only when somebody sleeps; ``slept`` keeps how long."""

    def __init__(self, start: dt.datetime = OPENING) -> None:
        self.start = start
        self.passed = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.passed += seconds

    def advance(self, seconds: float) -> None:
        self.passed += seconds

    @property
    def clock(self) -> Clock:
        return Clock(
            now=lambda: self.start + dt.timedelta(seconds=self.passed),
            monotonic=lambda: 1000 + self.passed,
            sleep=self.sleep,
        )


class Acquisition:
    """Request and pull of one dataset against a provider, with everything else in memory."""

    def __init__(
        self,
        *,
        contracts: Contracts,
        dataset: str,
        url: str,
        token: str,
        drop_seed: str = "",
        urls: dict[str, str] | None = None,
    ) -> None:
        self.dataset = dataset
        self.drop_seed = drop_seed
        self.secrets = MemorySecrets(**{contracts.feed(dataset).secret: token})
        self.queue = MemoryQueue()
        self.stream = MemoryStream()
        self.metrics = MemoryMetrics()
        self.log = MemoryLog()
        self.time = PatientClock()
        self.notes = MemoryObjects()
        self._urls = {dataset: url, **(urls or {})}
        self._ids = itertools.count(1)
        self.deployed(contracts)

    def deployed(self, contracts: Contracts) -> None:
        """Its functions run by these contracts from now on."""
        self.contracts = contracts
        self.feed = contracts.feed(self.dataset)
        self.runtime = PullRuntime(
            contracts=contracts,
            secrets=self.secrets,
            stream_of=lambda _dataset: self.stream,
            metrics_of=lambda _dataset: self.metrics,
            flush_metrics=self.metrics.flush,
            urls=self._urls,
            clock=self.time.clock,
            log=self.log,
            records=lambda: self.notes,
        )

    def request(self, at: dt.datetime) -> RequestPlan:
        """The schedule fires."""
        calendar = self.contracts.calendar(self.feed.calendar)
        plan = plan_requests(self.dataset, self.feed, calendar, time=int(at.timestamp()), drop_seed=self.drop_seed)
        send_requests(
            plan,
            dataset=self.dataset,
            queue=self.queue,
            metrics=self.metrics,
            log=self.log,
            sleep=self.time.sleep,
        )
        return plan

    def messages(self, bodies: Iterable[str] | None = None) -> list[Message]:
        """What lies in the queue, sent just now."""
        now = self.time.clock.now().timestamp()
        taken = self.queue.take() if bodies is None else bodies
        return [Message(f"m{next(self._ids)}", body, now) for body in taken]

    def pull(self, messages: list[Message] | None = None, *, seconds: float = 50) -> PullReport:
        """The queue's Lambda runs, with so much time."""
        until = self.time.clock.monotonic() + seconds
        return self.runtime.pull(self.messages() if messages is None else messages, until=until)

    def points(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The lines in the stream by entity and time; none comes twice."""
        points = {(line[self.feed.entity_column], line[self.feed.time_column]): line for line in self.stream.lines}
        assert len(points) == len(self.stream.lines)
        return points
