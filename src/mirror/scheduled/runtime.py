"""The runtime of the mirror function: AWS clients, the clock and the log, built once per container."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from aws.clients import Clients
from aws.glue_catalog import GlueMirrorCatalog
from aws.glue_views import GlueViews
from aws.log import function_log
from aws.metrics import DatasetMetrics
from aws.queue import SqsQueue
from aws.settings import Settings
from mirror.runtime import build_services
from mirror.scheduled.requests import TABLE, MirrorRuntime


@cache
def build_runtime() -> MirrorRuntime:
    """The runtime of this container."""
    settings, clients = Settings.from_environment(), Clients()
    metrics = DatasetMetrics(settings.project, settings.environment)
    catalog = GlueMirrorCatalog(clients("glue"), settings.mirror_database)
    return MirrorRuntime(
        contracts=settings.contracts,
        services=replace(build_services(clients, settings.warehouse_bucket), catalog=catalog),
        queue=SqsQueue(clients("sqs"), settings.mirror_queue_url, group=TABLE),
        metrics=metrics.of,
        log=function_log(),
        finish=metrics.flush,
        views=GlueViews(clients("glue"), settings.mirror_database),
    )
