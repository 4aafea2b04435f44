"""Executions as they are watched, on a history that grows from one look to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aws.executions import StateMachine

EVENTS: list[dict[str, Any]] = [
    {"id": 1, "type": "ExecutionStarted"},
    *(
        {"id": number, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": f"State {number}"}}
        for number in range(2, 40)
    ),
    {"id": 40, "type": "ExecutionSucceeded"},
]
PAGE = 3


class Growing:
    """Step Functions' answers about one execution, of which ``known`` events have happened so far."""

    def __init__(self) -> None:
        self.known = 0
        self.given = 0

    def describe_execution(self, **_asked: str) -> dict[str, Any]:
        return {"status": "RUNNING" if self.known < len(EVENTS) else "SUCCEEDED"}

    def get_paginator(self, name: str) -> Growing:
        assert name == "get_execution_history"
        return self

    def paginate(self, **asked: Any) -> Iterator[Any]:
        assert (asked["reverseOrder"], asked["includeExecutionData"]) == (True, False)
        newest_first = EVENTS[: self.known][::-1]
        for first in range(0, len(newest_first), PAGE):
            page = newest_first[first : first + PAGE]
            self.given += len(page)
            yield {"events": page}


def test_each_state_is_told_once_in_order_and_no_look_reads_again_what_was_before() -> None:
    client = Growing()

    def later(_seconds: float) -> None:
        client.known = min(client.known + 4, len(EVENTS))

    machine = StateMachine(client, "arn:aws:states:eu-west-1:1:stateMachine:audit", sleep=later)
    states = list(machine.watch("arn:aws:states:eu-west-1:1:execution:audit:a"))
    assert states == [f"State {number}" for number in range(2, 40)]
    assert client.given <= len(EVENTS) + PAGE * 2 * (len(EVENTS) // 4)
