"""Deployed Lambda functions: invoke one, read its environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws.failures import reaching
from core.errors import PipelineBug


def invoke(client: Any, name: str, event: Mapping[str, Any]) -> Any:
    """Call a function and wait for its answer. Raises ``PipelineBug`` with its own message where it failed."""
    with reaching("invoke function", name):
        response = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        body = response["Payload"].read()
    answer = json.loads(body) if body else None
    if response.get("FunctionError"):
        error = answer if isinstance(answer, dict) else {}
        problem = f"{error.get('errorType', 'failed')}: {error.get('errorMessage', answer)}"
        raise PipelineBug("invoke function", name, problem, f"Look at its log: /aws/lambda/{name}")
    return answer


def environment_of(client: Any, name: str) -> Mapping[str, str]:
    """The environment variables of a function."""
    with reaching("describe function", name):
        configuration = client.get_function_configuration(FunctionName=name)
    return dict(configuration.get("Environment", {}).get("Variables", {}))
