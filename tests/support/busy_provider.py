"""A provider with many entities, pages, a plan that it enforces, and faults now and then; all by a clock of its own."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.feeds import PatientClock
from tests.support.scripted_server import Answer, Request

from core.authoring.load import load
from core.contract.model import Contracts
from core.feeds.turns import Plan

EVERY = 3600
PAGE = 25
PER_LIVE_CALL = 100
DATASET, FACT = "stations", "fact_station"
COMPLETE_WITHIN = dt.timedelta(hours=12)
PLAN = Plan(per_minute=300, per_second=10)
TOLERANCE = 1e-3  # seconds: a plan's windows are told in whole milliseconds
FLAKY = 0.04  # of all answers fail: as a gateway does, with half a body, as a limit, or with a page that lacks records

_CONTRACT = """
dataset: stations
source:
  kind: feed
  provider: &service
    rest:
      url: https://stations.example
      time: epoch_seconds
      span: 7 days
      calls_per_minute: {plan.per_minute}
      calls_per_second: {plan.per_second}
      live:
        path: /live
        query: {{ids: "{{entities}}"}}
        entities_per_call: {together}
        entity: id
        records: items
        fields: {{value: value}}
      history:
        path: /history/{{entity}}
        query: {{from: "{{start}}", to: "{{end}}"}}
        records: items
        time: at
        fields: {{value: value}}
        count: total
        pages: {{by: cursor, parameter: after, from: next}}
  history: *service
  every: 1 hour
  calendar: always
  point: [station, hour]
  entities: {entities}
  entities_per_message: {together}
  settle: 10 minutes
  complete_within: {hours} hours
  rate_limit: {plan.per_minute} / minute
warehouse:
  fact_station:
    kind: fact
    grain: one row per station and hour
    key: [station, hour]
    version: [provenance, fetched_at]
    partition_by: ["bucket(station, {buckets})", day(hour)]
    since: 2026-11-01
    columns:
      station: string
      hour: timestamp
      value: {{type: "decimal(18,4)", required: true}}
      provenance: {{type: string, one_of: [observed, late, repaired], rank: [repaired, late, observed]}}
      fetched_at: timestamp
"""


def contracts_of(entities: Sequence[str], folder: Path, today: dt.date) -> Contracts:
    """The contract of a feed of these entities, as it is loaded from the folder."""
    settings = {"together": PER_LIVE_CALL, "hours": int(COMPLETE_WITHIN.total_seconds() // 3600), "plan": PLAN}
    buckets = max(1, min(16, len(entities) // 20))
    text = _CONTRACT.format(entities=json.dumps(list(entities)), buckets=buckets, **settings)
    (folder / "stations.yaml").write_text(text, encoding="utf-8")
    return load(folder, today=today)


@dataclass
class BusyProvider:
    """Values of entities every hour. ``holes`` are points that it never had; it is down during ``outages``.

    ``refused`` counts the calls beyond its plan, in any minute and any second of its clock.
    """

    seed: int
    time: PatientClock
    holes: frozenset[tuple[str, int]] = frozenset()
    outages: Sequence[tuple[int, int]] = ()
    calls: dict[str, int] = field(default_factory=lambda: {"live": 0, "history": 0})
    refused: int = 0
    failed: int = 0
    most: dict[str, int] = field(default_factory=lambda: {"minute": 0, "second": 0})
    url: str = ""
    clock: Any = field(default_factory=lambda: SimpleNamespace(set=lambda _at: None))
    _recent: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    @property
    def now(self) -> dt.datetime:
        """Its clock."""
        return self.time.clock.now()

    def has(self, entity: str, slot: int) -> bool:
        """Whether it ever had the point."""
        return (entity, slot) not in self.holes

    @staticmethod
    def value(entity: str, slot: int) -> Decimal:
        """The truth."""
        return Decimal((int(entity[1:]) * 7919 + slot // EVERY * 104_729) % 10**7).scaleb(-4)

    def answer(self, request: Request) -> Answer:
        """One call, which takes it a moment."""
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, kind, *rest = parts.path.split("/")
        self.calls[kind] += 1
        if self._is_beyond_plan():
            self.refused += 1
            return self._said({"error": "too many calls"}, 429, {"Retry-After": "60"})
        now = self.now.timestamp()
        self.time.advance(self.draw.uniform(0.02, 0.2))
        if any(start <= now < end for start, end in self.outages):
            pause = {"Retry-After": "600"} if self.draw.random() < 0.5 else {}  # where it names none, it is asked again
            return Answer("<html>down for maintenance</html>", 503, pause, self._date())
        answer = self._live(query["ids"].split(",")) if kind == "live" else self._history(rest[0], query)
        return self._spoilt(answer) if self.draw.random() < FLAKY else self._said(answer)

    def _is_beyond_plan(self) -> bool:
        now = self.time.passed
        self._recent.append(now)
        while self._recent[0] <= now - 60 + TOLERANCE:
            self._recent.popleft()
        second = sum(call > now - 1 + TOLERANCE for call in self._recent)
        self.most = {"minute": max(self.most["minute"], len(self._recent)), "second": max(self.most["second"], second)}
        return len(self._recent) > PLAN.per_minute or second > PLAN.per_second

    def _live(self, entities: Sequence[str]) -> dict[str, Any]:
        slot = int(self.now.timestamp()) // EVERY * EVERY
        items = [self._item(entity, slot) | {"id": entity} for entity in entities if self.has(entity, slot)]
        return {"items": items}

    def _history(self, entity: str, query: dict[str, str]) -> dict[str, Any]:
        start, end = int(query["from"]), min(int(query["to"]), int(self.now.timestamp()) - EVERY + 1)
        slots = [slot for slot in range(-(-start // EVERY) * EVERY, end, EVERY) if self.has(entity, slot)]
        offset = int(query.get("after", "0"))
        items = [self._item(entity, slot) for slot in slots[offset : offset + PAGE]]
        after = offset + PAGE
        return {"total": len(slots), "items": items, "next": str(after) if after < len(slots) else None}

    def _item(self, entity: str, slot: int) -> dict[str, Any]:
        return {"at": slot, "value": str(self.value(entity, slot))}

    def _spoilt(self, answer: dict[str, Any]) -> Answer:
        self.failed += 1
        match self.draw.randrange(4):
            case 0:
                return Answer("<html>bad gateway</html>", 502, {}, self._date())
            case 1:
                return Answer(json.dumps(answer)[:-20], 200, {}, self._date())
            case 2:
                return self._said({"error": "slow down"}, 429, {"Retry-After": "3"})
            case _:
                return self._said(answer | {"items": answer["items"][::2], "next": None})

    def _said(self, document: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        return Answer(json.dumps(document), status, headers or {}, self._date())

    def _date(self) -> str:
        return format_datetime(self.now, usegmt=True)
