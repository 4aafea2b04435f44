"""One emulator per module of tests; boto3 and awswrangler reach it through the environment, as a user's would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from local.emulator import Emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        started = Emulator.start(
            tmp_path_factory.mktemp("emulator"), firehose_scale=0.01, alarm_seconds=0.2, alarm_scale=0.02
        )
        with started:
            for name, value in started.environment().items():
                patch.setenv(name, value)
            yield started


@pytest.fixture(scope="module")
def session(emulator: Emulator) -> boto3.Session:
    """A session of its own: the default one may have been made before the emulator was."""
    return boto3.Session()


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
