"""Clients of the check function, kept for a container's life: a session with each database, S3, a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache

from aws.objects import S3ObjectStore
from ingestion.check.job import RepairClients
from ingestion.extract.budget import Budget
from ingestion.extract.flow import Extraction
from ingestion.extract.runtime import build_extraction
from ingestion.extract.runtime import build_runtime as build_clients

SPARE_SECONDS = 10.0  # to store the rows of a statement


@cache
def build_records() -> S3ObjectStore:
    """The warehouse bucket, for jobs, outcomes and answers."""
    settings, clients = build_clients()
    return S3ObjectStore(clients("s3"), settings.warehouse_bucket)


def clients_within(seconds: float) -> RepairClients:
    """The clients of an invocation that has so much time left, with the datasets' sessions kept open.

    No statement may outlive the invocation: the server would go on with it alone, beside the next attempt's.
    """

    budget = Budget.of(max(1.0, seconds - SPARE_SECONDS), clock=time.monotonic)

    def extraction_of(dataset: str) -> Extraction:
        extraction = build_extraction(dataset)[0]
        extraction.statement_seconds = max(1.0, seconds - SPARE_SECONDS)
        extraction.budget = budget
        return extraction

    settings, _ = build_clients()
    return RepairClients(extraction_of, build_records(), lambda: datetime.now(UTC), settings.memory_mb)
