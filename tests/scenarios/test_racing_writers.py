"""Sixteen processes and one partition, through a real S3 API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.racing import BUCKET, ROWS, chain, open_store, race
from tests.support.tables import COUNTS

from aws.clients import Clients
from local.emulator import Emulator
from processing.commit import read_partition

pytestmark = pytest.mark.emulator

WRITERS = 16
COMMITS = 208


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with Emulator.start(tmp_path / "emulator") as started:
        for name, value in started.environment().items():
            monkeypatch.setenv(name, value)
        Clients()("s3").create_bucket(Bucket=BUCKET)
        yield started


def test_sixteen_processes_lose_and_double_nothing_and_a_reader_never_sees_less(emulator: Emulator) -> None:
    result = race(writers=WRITERS, batches=COMMITS // WRITERS)
    store = open_store()
    snapshot = read_partition(store, COUNTS, "")
    assert snapshot is not None
    assert snapshot.table["number"].to_pylist() == list(range(COMMITS * ROWS))
    assert chain(store) == list(range(COMMITS, 0, -1))
    assert result.faults == []
    assert result.glimpses > 0
