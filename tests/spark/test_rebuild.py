"""Spark itself rebuilds a lake in the emulator's S3, while its workers and its driver are killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.emulated_lake import EmulatedLake, emulated_lake
from tests.support.killed_spark import KilledRun

from local.processes import end_below
from local.spark.drivers import LocalSpark

pytestmark = [pytest.mark.long, pytest.mark.emulator, pytest.mark.timeout(3600)]

PYTHON = Path(__file__).resolve().parents[2] / ".venv-spark/bin/python"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedLake]:
    if not PYTHON.exists():
        pytest.skip("there is no pyspark: make test-spark makes .venv-spark")
    with emulated_lake(tmp_path_factory.mktemp("lake"), symbols=20, months=4) as lake:
        yield lake


@pytest.fixture
def spark(lake: EmulatedLake, tmp_path: Path) -> Iterator[LocalSpark]:
    lake.lose()
    yield lake.spark(PYTHON, tmp_path)
    end_below(tmp_path)


def test_the_content_is_that_of_the_incremental_road_though_workers_are_killed(
    lake: EmulatedLake, spark: LocalSpark
) -> None:
    killed = KilledRun(lake, spark, "workers")
    killed.start()
    assert killed.kill_workers(2) == 2
    assert killed.follow() == []
    assert lake.content() == lake.digests


def test_a_driver_that_is_killed_is_followed_by_one_that_does_what_was_left(
    lake: EmulatedLake, spark: LocalSpark
) -> None:
    killed = KilledRun(lake, spark, "driver")
    killed.start()
    done = killed.kill_driver(outcomes=1)
    assert 0 < len(done) < killed.manifest.jobs
    assert killed.follow() == []
    assert lake.content() == lake.digests
    assert killed.outcomes().items() >= done.items()  # what was done was not done again
