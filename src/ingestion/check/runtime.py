"""What the check function keeps for a container's life: a session with each database, clients, a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from aws.objects import S3ObjectStore
from ingestion.check.job import Bench
from ingestion.extract.flow import Extraction
from ingestion.extract.runtime import build_extraction
from ingestion.extract.runtime import build_runtime as build_clients


def extraction_of_dataset(dataset: str) -> Extraction:
    """The dataset's extraction, its session kept open."""
    return build_extraction(dataset)[0]


@cache
def build_runtime() -> Bench:
    settings, clients = build_clients()
    records = S3ObjectStore(clients("s3"), settings.warehouse_bucket)
    return Bench(extraction_of_dataset, records, lambda: datetime.now(UTC))
