"""Ends of executions as ``starmend heal`` says them, on a state machine that failed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from aws.executions import Execution, StateMachine
from cli.heal import MACHINE

ASKED = (
    "ask the source: starmend-dev-check: OutOfReach: connect: 127.0.0.1:5432/totesys: [Errno 111] Connection refused. "
    "Look at the secret's host and port, the security group and the server. "
    "Look at its log: /aws/lambda/starmend-dev-check"
)
OF_THE_LAST_STEP = {"errorMessage": ASKED, "errorType": "TransientFailure", "stackTrace": ["  File handler.py"] * 9}


@pytest.mark.parametrize(
    "cause",
    [
        f"TransientFailure: {ASKED}",  # the Fail state's
        json.dumps(OF_THE_LAST_STEP),  # of the step that tells of the failure, where that failed too
    ],
)
def test_an_audit_whose_source_is_down_names_it_with_cause_and_remedy(
    cause: str, account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said: A step of the audit failed. See the history of this execution."""
    machines = {MACHINE: "arn:aws:states:eu-west-1:1:stateMachine:audit"}
    deployed: Any = SimpleNamespace(
        environment="dev",
        contracts=account.deployment.contracts,
        state_machines=machines,
        warehouse_bucket=account.deployment.warehouse_bucket,
        clients=account.client_of,
    )
    monkeypatch.setattr("cli.heal.deployment", lambda _environment: deployed)
    monkeypatch.setattr(StateMachine, "start", lambda _self, name, _data: f"{machines[MACHINE]}:{name}")
    monkeypatch.setattr(StateMachine, "watch", lambda _self, _execution: iter(["Audit", "Tell of the failure"]))
    ended = Execution("arn", "FAILED", {}, cause)
    monkeypatch.setattr(StateMachine, "describe", lambda _self, _execution: ended)
    said = starmend("heal", "--dataset", "sales", "--env", "dev")
    assert said.code == 3
    assert f"sales: FAILED: TransientFailure: {ASKED}" in " ".join(said.err.split())
    assert "stackTrace" not in said.out + said.err
    (row,) = starmend("heal", "--dataset", "sales", "--env", "dev", "--json").data
    assert row["cause"] == f"TransientFailure: {ASKED}"
    assert row["failure"] == {
        "error": "OutOfReach",
        "operation": "connect",
        "place": "127.0.0.1:5432/totesys",
        "problem": "[Errno 111] Connection refused",
        "remedy": "Look at the secret's host and port, the security group and the server",
    }
