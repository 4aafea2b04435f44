"""The time at which a feed began to be collected: of the time before, only what somebody asks for is owed."""

from __future__ import annotations

from datetime import UTC, datetime

from auditor.feeds.objects import FORMAT, first_hour
from auditor.services import Services
from core.evolution.deployments import read_deployments, switched_on


def began(services: Services, dataset: str) -> int | None:
    """When the schedules were switched on or the first object arrived, the earlier (epoch seconds); None: nobody knows.

    Raises ``TransientFailure`` where a store does not answer.
    """
    begins = [since] if (since := switched_on(read_deployments(services.records, dataset))) is not None else []
    if hour := first_hour(services.ingest, dataset):
        begins.append(int(datetime.strptime(hour, FORMAT).replace(tzinfo=UTC).timestamp()))
    return min(begins, default=None)
