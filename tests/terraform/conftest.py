"""The root module, initialised once without state: nothing here speaks to AWS or to an emulator."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.planning import Change, Planner, answering

from deploy.terraform import Terraform

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "terraform"
BEFORE = Path(__file__).with_name("state_before_modules.json.gz")


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    runner = Terraform(MODULE, tmp_path_factory.mktemp("terraform"), {})
    runner.init()
    return runner


@pytest.fixture(scope="session")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planner]:
    with answering() as endpoint:
        yield Planner.below(tmp_path_factory.mktemp("deployment"), endpoint)


@pytest.fixture(scope="session")
def state() -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(BEFORE.read_bytes())))


@pytest.fixture(scope="session")
def changes(planner: Planner, state: dict[str, Any]) -> list[Change]:
    """What a plan over that state would do to each resource: the deployment ``starmend-test`` as it will be."""
    return planner.changes(state)
