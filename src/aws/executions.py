"""Executions of one Step Functions state machine, started and watched."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching

_ENTERED = "StateEntered"


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution. ``status`` is Step Functions' own: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.

    ``cause`` is why it failed; its error's name where there is no more.
    """

    arn: str
    status: str
    output: Mapping[str, Any]
    cause: str = ""


class StateMachine:
    """Starts executions by a name of their own: the same name with the same input is the same execution."""

    def __init__(self, client: Any, arn: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._arn = arn
        self._sleep = sleep

    def start(self, name: str, data: Mapping[str, Any]) -> str:
        """Start an execution with this input; returns its ARN."""
        with reaching("start execution", self._arn):
            answer = self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(data))
        return str(answer["executionArn"])

    def find(self, name: str) -> Execution | None:
        """The execution of that name; None where none was started, or Step Functions has forgotten it."""
        execution = f"{self._arn.replace(':stateMachine:', ':execution:')}:{name}"
        with reaching("describe execution", execution):
            try:
                return self._described(execution)
            except ClientError as error:
                if code_of(error) == "ExecutionDoesNotExist":
                    return None
                raise

    def describe(self, execution: str) -> Execution:
        """The execution as it is now."""
        with reaching("describe execution", execution):
            return self._described(execution)

    def _described(self, execution: str) -> Execution:
        answer = self._client.describe_execution(executionArn=execution)
        output = json.loads(answer.get("output") or "{}")
        return Execution(execution, answer["status"], output, answer.get("cause") or answer.get("error") or "")

    def newest(self, most: int) -> list[str]:
        """The names of the newest executions, the newest first; Step Functions remembers 90 days."""
        with reaching("list executions", self._arn):
            answer = self._client.list_executions(stateMachineArn=self._arn, maxResults=most)
        return [str(execution["name"]) for execution in answer["executions"]]

    def watch(self, execution: str, *, every: float = 1.0) -> Iterator[str]:
        """The names of the states that it enters, as they come, until it is over."""
        seen = 0
        while True:
            over = self.describe(execution).status != "RUNNING"
            for event in self._events_after(execution, seen):
                if str(event["type"]).endswith(_ENTERED):
                    yield str(event["stateEnteredEventDetails"]["name"])
                seen = int(event["id"])
            if over:
                return
            self._sleep(every)

    def _events_after(self, execution: str, seen: int) -> list[Any]:
        """The events behind the one of that number, in order, without their data: no look reads all that was before."""
        with reaching("read execution history", execution):
            paginator = self._client.get_paginator("get_execution_history")
            pages = paginator.paginate(executionArn=execution, reverseOrder=True, includeExecutionData=False)
            newest_first = (event for page in pages for event in page["events"])
            return list(itertools.takewhile(lambda event: int(event["id"]) > seen, newest_first))[::-1]
