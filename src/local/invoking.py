"""Calls of the deployed functions and queries of the warehouse; every wait ends with something that can be seen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from core.errors import OutOfReach, PipelineBug
from core.landing.zone import landing_of

POLL_SECONDS = 0.2
Say = Callable[[str], None]


def invoke(deployment: Deployment, function: str, event: Mapping[str, Any]) -> Any:
    """Call a deployed function and return its answer; raises ``PipelineBug`` with its error when it failed."""
    client = deployment.clients("lambda")
    answer = client.invoke(FunctionName=deployment.functions[function], Payload=json.dumps(event).encode())
    payload = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        problem = f"{payload.get('errorType')}: {payload.get('errorMessage')}"
        raise PipelineBug("invoke", deployment.functions[function], problem, "Look at its log group")
    return payload


def ingest_objects(deployment: Deployment, prefix: str) -> Iterator[str]:
    """Keys of the ingest objects below a prefix."""
    for info in S3ObjectStore(deployment.clients("s3"), deployment.ingest_bucket).list(prefix):
        if landing_of(info.key):
            yield info.key


def query_rows(deployment: Deployment, sql: str) -> list[dict[str, Any]]:
    """Athena's answer, a dictionary a row, with Python values."""
    records = deployment.athena.query(sql).astype(object).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


def await_receipts(deployment: Deployment, prefix: str, *, within: float = 120) -> int:
    """Wait until every ingest object below the prefix has its receipt; the number of objects."""
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    waiting = {landing.receipt_key for key in ingest_objects(deployment, prefix) if (landing := landing_of(key))}
    total, deadline = len(waiting), time.monotonic() + within
    while waiting:
        waiting -= {key for key in waiting if records.stat(key)}
        if waiting and time.monotonic() > deadline:
            remedy = "Look at the process function's log and the dead-letter queue"
            raise OutOfReach("wait for receipts", prefix, f"{len(waiting)} of {total} are missing", remedy)
        if waiting:
            time.sleep(POLL_SECONDS)
    return total


def follow_with_mirrors(deployment: Deployment, *, within: float = 120) -> dict[str, int]:
    """Have the mirror of every table follow the star, and wait until each does: the rows that its snapshot counts."""
    from mirror.reading import read_mirror  # pyiceberg takes its time to import
    from mirror.runtime import build_services
    from mirror.standing import standing_of

    services = build_services(deployment.clients, deployment.warehouse_bucket)
    invoke(deployment, "mirror", {"time": datetime.now(UTC).isoformat()})
    waiting, rows = {table.name: table for table in deployment.contracts.tables()}, {}
    deadline = time.monotonic() + within
    while True:
        for name, table in list(waiting.items()):
            standing = standing_of(table, services)
            if standing.version and not standing.behind:
                files = read_mirror(name, services.objects).state.files.values()
                rows[name] = sum(file.rows for file in files)
                del waiting[name]
        if not waiting:
            return rows
        if time.monotonic() > deadline:
            remedy = "Look at the mirror function's log and its dead-letter queue"
            raise OutOfReach("wait for mirrors", ", ".join(waiting), "they do not follow the star", remedy)
        time.sleep(POLL_SECONDS)
