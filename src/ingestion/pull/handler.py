"""The queue's Lambda: requests for points become lines in the stream."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws.clients import Clients
from aws.metrics import LogMetrics
from aws.secrets import AwsSecretStore
from aws.settings import Settings
from aws.stream import KinesisStream
from ingestion.pull.events import batch_response, messages_of
from ingestion.pull.runtime import SPARE_SECONDS, PullRuntime, machine_clock


@cache
def build_runtime() -> PullRuntime:
    settings, clients = Settings.from_environment(), Clients()
    return PullRuntime(
        contracts=settings.contracts,
        secrets=AwsSecretStore(clients("secretsmanager"), settings.secret_prefix),
        stream_of=lambda dataset: KinesisStream(clients("kinesis"), settings.stream_name.replace("{dataset}", dataset)),
        metrics_of=lambda dataset: LogMetrics(settings.environment, dataset),
        urls=settings.provider_urls,
        clock=machine_clock(),
    )


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime = build_runtime()
    until = runtime.clock.monotonic() + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    try:
        return batch_response(runtime.pull(messages_of(event), until=until))
    finally:
        runtime.flush()
