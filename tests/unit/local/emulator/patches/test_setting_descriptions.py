"""Fields that Terraform's provider reads back, as the API References have them."""

from __future__ import annotations

import json

import boto3
import pytest

pytestmark = pytest.mark.emulator
ROLE = "arn:aws:iam::000000000000:role/r"


def test_a_streams_tags_are_those_it_was_created_with(session: boto3.Session):
    kinesis = session.client("kinesis")
    kinesis.create_stream(StreamName="tagged", ShardCount=1, Tags={"project": "p"})
    assert kinesis.list_tags_for_stream(StreamName="tagged")["Tags"] == [{"Key": "project", "Value": "p"}]


def test_a_delivery_streams_time_zone_is_utc_unless_told(session: boto3.Session):
    firehose = session.client("firehose")
    destination = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::somewhere"}
    for name, told in (("untold", {}), ("told", {"CustomTimeZone": "Europe/Paris", "FileExtension": ".jsonl"})):
        firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination | told)
    described = [
        firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]["Destinations"][0][
            "ExtendedS3DestinationDescription"
        ]
        for name in ("untold", "told")
    ]
    assert [(d["CustomTimeZone"], d.get("FileExtension")) for d in described] == [
        ("UTC", None), ("Europe/Paris", ".jsonl"),
    ]  # fmt: skip


def test_a_state_machines_tracing_is_described(session: boto3.Session):
    states = session.client("stepfunctions")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    arn = states.create_state_machine(
        name="traced", roleArn=ROLE, definition=definition, tracingConfiguration={"enabled": True}
    )["stateMachineArn"]
    assert states.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"] == {"enabled": True}
    states.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": False})
    assert states.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"] == {"enabled": False}


def test_an_event_invoke_configuration_has_no_age_that_nobody_set(session: boto3.Session):
    from tests.unit.local.emulator.functions import create

    create(session, "asynchronous", {"index.py": "def handler(e, c): return 1"})
    functions = session.client("lambda")
    functions.put_function_event_invoke_config(FunctionName="asynchronous", MaximumRetryAttempts=1)
    described = functions.get_function_event_invoke_config(FunctionName="asynchronous")
    assert described["MaximumRetryAttempts"] == 1
    assert "MaximumEventAgeInSeconds" not in described
