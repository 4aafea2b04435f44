"""Schedules of a deployment, switched off and on again (EventBridge Scheduler)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

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
        names = [schedule_name(starts, dataset) for starts in ("extract", "request")]
        return [name for name in names if self._read(name) is not None]

    def is_on(self, name: str) -> bool:
        """Whether there is such a schedule, and it starts something."""
        schedule = self._read(name)
        return schedule is not None and schedule.get("State", ON) == ON

    def switch(self, name: str, *, on: bool) -> bool:
        """Switch a schedule on or off, and leave all else of it as it is; whether that changed anything.

        One that is no more is passed over.
        """
        schedule, wanted = self._read(name), ON if on else OFF
        if schedule is None or schedule.get("State", ON) == wanted:
            return False
        kept = {field: schedule[field] for field in _KEPT if schedule.get(field)}
        with reaching("switch schedule", f"{self._group}/{name}"):
            self._client.update_schedule(**kept, State=wanted)
        return True

    def _read(self, name: str) -> Mapping[str, Any] | None:
        with reaching("read schedule", f"{self._group}/{name}"):
            try:
                schedule: Mapping[str, Any] = self._client.get_schedule(GroupName=self._group, Name=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                return None
            return schedule


def schedule_name(starts: str, dataset: str) -> str:
    """The name of the schedule that starts something for a dataset (``terraform/modules/schedule``)."""
    full = f"{starts}-{dataset}"
    return full if len(full) <= LONGEST else f"{full[:55]}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"
