"""Calls of the check function, which alone talks to the databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws.functions import invoke
from core.errors import PipelineBug, TransientFailure


class SourceFunction:
    """``auditor.services.AskSource`` over Lambda. Every failure is a ``TransientFailure``."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def __call__(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = invoke(self._client, self._name, question)
        except PipelineBug as error:
            raise TransientFailure("ask the source", self._name, error.problem, error.remedy) from error
        return answer
