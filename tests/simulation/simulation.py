"""One simulated lake from its first hour to the end of time, and what was seen."""

from __future__ import annotations

import gc
import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.analyst import Analyst
from tests.simulation.changes import Changes
from tests.simulation.cloud import Cloud, in_this_process, simulated_contracts
from tests.simulation.judge import FEED, SHOP, STEP, Judge
from tests.simulation.operators import Operators
from tests.simulation.weather import Weather
from tests.simulation.witness import Witness
from tests.simulation.workload import DAY, HOUR, Workload
from tests.simulation.world import Killed, World
from tests.support.answering_provider import Provider
from tests.support.scripted_server import Answer, Request

FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
AUDIT_HOURS = 6  # a day has 4 audits of each dataset, not 24 as a deployment's: they are most of what a day costs
CALM_HOURS = 72  # at the end: a hole is proven by a second answer, and each certified day is read once more


@dataclass
class Outcome:
    """What a run saw. ``trace`` is a digest of all that happened, the same for the same seed."""

    seed: int
    days: float
    wrong: list[str]
    faults: Counter[str]
    counts: Counter[str]
    events: int
    cpu: float
    trace: str
    logged: Counter[str] = field(default_factory=Counter)


class Simulation:
    """A lake that begins on a day that the seed chooses."""

    def __init__(
        self, seed: int, days: float, *, off: frozenset[str] = frozenset(), calm_hours: float = CALM_HOURS
    ) -> None:
        draw = random.Random(f"simulation {seed}")
        start = FIRST_DAY + timedelta(days=draw.randrange(20), hours=draw.randrange(24))
        self.seed, self.days, self.off, self.calm_hours = seed, days, off, calm_hours
        self.world = World(seed, start)
        self.weather = Weather(seed, off=off)
        self.cloud = Cloud(self.world, self.weather, simulated_contracts())
        self.provider = Provider(seed, start, url="https://prices.example", step=STEP)
        self.judge = Judge(self.cloud, self.provider)
        self.witness = Witness(self.judge)
        self.began = self.world.time
        self.until = self.began + days * DAY
        self.workload = Workload(self.cloud, self.judge, self.provider, seed, self.until, off)
        self.operators = Operators(self.cloud, self.judge, seed, self.until)
        self.workload.on_lost = self.operators.mend
        self.changes = Changes(self.cloud, self.judge, seed, self.until, begin_before=self.operators.rebuild_or_replay)
        self.analyst = Analyst(self.cloud, self.judge, seed)
        self.machine = self.cloud.machine()
        self.runs = 0
        self.audited: dict[str, float] = {}  # when the last audit that succeeded began

    def play(self) -> None:
        """All of it: so many days, then calm hours, then the last judgement."""
        with in_this_process(self._answer):
            try:
                self.cloud.deploy(self.cloud.contracts)
                self.judge.first_slot = int(self.world.time) // STEP * STEP + STEP
                self.workload.begin()
                others = (
                    ("mirror", self.operators.mirror),
                    ("operators", self.operators.work),
                    ("changes", self.changes.deploy),
                    ("analyst", self.analyst.work),
                )
                for name, actor in others:
                    if name not in self.off:
                        self.world.spawn(actor)
                self.world.spawn(self._collect)
                self.world.spawn(self._extract)
                for dataset in (FEED, SHOP):
                    self.world.spawn(lambda dataset=dataset: self._audit(dataset))
                self.world.run(self.until)
                self._calm()
                self.world.run(self.until + self.calm_hours * HOUR)
                self._settle()
                if self.calm_hours >= CALM_HOURS and not self.world.is_stopped:
                    self.judge.at_the_end(int(self.until))
                    self.witness.at_the_end(int(self.until))
                    self._certify_at_the_end()
            finally:
                self.world.end()

    def _calm(self) -> None:
        """Nothing fails any more, and what is kept in memory of it is over."""
        self.weather.calm = True
        self.provider.mood = self.provider.live_mood = self.provider.error = ""
        self.cloud.database.is_down = False
        self.cloud.streams[FEED].stalled_until = 0.0
        self.workload.settle()
        for dataset in sorted(self.cloud.paused):
            self.operators.resume(dataset)

    def _settle(self) -> None:
        """What was committed since the last audits began has no certificate yet: wait for the next."""
        for _ in range(6 if self.calm_hours >= CALM_HOURS else 0):
            if self.world.is_stopped or self.judge.last_commit < min(self.audited.values(), default=0.0):
                return
            self.world.run(self.world.time + AUDIT_HOURS * HOUR)

    def _certify_at_the_end(self) -> None:
        """The mirror's last run, of what the audits have found whole."""
        if "mirror" in self.off:
            return
        began = self.world.time
        for dataset in (FEED, SHOP):
            self.world.spawn(lambda dataset=dataset: self.operators.certify(dataset))
        self.world.run(began + HOUR)
        self.operators.star_witness.at_the_end(self.until, began, self.operators.stars)

    def _answer(self, request: Request) -> Answer | None:
        self.provider.at = self.world.now
        if self.weather.happens("connection lost", 0.005):
            return None
        self.judge.asked(request.path)
        return self.provider.answer(request)

    # ------------------------------------------------------------ schedules

    def _collect(self) -> None:
        """Every slot, somewhere within its minute; now and then twice, or not at all."""
        while True:
            slot = int(self.world.time) // STEP * STEP + STEP
            self.world.sleep(slot - self.world.time + self.weather.draw.uniform(0.2, 20))
            if FEED in self.cloud.paused:
                continue
            if not self.weather.happens("schedule silent", 0.003):
                self._fire(lambda slot=slot: self.cloud.request(FEED, slot))
            if self.weather.happens("schedule twice", 0.003):
                self._fire(lambda slot=slot: self.cloud.request(FEED, slot))

    def _extract(self) -> None:
        every = self.cloud.contracts.dataset(SHOP).source.every  # type: ignore[union-attr]
        while True:
            self.world.sleep(every)
            if SHOP in self.cloud.paused:
                continue
            self._fire(lambda: self.cloud.extract(SHOP))
            if self.weather.happens("schedule twice", 0.01):
                self._fire(lambda: self.cloud.extract(SHOP))

    def _fire(self, work: Any) -> None:
        """A schedule's invocation: what fails is tried twice more, as asynchronous invocations are."""

        def tried() -> None:
            for attempt in range(3):
                try:
                    work()
                    return
                except (Killed, Exception) as error:
                    if self.world._over:
                        raise
                    self.judge.counts[f"schedule: {type(error).__name__}"] += 1
                    self.world.sleep(60 * (attempt + 1))

        self.world.spawn(tried)

    def _audit(self, dataset: str) -> None:
        self.world.sleep({FEED: 1200, SHOP: 2400}[dataset])
        while True:
            self.runs += 1
            self.world.spawn(lambda run=f"{dataset}-{self.runs:05d}": self._one_audit(dataset, run))
            self.world.sleep(AUDIT_HOURS * HOUR)

    def _one_audit(self, dataset: str, run: str) -> None:
        began = self.world.time
        outcome = self.machine.execute({"dataset": dataset}, run)
        self.judge.counts[f"audit {outcome}"] += 1
        if outcome == "succeeded":
            self.audited[dataset] = began
            self.judge.after_audit(dataset)
            self.witness.after_audit()


def simulate(
    seed: int, days: float, *, off: frozenset[str] = frozenset(), calm_hours: float = CALM_HOURS, stops: bool = False
) -> Outcome:
    """A run; ``off`` names actors and kinds of faults that are left out. ``stops``: at the first wrong thing."""
    began = time.process_time()
    simulation = Simulation(seed, days, off=off, calm_hours=calm_hours)
    simulation.judge.stops = stops
    simulation.play()
    cloud, judge = simulation.cloud, simulation.judge
    state = hashlib.sha256()
    for info in [*cloud.ingest.list(""), *cloud.records.list("")]:
        etag = "" if info.key.endswith(".avro") else info.etag  # its blocks are marked by the system's own chance
        state.update(f"{info.key} {info.size} {etag} {info.modified}\n".encode())
    gc.collect()  # whoever still waits is in cycles with the world, and would be looked at in the next run
    return Outcome(
        seed=seed,
        days=round((simulation.world.time - simulation.began) / DAY, 2),
        wrong=judge.wrong,
        faults=simulation.weather.counts,
        counts=judge.counts,
        events=simulation.world.steps,
        cpu=time.process_time() - began,
        trace=state.hexdigest()[:16],
        logged=Counter(message for message, _ in cloud.log.lines),
    )
