"""The pull Lambda: requests for points, from the queue, become lines in the stream."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws.clients import Clients
from aws.log import function_log
from aws.metrics import DatasetMetrics
from aws.objects import S3ObjectStore
from aws.secrets import AwsSecretStore
from aws.settings import Settings
from aws.stream import open_stream
from ingestion.pull.runtime import PullRuntime, machine_clock


@cache
def build_runtime() -> PullRuntime:
    """The runtime of this container."""
    settings, clients = Settings.from_environment(), Clients()
    metrics = DatasetMetrics(settings.project, settings.environment)
    return PullRuntime(
        contracts=settings.contracts,
        secrets=AwsSecretStore(clients("secretsmanager"), settings.secret_prefix),
        stream_of=lambda dataset: open_stream(clients, settings.stream_of(dataset), settings.contracts.feed(dataset)),
        metrics_of=metrics.of,
        flush_metrics=metrics.flush,
        urls=settings.provider_urls,
        clock=machine_clock(),
        log=function_log(),
        records=lambda: S3ObjectStore(clients("s3"), settings.warehouse_bucket),
    )


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """SQS's partial batch response: the ids of messages to be delivered again."""
    return build_runtime().answer(event, milliseconds=context.get_remaining_time_in_millis())
