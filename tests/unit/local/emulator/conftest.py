"""One emulator, emptied after each module of tests; boto3 and awswrangler reach it as a user's would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from local.emulator import Emulator


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A start costs a second of CPU, and there are two dozen modules."""
    folder = tmp_path_factory.mktemp("emulator")
    with Emulator.start(folder, firehose_scale=0.01, alarm_seconds=0.2, alarm_scale=0.02) as running:
        yield running


@pytest.fixture(scope="module")
def emulator(started: Emulator) -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        for name, value in started.environment().items():
            patch.setenv(name, value)
        yield started
    started.reset()


@pytest.fixture(scope="module")
def session(emulator: Emulator) -> boto3.Session:
    """A session of its own: the default one may have been made before the emulator was."""
    return boto3.Session()


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
