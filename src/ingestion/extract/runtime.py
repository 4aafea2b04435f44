"""Clients of the extract function, kept for a container's life: AWS, a session with the database, a clock."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from aws.clients import Clients
from aws.log import function_log
from aws.metrics import LogMetrics
from aws.objects import S3ObjectStore
from aws.parameters import SsmParameterStore
from aws.secrets import AwsSecretStore
from aws.settings import Settings
from core.contract.model import Database
from core.errors import BadContract
from core.landing.state import ParameterNames
from ingestion.engines.build import engine_named
from ingestion.extract.budget import Budget
from ingestion.extract.flow import Extraction
from ingestion.extract.landing import Landing
from ingestion.extract.table import Sink

# The part of the function's time in which a pass no longer reads: for storing the object at hand and its state. A
# function with little time keeps a quarter of it.
RESERVE_SECONDS = 20.0
RESERVE_SHARE = 0.25


@cache
def build_runtime() -> tuple[Settings, Clients]:
    """The settings of this container, and its AWS clients."""
    return Settings.from_environment(), Clients()


@cache
def build_extraction(dataset: str) -> tuple[Extraction, LogMetrics]:
    """One dataset's extraction in a deployment, and the metrics to flush after each pass."""
    settings, clients = build_runtime()
    return extraction_of(dataset, settings, clients)


def extraction_of(dataset: str, settings: Settings, clients: Clients) -> tuple[Extraction, LogMetrics]:
    """The same for any deployment: the command uses it too."""
    contract = settings.contracts.dataset(dataset)
    objects = S3ObjectStore(clients("s3"), settings.ingest_bucket)
    parameters = SsmParameterStore(clients("ssm"))
    metrics = LogMetrics(settings.project, settings.environment, dataset)
    secrets = AwsSecretStore(clients("secretsmanager"), settings.secret_prefix)
    names = ParameterNames(settings.parameter_prefix, dataset)
    source = contract.source
    if not isinstance(source, Database):
        raise BadContract("extract", dataset, "is no database", "Name a dataset of kind database")
    extraction = Extraction(
        contract=contract,
        connector=engine_named(source.engine).connector(secrets, source.secret),
        sink=Sink(dataset, objects, parameters, names, Landing(objects, dataset)),
        metrics=metrics,
        log=function_log("extract"),
        held_seconds=settings.horizon_held_seconds,
    )
    return extraction, metrics


def budget_of(context: Any) -> Budget:
    """The time that the function has left, less the reserve."""
    left = context.get_remaining_time_in_millis() / 1000
    return Budget.of(left - min(RESERVE_SECONDS, left * RESERVE_SHARE), clock=time.monotonic)
