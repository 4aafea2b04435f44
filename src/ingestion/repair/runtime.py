"""Clients of the repair function, built once per container, and its answers to the state machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from aws.clients import Clients
from aws.log import function_log
from aws.objects import S3ObjectStore
from aws.settings import Settings
from aws.tasks import StateMachineTasks
from aws.versions import S3DeletedObjects
from core.errors import InvalidData, shown
from core.json import UNREADABLE
from ingestion.pull.handler import build_runtime as build_pull
from ingestion.repair.job import RepairClients, TaskResult, carry_out


class Tasks(Protocol):
    """The state machine that waits for a job's token."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        """Let the task end with this output."""
        ...

    def fail(self, token: str, error: str, cause: str) -> None:
        """Let the task fail with an error that the state machine knows by name."""
        ...


@cache
def build_runtime() -> tuple[Settings, Clients]:
    """The settings of this container, and its AWS clients."""
    return Settings.from_environment(), Clients()


def clients_of(settings: Settings, clients: Clients, *, milliseconds: float) -> RepairClients:
    """A deployment's clients for an invocation that has so much time left."""
    pull = build_pull()
    until = pull.last_call(milliseconds=milliseconds)
    return RepairClients(
        records=S3ObjectStore(clients("s3"), settings.warehouse_bucket),
        ask=lambda request: pull.repair(request, until=until),
        ingest=S3DeletedObjects(clients("s3"), settings.ingest_bucket),
        now=pull.clock.now,
        log=function_log("repair"),
        memory_mb=settings.memory_mb,
    )


def answer(event: Mapping[str, Any], clients: RepairClients, tasks: Tasks) -> dict[str, Any]:
    """SQS's event: ``{"job": key, "token": ...}`` in each body. A job that cannot even be read comes again.

    One of which the task is over is passed over: the run has planned anew by then, and would ask for the same twice.
    """
    failed = []
    for record in event["Records"]:
        try:
            message = read_message(record["body"])
            if _is_over(message, record, clients.now()):
                clients.log.warning("repair job passed over: its task is over", job=message.job)
                continue
            tell(tasks, message.token, carry_out(clients, message.job))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's and not its neighbours'
            clients.log.error("repair job failed", message=record["body"][:200], reason=shown(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


@dataclass(frozen=True, slots=True)
class RepairMessage:
    """``job`` is the key of a job's object; ``token`` the state machine's, empty for a job asked for by hand.

    ``within`` are the seconds from when it was sent in which the state machine waits for it; 0: nobody said.
    """

    job: str
    token: str
    within: int = 0


def read_message(body: str) -> RepairMessage:
    """The message of a queue's body. Raises ``InvalidData`` where the text is none."""
    try:
        data = json.loads(body)
        job, token, within = data["job"], data.get("token", ""), data.get("within", 0)
    except UNREADABLE as error:
        problem = f"no repair job ({error!r})"
        raise InvalidData("read message", body[:200], problem, 'Send {"job": "audit/runs/..."}') from error
    if not (isinstance(job, str) and isinstance(token, str)):
        raise InvalidData("read message", body[:200], "job or token is no text", 'Send {"job": "audit/runs/..."}')
    return RepairMessage(job, token, within if type(within) is int else 0)


def _is_over(message: RepairMessage, record: Mapping[str, Any], now: datetime) -> bool:
    """Whether nobody waits for the job any more. SQS says when each message was sent, in epoch milliseconds."""
    sent = str(record.get("attributes", {}).get("SentTimestamp", ""))
    return bool(message.within and sent.isdigit()) and now.timestamp() > int(sent) / 1000 + message.within


def tell(tasks: Tasks, token: str, result: TaskResult) -> None:
    """Answer the state machine with a job's result; a job without a token was asked for by hand."""
    if token and result.error:
        tasks.fail(token, result.error, result.reason[:1000])
    elif token:
        tasks.succeed(token, {"reason": result.reason[:200], **result.counts})


def tasks_of(clients: Clients) -> StateMachineTasks:
    """The state machine of this deployment."""
    return StateMachineTasks(clients("stepfunctions"))
