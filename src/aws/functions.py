"""Calling deployed functions, and asking what they are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws.failures import reaching
from core.errors import PipelineBug


def invoke(client: Any, name: str, event: Mapping[str, Any]) -> Any:
    """The function's answer. Raises ``PipelineBug`` with its own words where it failed."""
    with reaching("invoke function", name):
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        body = answer["Payload"].read()
    told = json.loads(body) if body else None
    if answer.get("FunctionError"):
        error = told if isinstance(told, dict) else {}
        problem = f"{error.get('errorType', 'failed')}: {error.get('errorMessage', told)}"
        raise PipelineBug("invoke function", name, problem, f"Look at its log: /aws/lambda/{name}")
    return told


def environment_of(client: Any, name: str) -> Mapping[str, str]:
    """The environment variables that a function is given."""
    with reaching("describe function", name):
        found = client.get_function_configuration(FunctionName=name)
    return dict(found.get("Environment", {}).get("Variables", {}))
