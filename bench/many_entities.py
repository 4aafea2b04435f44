"""A feed of ten thousand entities: what an audit and the schedule do for all of them at once, without any store."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any

from auditor.feeds.expect import expect
from auditor.feeds.points import Coverage, missing_points
from auditor.repairs.draft import Plan, PlanContext
from auditor.repairs.outcomes import JobReport
from auditor.repairs.plan import plan_repairs
from auditor.repairs.triage import triage_findings
from auditor.windows import windows_between
from bench.options import Options
from bench.record import Record
from core.audit.findings import MissingPoints
from core.audit.history import Evidence, HistoryOutcome
from core.audit.repair_jobs import FetchHistory
from core.authoring.calendars import trading_calendar
from core.contract.model import Contract, Contracts, Entity, Feed, Provider, SourceTable, TradingCalendar
from ingestion.request.plan import plan_requests

Work = Callable[[], Any]

ENTITIES = 10_000
MOST_SECONDS = 0.5
OPENS = int(dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC).timestamp())
SETTINGS = {
    "url": "https://api.example.org",
    "live": {"path": "/{entity}", "fields": {"c": "price"}},
    "history": {
        "path": "/{entity}", "query": {"from": "{start}", "to": "{end}"}, "time": "at", "fields": {"o": "price"}
    },
}  # fmt: skip


@dataclass(frozen=True)
class Crowd:
    """A feed of many entities in an exchange's hours, every minute."""

    feed: Feed
    calendar: TradingCalendar

    @property
    def contracts(self) -> Contracts:
        return Contracts((Contract("ticks", self.feed, ()),), calendars=(self.calendar,))

    def coverage(self) -> Coverage:
        """The points of the day, all of them missing."""
        windows = windows_between(self.feed, self.calendar, OPENS, OPENS + 7 * 3600)
        return Coverage(expect(self.feed, self.calendar, windows))

    def findings(self) -> list[MissingPoints]:
        """Each entity lacks the same minute."""
        minute = ((OPENS + 600, OPENS + 660),)
        return [MissingPoints("ticks", entity.name, minute, 1) for entity in self.feed.entities]

    def reports(self) -> list[JobReport]:
        """Each was asked for, and the provider was limiting us."""
        said = Evidence("GET /x", 429, "{}", "")
        limited = HistoryOutcome("limited", reason="the provider limits us", evidence=(said,))
        return [
            JobReport(1, FetchHistory("ticks", each.entity, each.ranges, 1), "done", outcomes=(limited,))
            for each in self.findings()
        ]


@cache
def crowd(entities: int) -> Crowd:
    """The feed of so many entities."""
    calendar = trading_calendar("XNYS", first=dt.date(2026, 11, 1), last=dt.date(2026, 11, 30))
    names = tuple(Entity(f"SYM{number:05d}") for number in range(entities))
    provider, table = Provider("rest", SETTINGS), SourceTable("ticks", ("symbol", "minute"), ())
    feed = Feed(provider, provider, "", 60, "XNYS", "symbol", "minute", names, 180, 7200, 60, table)
    return Crowd(replace(feed, calls_per_minute=600), calendar)


def plan_of_a_minute(entities: int) -> Work:
    """The schedule fires: who is asked for now."""
    of = crowd(entities)
    return lambda: plan_requests("ticks", of.feed, of.calendar, time=OPENS + 600)


def repairs_of_a_minute(entities: int) -> Work:
    """A minute that everybody lacks: which calls heal it."""
    of = crowd(entities)
    findings, context = of.findings(), PlanContext(of.contracts, now=OPENS + 7200)
    return lambda: plan_repairs(findings, context)


def grid_of_a_day(entities: int) -> Work:
    """The points that are owed of a day, and that all of them are missing."""
    of = crowd(entities)
    return lambda: missing_points("ticks", of.coverage())


def mark_absent(entities: int) -> Work:
    """Two hours of each entity are proven absent."""
    of = crowd(entities)
    coverage = of.coverage()

    def mark() -> None:
        for entity in of.feed.entities:
            coverage.mark_absent(entity.name, ((OPENS, OPENS + 3600), (OPENS + 7200, OPENS + 10_800)))

    return mark


def triage(entities: int) -> Work:
    """Everybody lacks a minute and was asked for in vain: what the admins hear of it."""
    of = crowd(entities)
    findings, reports, now = of.findings(), of.reports(), OPENS + 86_400
    return lambda: triage_findings(findings, Plan(), reports, dataset="ticks", feed=of.feed, now=now)


CASES: dict[str, Callable[[int], Work]] = {
    case.__name__: case for case in (plan_of_a_minute, repairs_of_a_minute, grid_of_a_day, mark_absent, triage)
}


def seconds_of(work: Work, *, turns: int) -> float:
    """The cores' time, the median of turns."""
    spent = []
    for _ in range(turns):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return median(spent)


def many_entities(options: Options) -> Record:
    """10,000 entities; the details have the milliseconds of each part, of which none may take half a second."""
    spent = {name: seconds_of(case(ENTITIES), turns=2 if options.quick else 5) for name, case in CASES.items()}
    too_slow = [name for name, seconds in spent.items() if seconds > MOST_SECONDS]
    details = {f"{name}_ms": round(seconds * 1000, 1) for name, seconds in spent.items()}
    return Record.of_times(
        "many_entities", sum(spent.values()) * 1000, details={"entities": ENTITIES, **details, "too_slow": too_slow}
    )


MEASURES: dict[str, Callable[[Options], Record]] = {"many_entities": many_entities}
