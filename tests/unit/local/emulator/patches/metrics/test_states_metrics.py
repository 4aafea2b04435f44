"""Metrics of state machines."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from tests.support.waiting import eventually

pytestmark = pytest.mark.emulator
ROLE = "arn:aws:iam::000000000000:role/r"


def test_executions_are_counted_by_their_outcome(session: boto3.Session):
    states, cloudwatch = session.client("stepfunctions"), session.client("cloudwatch")
    succeed = {"Variable": "$.ok", "BooleanEquals": True, "Next": "S"}
    flow = {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [succeed], "Default": "F"},
            "S": {"Type": "Succeed"}, "F": {"Type": "Fail", "Error": "Told"},
        },
    }  # fmt: skip
    arn = states.create_state_machine(name="counted", roleArn=ROLE, definition=json.dumps(flow))["stateMachineArn"]
    for ok in (True, True, False):
        states.start_execution(stateMachineArn=arn, input=json.dumps({"ok": ok}))

    def counted() -> dict[str, float]:
        metrics = ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed")
        points = {
            metric: cloudwatch.get_metric_statistics(
                Namespace="AWS/States", MetricName=metric, Dimensions=[{"Name": "StateMachineArn", "Value": arn}],
                StartTime=time.time() - 600, EndTime=time.time() + 60, Period=3600, Statistics=["Sum"],
            )["Datapoints"]
            for metric in metrics
        }  # fmt: skip
        return {metric: sum(point["Sum"] for point in found) for metric, found in points.items()}

    expected = {"ExecutionsStarted": 3, "ExecutionsSucceeded": 2, "ExecutionsFailed": 1}
    eventually(lambda: counted() == expected, within=10)
