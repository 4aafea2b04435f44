"""Step Functions tasks that wait for an answer with their token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching

_OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})  # no execution waits any more


class StateMachineTasks:
    """Sends answers. One for a token that no execution waits for (timed out, or answered before) is dropped."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        self._send("succeed", self._client.send_task_success, taskToken=token, output=json.dumps(output))

    def fail(self, token: str, error: str, cause: str) -> None:
        self._send("fail", self._client.send_task_failure, taskToken=token, error=error, cause=cause)

    def _send(self, verb: str, call: Any, **arguments: str) -> None:
        with reaching(f"let task {verb}", "state machine"):
            try:
                call(**arguments)
            except ClientError as error:
                if code_of(error) not in _OVER:
                    raise
