"""The root module, initialised once without state: nothing here speaks to AWS or to an emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.terraform import Terraform

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "terraform"


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    runner = Terraform(MODULE, tmp_path_factory.mktemp("terraform"), {})
    runner.init()
    return runner
