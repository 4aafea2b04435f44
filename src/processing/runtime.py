"""The services of a deployed process function: AWS clients, the clock and the log, built once per container."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from aws.clients import Clients
from aws.log import function_log
from aws.metrics import DatasetMetrics
from aws.objects import S3ObjectStore
from aws.parameters import SsmParameterStore
from aws.pointers import S3PartitionStore
from aws.settings import Settings
from processing.lines.memory import keep_freed_memory
from processing.services import Services

WORKERS = 16  # concurrent requests; below the clients' connection pool


@cache
def build_runtime() -> tuple[Services, Callable[[], None]]:
    """The services, and the function to call at the end of an invocation (it writes the metrics)."""
    keep_freed_memory()
    settings, clients = Settings.from_environment(), Clients()
    return build_services(settings, clients)


def build_services(settings: Settings, clients: Clients) -> tuple[Services, Callable[[], None]]:
    """The services of a deployment, for the Lambda and the command alike, and the function that writes the metrics."""
    s3 = clients("s3")
    metrics = DatasetMetrics(settings.project, settings.environment)
    services = Services(
        contracts=settings.contracts,
        ingest=S3ObjectStore(s3, settings.ingest_bucket),
        records=S3ObjectStore(s3, settings.warehouse_bucket),
        partitions=S3PartitionStore(s3, settings.warehouse_bucket),
        parameters=SsmParameterStore(clients("ssm")),
        parameter_prefix=settings.parameter_prefix,
        metrics=metrics.of,
        log=function_log(),
        code_version=settings.code_version,
        ingest_bucket=settings.ingest_bucket,
        now=lambda: datetime.now(UTC),
        timer=time.perf_counter,
        workers=WORKERS,
        threads=(os.cpu_count() or 1) > 1,
        memory_mb=settings.memory_mb,
    )
    return services, metrics.flush
