"""What the repair function keeps between jobs, and how it tells the state machine of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from aws.clients import Clients
from aws.log import function_log
from aws.objects import S3ObjectStore
from aws.settings import Settings
from aws.tasks import StateMachineTasks
from aws.versions import S3Graveyard
from core.errors import TransientFailure
from ingestion.pull.handler import build_runtime as build_pull
from ingestion.repair.job import Bench, Word, carry_out


class Tasks(Protocol):
    """The state machine that waits for a job's token."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> None: ...

    def fail(self, token: str, error: str, cause: str) -> None: ...


@cache
def build_runtime() -> tuple[Settings, Clients]:
    return Settings.from_environment(), Clients()


def bench_of(settings: Settings, clients: Clients, *, milliseconds: float) -> Bench:
    """The bench of a deployment, with so much time left."""
    pull = build_pull()
    return Bench(
        records=S3ObjectStore(clients("s3"), settings.warehouse_bucket),
        ask=lambda request: pull.repair(request, milliseconds=milliseconds),
        ingest=S3Graveyard(clients("s3"), settings.ingest_bucket),
        now=pull.clock.now,
        log=function_log("repair"),
    )


def answer(event: Mapping[str, Any], bench: Bench, tasks: Tasks) -> dict[str, Any]:
    """SQS's event: ``{"job": key, "token": ...}`` in each body. A job that cannot even be read comes again."""
    failed = []
    for record in event["Records"]:
        message = json.loads(record["body"])
        try:
            tell(tasks, message.get("token", ""), carry_out(bench, message["job"]))
        except TransientFailure as error:
            bench.log.error("repair job failed", job=message["job"], reason=str(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def tell(tasks: Tasks, token: str, word: Word) -> None:
    """A job without a token was asked for by hand."""
    if token and word.error:
        tasks.fail(token, word.error, word.reason[:1000])
    elif token:
        tasks.succeed(token, {"reason": word.reason[:200], **word.counts})


def tasks_of(clients: Clients) -> StateMachineTasks:
    return StateMachineTasks(clients("stepfunctions"))
