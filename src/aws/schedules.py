"""Schedules of a deployment, switched off and on again (EventBridge Scheduler)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from aws.failures import reaching

LONGEST = 64  # characters of a schedule's name
ON, OFF = "ENABLED", "DISABLED"
# What UpdateSchedule takes: it replaces the whole schedule, so that what is not given again is lost (EventBridge
# Scheduler API Reference, UpdateSchedule).
_KEPT = (
    "Name", "GroupName", "Description", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow",
    "Target", "StartDate", "EndDate", "KmsKeyArn", "ActionAfterCompletion",
)  # fmt: skip


class Schedules:
    """The schedules of one group, which is named as the deployment's prefix."""

    def __init__(self, client: Any, group: str) -> None:
        self._client = client
        self._group = group

    def of_dataset(self, dataset: str) -> list[str]:
        """The schedules by which a dataset is asked for, as far as there are any: not those of its audits."""
        names = {schedule_name(starts, dataset) for starts in ("request", "extract")}
        return sorted(names & set(self._names()))

    def switch(self, name: str, *, on: bool) -> bool:
        """Switch a schedule on or off, and leave all else of it as it is; whether that changed anything."""
        with reaching("read schedule", f"{self._group}/{name}"):
            schedule = self._client.get_schedule(GroupName=self._group, Name=name)
        wanted = ON if on else OFF
        if schedule.get("State", ON) == wanted:
            return False
        kept = {field: schedule[field] for field in _KEPT if schedule.get(field)}
        with reaching("switch schedule", f"{self._group}/{name}"):
            self._client.update_schedule(**kept, State=wanted)
        return True

    def _names(self) -> Iterator[str]:
        with reaching("list schedules", self._group):
            for page in self._client.get_paginator("list_schedules").paginate(GroupName=self._group):
                yield from (str(schedule["Name"]) for schedule in page["Schedules"])


def schedule_name(starts: str, dataset: str) -> str:
    """The name of the schedule that starts something for a dataset (``terraform/modules/schedule``)."""
    full = f"{starts}-{dataset}"
    return full if len(full) <= LONGEST else f"{full[:55]}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"
