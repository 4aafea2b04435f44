"""The deployment that a command works with."""

from __future__ import annotations

import os

import pytest
from tests.unit.cli.conftest import Account

from cli.deployed import deployment, quiet_metrics
from core.errors import NotDeployed


def test_a_deployment_is_found_by_its_environment_and_the_sdk_pointed_there(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert deployment("dev") == account.deployment
    assert os.environ["AWS_DEFAULT_REGION"] == account.deployment.aws_environment["AWS_DEFAULT_REGION"]
    with pytest.raises(NotDeployed, match="starmend deploy apply --env prod"):
        deployment("prod")


def test_functions_in_this_process_print_no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "mine")
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "")
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    quiet_metrics()
    assert os.environ["POWERTOOLS_METRICS_DISABLED"] == "true"
    assert os.environ["POWERTOOLS_SERVICE_NAME"] == "mine"
