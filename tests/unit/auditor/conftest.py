"""An auditor in memory, for tests of its parts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.mail import MemoryMail
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.partitions import MemoryPartitions
from tests.fakes.queue import MemoryQueue
from tests.support.feeds import contracts_in

from auditor.services import Services

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)  # a Friday in New York's trading hours


@pytest.fixture(scope="session")
def contracts():  # type: ignore[no-untyped-def]
    return contracts_in()


@pytest.fixture
def services(contracts) -> Services:  # type: ignore[no-untyped-def]
    metrics = MemoryMetrics()
    return Services(
        contracts=contracts,
        ingest=MemoryObjects(),
        records=MemoryObjects(),
        partitions=MemoryPartitions(),
        metrics=lambda _dataset: metrics,
        log=MemoryLog(),
        now=lambda: NOW,
        code_version="test",
        processing=MemoryQueue(),
        mail=MemoryMail(),
        parameters=MemoryParameters(),
    )
