"""Many entities of one provider that has pages, a plan and faults, over simulated days, before the real pipeline.

Every point that the provider has must be there within ``complete_within``, with its value, and no call may be beyond
the plan, as the provider counts them by its own clock.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tests.chaos.run import Options, Result
from tests.support.busy_provider import COMPLETE_WITHIN, DATASET, EVERY, FACT, PLAN, BusyProvider, contracts_of
from tests.support.feed_simulation import FeedSimulation
from tests.support.scripted_server import scripted_server

from auditor.evidence.absent import read_absences
from auditor.windows import Window

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
ENTITIES, HOURS = 1_000, 7 * 24
CALM_HOURS = 30  # after the faults: holes in which live answers were broken take a day
LOST, HOLES = 0.02, 0.003
AUDIT_AT = dt.timedelta(minutes=20)


class BusyFeed(FeedSimulation):
    """The feed of a busy provider: one call after the other, by the clock that the provider has too."""

    def __init__(self, provider: BusyProvider, entities: list[str], folder: Path) -> None:
        contracts = contracts_of(entities, folder, START.date())
        super().__init__(provider, contracts=contracts, dataset=DATASET, at=START)  # type: ignore[arg-type]
        self.acquisition.runtime.concurrent_calls = 1  # the waits of several threads would add up
        provider.time = self.acquisition.time

    def hour(self, at: dt.datetime) -> None:
        """A slot is asked for and delivered, and its audit runs."""
        self._go_to(at + dt.timedelta(seconds=2))
        self.pull(at)
        self._catch_up()
        self.deliver()
        self._go_to(at + AUDIT_AT)
        self.heal()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        outcome = super()._ask(request)
        self._catch_up()
        return outcome

    def _catch_up(self) -> None:
        """What calls and waits have taken has passed for all."""
        self.now = self.acquisition.time.clock.now()


@dataclass
class Tally:
    points: int = 0
    absent: int = 0
    repaired: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def busy(entities: int, hours: int, seed: int, folder: Path) -> Iterator[BusyFeed]:
    """The feed and its provider, which is down twice, the second time as long as half of what is promised."""
    draw, names = random.Random(seed), [f"E{number:04d}" for number in range(entities)]
    first = int(START.timestamp())
    slots = range(first, first + (hours + CALM_HOURS) * EVERY, EVERY)
    holes = frozenset((name, slot) for name in names for slot in slots if draw.random() < HOLES)
    lost = {(name, slot) for name in names for slot in slots[:hours] if draw.random() < LOST}
    downs = [(int(hours * 0.2), 1), (int(hours * 0.6), int(COMPLETE_WITHIN.total_seconds() // EVERY // 3))]
    outages = [(first + begin * EVERY - 600, first + (begin + length) * EVERY - 600) for begin, length in downs]
    provider = BusyProvider(seed, None, holes, outages)  # type: ignore[arg-type]
    with scripted_server(provider.answer) as server:
        provider.url = server.url
        feed = BusyFeed(provider, names, folder)
        feed.loses = lambda entity, at: (entity, int(at.timestamp())) in lost
        yield feed


def run_hours(
    entities: int,
    hours: int,
    seed: int,
    folder: Path,
    *,
    calm: int = CALM_HOURS,
    progress: Callable[[str], None] = print,
) -> tuple[dict[str, Any], list[str]]:
    """So many hours and the calm ones after them; what was counted, and what was wrong."""
    tally = Tally()
    with busy(entities, hours, seed, folder) as feed:
        provider: BusyProvider = feed.market  # type: ignore[assignment]
        first = int(START.timestamp())
        for hour in range(hours + calm):
            feed.hour(START + hour * dt.timedelta(hours=1))
            overdue = first + hour * EVERY - int(COMPLETE_WITHIN.total_seconds())
            if overdue >= first:
                _judge(feed, provider, overdue, tally)
            progress(
                f"hour {hour + 1} of {hours + calm}: {sum(provider.calls.values())} calls, {len(tally.wrong)} wrong"
            )
        _judge_absent(feed, provider, first, first + hours * EVERY, tally, ended=calm >= CALM_HOURS)
        last = feed.heal()["conclude"]
        if calm >= CALM_HOURS and (last["known"] or last["sent"]):
            tally.wrong.append(f"{last} are open though the provider is well")
        if provider.refused:
            tally.wrong.append(f"{provider.refused} calls were beyond the plan")
        figures = {
            "entities": entities, "hours": hours, "answers": sum(provider.calls.values()), "points": tally.points,
            "repaired": tally.repaired, "absent": tally.absent, "calls": dict(provider.calls),
            "plan": {"minute": PLAN.per_minute, "second": PLAN.per_second}, "most_calls": provider.most,
            "failed": provider.failed, "beyond_plan": provider.refused, "mails": len(feed.mail.sent),
            "slowest_hours": round(tally.slowest, 1), "wrong": len(tally.wrong),
        }  # fmt: skip
    return figures, tally.wrong


def _judge(feed: BusyFeed, provider: BusyProvider, slot: int, tally: Tally) -> None:
    """Each point of a slot whose time is over must be there as the provider has it; a hole is nowhere."""
    rows: dict[str, Any] = {}
    day = f"day={dt.datetime.fromtimestamp(slot, dt.UTC):%Y-%m-%d}"
    at = dt.datetime.fromtimestamp(slot, dt.UTC).replace(tzinfo=None)
    for path in feed.lake.paths(FACT):
        if day in path:
            table = feed.lake.snapshot(FACT, path).table
            for row in table.filter(
                pc.equal(table.column("hour"), pa.scalar(at, table.column("hour").type))
            ).to_pylist():
                rows[row["station"]] = row
    for entity in feed.feed.entities:
        tally.points += 1
        row = rows.get(entity.name)
        if row is None:
            if provider.has(entity.name, slot):
                tally.wrong.append(f"{entity.name} {at} is not there in time")
            continue
        tally.repaired += row["provenance"] == "repaired"
        tally.slowest = max(tally.slowest, (row["fetched_at"].replace(tzinfo=None) - at).total_seconds() / EVERY)
        if not provider.has(entity.name, slot) or row["value"] != provider.value(entity.name, slot):
            tally.wrong.append(f"{entity.name} {at} is {row['value']}")


def _judge_absent(feed: BusyFeed, provider: BusyProvider, first: int, last: int, tally: Tally, *, ended: bool) -> None:
    """Nothing that the provider has may be proven absent; in the end every hole is."""
    absences = read_absences(feed.lake.records, DATASET, [Window(first, int(feed.now.timestamp()))], workers=1)
    absent = {(a.entity, slot) for a in absences for start, end in a.ranges for slot in range(start, end, EVERY)}
    tally.absent = len(absent)
    tally.wrong += [f"{entity} {slot} is certified absent" for entity, slot in absent if provider.has(entity, slot)]
    holes = {(entity, slot) for entity, slot in provider.holes if first <= slot < last}
    tally.wrong += [f"the hole {entity} {slot} did not end absent" for entity, slot in holes - absent if ended]


def feeds_at_scale(options: Options) -> Result:
    """``--runs`` is the number of entities, of a week."""
    entities = options.amount(ENTITIES)
    figures, wrong = run_hours(entities, HOURS, options.seed, options.scratch, progress=options.progress)
    return Result(figures, wrong)


RUNS: dict[str, Callable[[Options], Result]] = {"feeds_at_scale": feeds_at_scale}
