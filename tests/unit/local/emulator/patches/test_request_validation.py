"""What the services' models forbid, refused by the emulator in the words of each service's protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.unit.local.emulator.functions import ROLE, archive

from local.emulator import Emulator
from local.emulator.process import LOG
from local.emulator.requests.constraints import REFUSED

pytestmark = pytest.mark.emulator

Refusal = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def refusal(session: boto3.Session) -> Refusal:
    """Code and message of what a call is refused with, which the SDK does not check before."""

    def refused(service: str, operation: str, **parameters: Any) -> tuple[str, str]:
        client = session.client(service, config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**parameters)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return refused


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "constraint"),
    [
        ("kinesis", "create_stream", {"StreamName": "a b"}, "ValidationException", "pattern: [a-zA-Z0-9_.-]+"),
        ("ssm", "put_parameter", {"Name": "n", "Value": "v", "Type": "Text"}, "ValidationException", "enum value set"),
        ("sqs", "create_queue", {}, "InvalidParameterValue", "Member must not be null"),
        ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", "regular expression"),
        ("athena", "get_query_execution", {"QueryExecutionId": "q" * 129}, "InvalidRequestException", "length less"),
        ("iam", "get_role", {"RoleName": "r" * 65}, "ValidationError", "length less than or equal to 64"),
        ("scheduler", "get_schedule", {"Name": "a b"}, "ValidationException", "at 'name' failed"),
        ("lambda", "get_function", {"FunctionName": "a b"}, "ValidationException", "at 'functionName' failed"),
    ],
)
def test_a_value_that_the_model_forbids_is_refused(
    refusal: Refusal, service: str, operation: str, parameters: dict[str, Any], code: str, constraint: str
) -> None:
    told, message = refusal(service, operation, **parameters)
    assert told == code
    assert message.startswith("1 validation error detected: Value ")
    assert constraint in message


def test_a_refused_call_changes_nothing(session: boto3.Session, refusal: Refusal) -> None:
    refusal("kinesis", "create_stream", StreamName="s", ShardCount=0)
    assert session.client("kinesis").list_streams()["StreamNames"] == []


def test_a_function_is_refused_too(session: boto3.Session) -> None:
    code = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    return event"
    )  # fmt: skip
    with pytest.raises(ClientError, match="memorySize' failed to satisfy constraint: Member must have value less"):
        session.client("lambda").create_function(
            FunctionName="large", Runtime="python3.12", Role=ROLE, Handler="index.handler", MemorySize=40_000,
            Code={"ZipFile": archive({"index.py": code})},
        )  # fmt: skip


def test_what_keeps_to_the_model_reaches_the_service(session: boto3.Session) -> None:
    session.client("ssm").put_parameter(Name="/p/one", Value="v", Type="String")
    assert session.client("ssm").get_parameter(Name="/p/one")["Parameter"]["Value"] == "v"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        session.client("kinesis").describe_stream_summary(StreamName="nowhere")


def test_a_refusal_is_a_line_of_the_emulators_log(emulator: Emulator, refusal: Refusal) -> None:
    refusal("kinesis", "create_stream", StreamName="not told before", ShardCount=1)
    [line] = [
        line
        for line in (emulator.state_dir / LOG).read_text(encoding="utf-8").splitlines()
        if "not told before" in line
    ]
    assert f"{REFUSED}: kinesis.CreateStream: 1 validation error detected" in line
