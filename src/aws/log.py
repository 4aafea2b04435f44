"""The log of a function: one line of JSON for each message, which CloudWatch Logs takes from its output."""

from __future__ import annotations

from typing import cast

from aws_lambda_powertools import Logger

from core.ports import Log


def function_log(service: str | None = None) -> Log:
    """The log of a service; unnamed, it is ``POWERTOOLS_SERVICE_NAME``'s."""
    return cast(Log, Logger(service=service))  # its methods take fields, and more than the port's do
