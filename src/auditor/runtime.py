"""Runtime of a deployed auditor function: AWS clients, the clock and the log, built once per container."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from auditor.services import Budget, Limits, Services
from aws.athena import Athena
from aws.clients import Clients
from aws.dead_letters import SqsDeadLetters
from aws.event_bus import EventBridgeBus
from aws.log import function_log
from aws.metrics import DatasetMetrics
from aws.objects import S3ObjectStore
from aws.parameters import SsmParameterStore
from aws.pointers import S3PartitionStore
from aws.queue import SqsQueue
from aws.settings import Settings
from aws.source_function import SourceFunction
from aws.topic import SnsTopic
from core.mirroring.lag import MirrorPromise


@dataclass(frozen=True)
class Runtime:
    """The services, the environment's name, and ``finish``, which ends an invocation."""

    services: Services
    environment: str
    finish: Callable[[], None]

    def run(self, step: Callable[..., dict[str, Any]], event: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A step, its metrics written whatever becomes of it."""
        try:
            return step(event, self.services, **more)
        finally:
            self.finish()


@cache
def build_runtime() -> Runtime:
    """The runtime of this container."""
    return runtime_of(Settings.from_environment(), Clients())


def runtime_of(settings: Settings, clients: Clients) -> Runtime:
    """The runtime of a deployment, for the Lambdas and for the command alike."""
    s3 = clients("s3")
    metrics = DatasetMetrics(settings.project, settings.environment)
    queue, topic = settings.process_queue_url, settings.alarm_topic
    source, letters = settings.source_function, settings.dead_letter_queue_url
    restate = settings.restate_function
    limits, workgroup = limits_of(settings.audit_limits), settings.athena_workgroup
    services = Services(
        contracts=settings.contracts,
        ingest=S3ObjectStore(s3, settings.ingest_bucket),
        records=S3ObjectStore(s3, settings.warehouse_bucket),
        partitions=S3PartitionStore(s3, settings.warehouse_bucket),
        metrics=metrics.of,
        log=function_log("auditor"),
        now=lambda: datetime.now(UTC),
        code_version=settings.code_version,
        processing=SqsQueue(clients("sqs"), queue) if queue else None,
        mail=SnsTopic(clients("sns"), topic) if topic else None,
        runbook=settings.runbook_url,
        limits=limits,
        source=SourceFunction(clients("lambda"), source) if source else None,
        reshape=SourceFunction(clients("lambda"), restate, "reshape lines") if restate else None,
        parameters=SsmParameterStore(clients("ssm")),
        parameter_prefix=settings.parameter_prefix,
        dead_letters=SqsDeadLetters(clients("sqs"), letters, queue) if letters else None,
        bus=EventBridgeBus(clients("events"), settings.event_bus) if settings.event_bus else None,
        pause=_back_off,
        report=settings.report_url,
        project=settings.project,
        memory_mb=settings.memory_mb,
        mirror=MirrorPromise(settings.mirror_seconds, settings.mirror_within_seconds)
        if settings.mirror_seconds
        else None,
        athena=Athena(workgroup, settings.athena_database, limits.query_seconds) if workgroup else None,
    )
    return Runtime(services, settings.environment, metrics.flush)


def _back_off(attempt: int) -> bool:
    """Wait before something that was refused is offered again, longer each time and never two callers as long."""
    time.sleep(random.uniform(0.5, 1.0) * min(3.0, 0.2 * 2**attempt))
    return True


def limits_of(given: Mapping[str, Any]) -> Limits:
    """``{"attempts": 3, "grace_seconds": 900, "budget": {"calls": 300}}``; what is not given has its default."""
    budget = Budget(**given.get("budget", {}))
    return Limits(**{**given, "budget": budget})
