"""Requests read as botocore wrote them, in every protocol that is read."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from local.emulator.requests.constraints import problems
from local.emulator.requests.reading import Request, read_request

ARN = "arn:aws:sns:us-east-1:123456789012:topic"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("kinesis", "put_record", {"StreamName": "quotes", "PartitionKey": "ZM", "Data": b"{}"}),
    ("ssm", "get_parameters_by_path", {"Path": "/starmend", "Recursive": True, "MaxResults": 10}),
    ("sqs", "send_message_batch", {"QueueUrl": "http://q/1/n", "Entries": [{"Id": "1", "MessageBody": "x"}]}),
    ("stepfunctions", "start_execution", {"stateMachineArn": ARN.replace("sns", "states"), "input": "{}"}),
    ("sns", "subscribe", {"TopicArn": ARN, "Protocol": "sqs", "Attributes": {"Raw": "true", "Other": "a.b"}}),
    ("sns", "tag_resource", {"ResourceArn": ARN, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]}),
    ("iam", "create_role", {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 3600}),
    ("sts", "get_caller_identity", {}),
    ("lambda", "create_event_source_mapping", {"FunctionName": "f", "EventSourceArn": ARN, "BatchSize": 10}),
    ("lambda", "get_function", {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f", "Qualifier": "1"}),
    ("lambda", "invoke", {"FunctionName": "f", "Qualifier": "1", "Payload": b'{"a": 1}'}),
    ("lambda", "list_tags", {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}),
    ("lambda", "list_layers", {}),
    ("lambda", "get_layer_version_by_arn", {"Arn": "arn:aws:lambda:us-east-1:123456789012:layer:base:1"}),
    ("scheduler", "list_schedules", {"MaxResults": 3, "NamePrefix": "a"}),
    (
        "scheduler",
        "create_schedule",
        {
            "Name": "every-minute",
            "ClientToken": "once",
            "ScheduleExpression": "rate(1 minute)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": ARN, "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": "{}"},
        },
    ),
]


def sent(service: str, operation: str, parameters: dict[str, Any]) -> Request | None:
    """The call as it would go over the wire, read again."""
    client = boto3.client(
        service, "us-east-1", endpoint_url="http://127.0.0.1:9", aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(parameter_validation=False, retries={"max_attempts": 0}),
    )  # fmt: skip
    seen: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        seen.append(request)
        raise ConnectionAbortedError

    client.meta.events.register("before-send", answer)
    with pytest.raises(ConnectionAbortedError):
        getattr(client, operation)(**parameters)
    request = seen[0]
    url = urlsplit(request.url)
    headers = {name.lower(): str(_text(value)) for name, value in request.headers.items()}
    body = request.body.read() if hasattr(request.body, "read") else request.body
    body = body.encode() if isinstance(body, str) else body or b""
    service = {"stepfunctions": "states"}.get(service, service)
    return read_request(service, request.method, url.path, headers, body, parse_qs(url.query))


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize(("service", "operation", "parameters"), CALLS)
def test_a_call_is_read_as_it_was_made(service: str, operation: str, parameters: dict[str, Any]) -> None:
    request = sent(service, operation, parameters)
    assert request is not None
    assert request.operation.name.lower() == operation.replace("_", "")
    expected = {"Data": "e30="} if service == "kinesis" else {}
    assert request.parameters == parameters | expected
    assert problems(request.operation.input_shape, request.parameters) == []


def test_what_is_not_read_is_left_to_the_service() -> None:
    assert read_request("s3", "PUT", "/bucket/key", {}, b"", {}) is None
    assert read_request("kinesis", "POST", "/", {"x-amz-target": "Kinesis_20131202.Nothing"}, b"{}", {}) is None
    assert read_request("kinesis", "POST", "/", {"x-amz-target": "Kinesis_20131202.PutRecord"}, b"{", {}) is None
    assert read_request("lambda", "POST", "/nowhere", {}, b"", {}) is None
    assert read_request("sns", "POST", "/", {}, b"Action=Nothing", {}) is None
