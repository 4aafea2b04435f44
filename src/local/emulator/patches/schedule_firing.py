"""Schedules that fire: what they tell their target, when, and how fast their clock goes.

EventBridge Scheduler replaces ``<aws.scheduler.scheduled-time>`` in a target's input by the time that the invocation
was scheduled for (User Guide, "Adding context attributes"); stock MiniStack passes it on as it stands, and looks at its
schedules every ten seconds. Here it looks every second, and a stack may tell it that its clock goes faster
(:mod:`local.emulator.schedules`).
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid, set_request_account_id, set_request_region
from ministack.services import eventbridge, scheduler

from local.emulator.patches import service_calls
from local.emulator.patching import wrap
from local.emulator.schedules import read_pace
from local.emulator.settings import Settings

LOOK_SECONDS = 1
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
log = logging.getLogger("starmend.emulator")


class Rhythm:
    """When one schedule is due. Its own clock goes as fast as each look says."""

    def __init__(self, expression: str, *, now: float) -> None:
        self.expression = expression
        self._clock = self._looked = now
        self._due = self._next(now)

    def is_due(self, now: float, *, speed: float) -> bool:
        """Whether it fires at this look; what it missed since the last one is fired once."""
        self._clock += (now - self._looked) * speed
        self._looked = now
        if self._clock < self._due:
            return False
        while self._due <= self._clock:
            self._due = self._next(self._due)
        return True

    def _next(self, after: float) -> float:
        if (once := scheduler._at_time_epoch(self.expression)) is not None:
            return once if once > after else math.inf
        if seconds := eventbridge._parse_rate_seconds(self.expression):
            return after + float(seconds)
        if fields := eventbridge._parse_cron_fields(self.expression):
            fires = eventbridge._cron_next_fire(fields, dt.datetime.fromtimestamp(after, dt.UTC))
            return fires.timestamp() if fires else math.inf
        return math.inf


def apply(settings: Settings) -> None:
    rhythms: dict[Any, Rhythm] = {}

    def tick(_stock: Any) -> None:
        now = time.time()
        pace = read_pace(Path(settings.folder)) if settings.folder else None
        for place, schedule in list(scheduler._schedules._data.items()):
            if not _is_on(schedule, now):
                rhythms.pop(place, None)
                continue
            expression = schedule.get("ScheduleExpression", "")
            if place not in rhythms or rhythms[place].expression != expression:
                rhythms[place] = Rhythm(expression, now=now)
            if rhythms[place].is_due(now, speed=pace.of(schedule["Name"]) if pace else 1):
                _fire(place, schedule, now)

    scheduler._SCHEDULE_TICK_INTERVAL = LOOK_SECONDS
    wrap(scheduler, "_tick_schedules", tick)


def _is_on(schedule: Mapping[str, Any], now: float) -> bool:
    start, end = (scheduler._to_epoch(schedule.get(name)) for name in ("StartDate", "EndDate"))
    return schedule.get("State") == "ENABLED" and (start is None or start <= now) and (end is None or now <= end)


def _fire(place: tuple[str, str, str], schedule: Mapping[str, Any], now: float) -> None:
    account, region, key = place
    target = dict(schedule.get("Target") or {})
    at = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if "Input" in target:
        target["Input"] = target["Input"].replace(SCHEDULED_TIME, at)
    event = {
        "EventId": new_uuid(), "Source": "aws.scheduler", "DetailType": "Scheduled Event", "Detail": "{}",
        "Time": now, "Resources": [schedule.get("Arn", "")], "Account": account, "Region": region,
    }  # fmt: skip
    before = get_account_id(), get_region()
    try:
        set_request_account_id(account)
        set_request_region(region)
        if service_calls.schedule_may_start(target, schedule.get("Arn", "")):
            eventbridge._invoke_target(target, event, schedule)
    except Exception:
        log.exception("schedule %s did not reach its target", key)
    finally:
        set_request_account_id(before[0])
        set_request_region(before[1])
    once = scheduler._at_time_epoch(schedule.get("ScheduleExpression", "")) is not None
    if once and schedule.get("ActionAfterCompletion") == "DELETE":
        scheduler._schedules._data.pop(place, None)
