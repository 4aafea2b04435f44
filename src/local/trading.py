"""A trading hour in compressed time: minute by minute the market's clock is set and the schedule's function called."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws.objects import S3ObjectStore
from core.contract.model import Feed, TradingCalendar
from core.errors import OutOfReach, PipelineBug, of_kind
from core.landing.zone import landing_of
from core.time import at_epoch, format_second
from local.invoking import POLL_SECONDS, invoke, query_rows
from local.stack import Stack

QUOTES = "quotes"
HOUR = 3600
AFTER_THE_MINUTE = dt.timedelta(seconds=1.5)  # schedules usually fire 1 to 2 s into their minute
Progress = Callable[[int], None]

POINTS_PER_SYMBOL_AND_HOUR = """
    select symbol, date_format(minute, '%Y-%m-%d %H:00') as hour, count(*) as points
    from fact_quote
    where minute >= timestamp '{first}' and minute < timestamp '{last}'
    group by 1, 2 order by 1, 2"""


@dataclass(frozen=True)
class Traded:
    """A traded hour: ``expected`` points, of which ``asked`` were requested; the fault switch left the others out."""

    first: dt.datetime
    last: dt.datetime
    expected: int
    asked: int
    left_out: tuple[tuple[str, dt.datetime], ...]


def last_session_hour(calendar: TradingCalendar, *, now: dt.datetime, hours: int = 1) -> dt.datetime:
    """The start of the first full hour of the newest session that is over and has so many full hours.

    A session of XNYS has six, on a half day three.
    """
    for opens, closes in reversed(calendar.segments):
        first = -(-opens // HOUR) * HOUR
        if closes <= now.timestamp() and first + hours * HOUR <= closes:
            return at_epoch(first)
    problem = f"has no session of {hours} full hours before {format_second(now)}"
    raise PipelineBug("choose an hour", calendar.name, problem, "Render the contracts again")


def trade(stack: Stack, first: dt.datetime, *, minutes: int = 60, on_minute: Progress = lambda _: None) -> Traded:
    """Let the schedule fire once a minute and every request be answered in its minute, as the market's clock has it."""
    expected, asked, left_out = 0, 0, []
    for number in range(minutes):
        minute = first + dt.timedelta(minutes=number)
        stack.market.clock.set(minute + AFTER_THE_MINUTE)
        stack.market.forget_requests()
        answer = invoke(stack.deployment, "request", {"dataset": QUOTES, "time": format_second(minute)})
        expected += answer["expected"]
        asked += answer["messages"]
        left_out += [(answer["left_out"], minute)] if answer["left_out"] else []
        _await_quotes(stack, answer["messages"])
        on_minute(number + 1)
    return Traded(first, first + dt.timedelta(minutes=minutes), expected, asked, tuple(left_out))


def _await_quotes(stack: Stack, count: int, *, within: float = 60) -> None:
    """Wait until the market has answered so many quotes: then their minute is settled."""
    deadline = time.monotonic() + within
    while (answered := stack.market.requests.count(endpoint="quote")) < count:
        if time.monotonic() > deadline:
            remedy = "Look at the pull function's log"
            raise OutOfReach("wait for quotes", stack.market.url, f"{answered} of {count} were asked", remedy)
        time.sleep(POLL_SECONDS / 10)


def await_points(stack: Stack, lines: int, *, within: float = 120) -> int:
    """Wait until so many lines of the feed have their receipt; the number of objects that they came in."""
    deployment = stack.deployment
    ingest = S3ObjectStore(deployment.clients("s3"), deployment.ingest_bucket)
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    counted: dict[str, int] = {}
    deadline = time.monotonic() + within
    while True:
        for info in ingest.list(f"feeds/{QUOTES}/"):
            landing = landing_of(info.key)
            if info.key not in counted and landing and (receipt := records.read(landing.receipt_key)):
                counted[info.key] = json.loads(receipt.body)["lines_in"]
        if sum(counted.values()) >= lines:
            return len(counted)
        if time.monotonic() > deadline:
            problem = f"{sum(counted.values())} of {lines} lines arrived"
            raise OutOfReach("wait for points", QUOTES, problem, "Look at Firehose and the process function's log")
        time.sleep(POLL_SECONDS)


def points_per_symbol_and_hour(stack: Stack, traded: Traded) -> list[dict[str, Any]]:
    """Points of each symbol and hour in the warehouse: an analyst's first question to a feed."""
    sql = POINTS_PER_SYMBOL_AND_HOUR.format(first=_sql(traded.first), last=_sql(traded.last))
    return query_rows(stack.deployment, sql)


def feed_of(stack: Stack) -> tuple[Feed, TradingCalendar]:
    """The feed that the demonstration trades, and its calendar."""
    feed = of_kind(stack.deployment.contracts.dataset(QUOTES).source, Feed, "trade", QUOTES)
    return feed, stack.deployment.contracts.calendar(feed.calendar)


def _sql(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
