"""Calls of the functions that the auditor asks: check, which alone talks to the databases, and restate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws.functions import invoke
from core.errors import PipelineBug, TransientFailure


class SourceFunction:
    """``auditor.services.AskSource`` and ``AskProcessing`` over Lambda. Every failure is a ``TransientFailure``."""

    def __init__(self, client: Any, name: str, operation: str = "ask the source") -> None:
        self._client = client
        self._name = name
        self._operation = operation

    def __call__(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = invoke(self._client, self._name, question)
        except PipelineBug as error:
            raise TransientFailure(self._operation, self._name, error.problem, error.remedy) from error
        return answer
