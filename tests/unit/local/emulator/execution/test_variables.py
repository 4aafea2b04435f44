"""Variables of a function: which of the same name wins."""

from __future__ import annotations

import pytest

from local.emulator.execution.variables import function_variables


def test_a_functions_own_endpoint_wins_and_lambdas_names_are_lambdas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    own = {"AWS_ENDPOINT_URL": "http://own", "AWS_ACCESS_KEY_ID": "own", "_HANDLER": "own", "NUMBER": "1"}
    variables = function_variables(
        {"FunctionName": "f", "Handler": "index.handler", "Environment": {"Variables": own}},
        region="eu-south-1",
        credentials={"AWS_ACCESS_KEY_ID": "role"},
        endpoint="http://emulator",
        task="/var/task",
        version="3.12",
    )
    expected = {
        "AWS_ENDPOINT_URL": "http://own", "AWS_ACCESS_KEY_ID": "role", "_HANDLER": "index.handler", "NUMBER": "1",
        "AWS_DEFAULT_REGION": "eu-south-1", "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    assert expected.items() <= variables.items()
