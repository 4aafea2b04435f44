"""Two hours of a feed of many entities are lost: in how many runs of the auditor they are healed, and in which time.

By default settings and the real pipeline over ports in memory, with a provider that counts its calls. One feed, points
every minute.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.chaos.run import Options, Result
from tests.support.feed_simulation import FeedSimulation
from tests.support.feeds import PatientClock
from tests.support.scripted_server import Answer, Request, scripted_server

from auditor.services import Limits
from core.audit.repair_jobs import job_keys
from core.authoring.load import load
from core.contract.model import Contracts

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
ENTITIES, HOURS, EVERY = 10_000, 2, 60
PER_MINUTE, CALL_SECONDS = 2_000, 0.3
AT_ONCE = 4  # repair functions (``pull_concurrency`` for so many entities): a call takes so much less of the run's time
RECORDS_AN_OBJECT = 100_000

_CONTRACT = """
dataset: ticks
source:
  kind: feed
  provider: &service
    rest:
      url: https://ticks.example
      time: epoch_seconds
      span: 7 days
      calls_per_minute: {per_minute}
      live:
        path: /live
        query: {{ids: "{{entities}}"}}
        entities_per_call: 100
        entity: id
        records: items
        fields: {{value: value}}
      history:
        path: /history/{{entity}}
        query: {{from: "{{start}}", to: "{{end}}"}}
        records: items
        time: at
        fields: {{value: value}}
  history: *service
  every: 1 minute
  calendar: always
  point: [symbol, minute]
  entities: {entities}
  entities_per_message: 100
  settle: 3 minutes
  complete_within: 2 hours
  rate_limit: {per_minute} / minute
warehouse:
  fact_tick:
    kind: fact
    grain: one row per symbol and minute
    key: [symbol, minute]
    version: [provenance, fetched_at]
    partition_by: ["bucket(symbol, {buckets})", day(minute)]
    since: 2026-11-02
    columns:
      symbol: string
      minute: timestamp
      value: {{type: "decimal(18,4)", required: true}}
      provenance: {{type: string, one_of: [observed, late, repaired], rank: [repaired, late, observed]}}
      fetched_at: timestamp
"""


def contracts_of(entities: int, folder: Path) -> Contracts:
    """The contract of a feed of so many entities."""
    names = json.dumps([f"E{number:05d}" for number in range(entities)])
    text = _CONTRACT.format(entities=names, per_minute=PER_MINUTE, buckets=max(1, min(128, entities // 80)))
    (folder / "ticks.yaml").write_text(text, encoding="utf-8")
    return load(folder, today=START.date())


class CountingProvider:
    """It has every point, and counts the calls of each minute."""

    def __init__(self) -> None:
        self.time = PatientClock(START)
        self.calls: dict[int, int] = {}
        self.url, self.clock = "", SimpleNamespace(set=lambda _at: None)

    def answer(self, request: Request) -> Answer:
        now = self.time.clock.now()
        minute = int(now.timestamp()) // 60
        self.calls[minute] = self.calls.get(minute, 0) + 1
        self.time.advance(CALL_SECONDS / AT_ONCE)
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        last = min(int(query["to"]), int(now.timestamp()))
        items = [{"at": slot, "value": slot % 10_000} for slot in range(int(query["from"]), last, EVERY)]
        return Answer(json.dumps({"items": items}), 200, {}, format_datetime(now, usegmt=True))


class LongOutage(FeedSimulation):
    """The feed, of which nothing was observed; what repairs bring is delivered as Firehose would, in some objects."""

    def deliver(self) -> str:
        stream, key = self.acquisition.stream, ""
        records = list(stream.records)
        for first in range(0, len(records), RECORDS_AN_OBJECT):
            stream.records[:] = records[first : first + RECORDS_AN_OBJECT]
            key = super().deliver()
        return key

    def _ask(self, request: Any) -> dict[str, Any]:
        outcome = super()._ask(request)
        self.now = self.acquisition.time.clock.now()
        return outcome


def heal_outage(
    entities: int, hours: int, folder: Path, *, progress: Callable[[str], None] = print
) -> tuple[dict[str, Any], list[str]]:
    """Runs of the auditor, an hour apart, until all is there; what they took, and what was wrong."""
    provider = CountingProvider()
    with scripted_server(provider.answer) as server:
        provider.url = server.url
        feed = LongOutage(
            provider,  # type: ignore[arg-type]
            contracts=contracts_of(entities, folder),
            dataset="ticks",
            at=START,
            limits=Limits(grace_seconds=0, workers=2),
        )
        provider.time = feed.acquisition.time
        feed.deployed()
        feed.acquisition.time.advance(hours * 3_600 + 600)
        feed.now = provider.time.clock.now()
        began, runs, missing = provider.time.passed, 0, 1
        jobs: list[int] = []
        while missing and runs < 24:
            feed.acquisition.time.advance(max(0.0, runs * 3_600 + began - provider.time.passed))
            feed.now = provider.time.clock.now()
            runs += 1
            answers = feed.heal(start=START.isoformat(), end=(START + dt.timedelta(hours=hours)).isoformat())
            missing = answers.get("verify", answers["audit"])["missing"]
            jobs.append(sum(1 for _ in job_keys(feed.lake.records, f"run-{runs:04d}", 1)))
            progress(f"run {runs}: {missing} points missing, {sum(provider.calls.values())} calls")
    most = max(provider.calls.values(), default=0)
    wrong = [f"{missing} points are missing after {runs} runs"] if missing else []
    wrong += [f"{most} calls in a minute"] if most > PER_MINUTE else []
    wrong += [f"{verified}" for verified in feed.verified()]
    figures = {
        "entities": entities, "points": entities * hours * 60, "runs": runs, "jobs": jobs,
        "calls": sum(provider.calls.values()), "most_calls_a_minute": most,
        "minutes_of_repair": round((provider.time.passed - began) / 60, 1), "mails": len(feed.mail.sent),
    }  # fmt: skip
    return figures, wrong


def long_outage(options: Options) -> Result:
    """``--runs`` is the number of entities."""
    figures, wrong = heal_outage(options.amount(ENTITIES), HOURS, options.scratch, progress=options.progress)
    return Result(figures, wrong)


RUNS: dict[str, Callable[[Options], Result]] = {"long_outage": long_outage}
