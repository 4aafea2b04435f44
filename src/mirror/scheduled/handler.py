"""The mirror Lambda: a schedule asks for every table, and the queue that it sends to hands out one table at a time."""

from __future__ import annotations

from typing import Any

from aws.cold_start import keep_pandas_out
from mirror.scheduled.runtime import build_runtime

keep_pandas_out()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """As ``MirrorRuntime.answer``: the ids of the messages that failed, or the number of tables that were asked for."""
    return build_runtime().answer(event)
