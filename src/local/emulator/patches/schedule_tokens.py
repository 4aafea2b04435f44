"""Client tokens of schedules: a creation that is repeated with its token answers with the schedule that is there.

EventBridge Scheduler's API Reference (CreateSchedule) has the token for idempotent requests. The SDKs give every
request one, and send the same again when an answer is lost; stock MiniStack refuses that as a conflict, and an apply of
Terraform's fails.
"""

from __future__ import annotations

from typing import Any

from ministack.services import scheduler

from local.emulator.patching import wrap
from local.emulator.settings import Settings


def apply(_settings: Settings) -> None:
    answers: dict[tuple[str, str, str], Any] = {}

    def create(stock: Any, name: str, body: dict[str, Any]) -> Any:
        group, token = body.get("GroupName", "default"), body.get("ClientToken")
        if not token:
            return stock(name, body)
        known = answers.get((group, name, token))
        if known is not None and f"{group}/{name}" in scheduler._schedules:
            return known
        answer = stock(name, body)
        if answer[0] < 300:
            answers[group, name, token] = answer
        return answer

    wrap(scheduler, "_create_schedule", create)
