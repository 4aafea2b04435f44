"""The restate Lambda: ``{"job": "audit/runs/<run>/jobs/<n>.json"}``, partitions that the auditor wants made again."""

from __future__ import annotations

from typing import Any

from processing.restating.job import restate_job
from processing.runtime import build_runtime


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The counts. A failure is an error of the function, which the state machine retries."""
    services, finish = build_runtime()
    try:
        return restate_job(services, str(event["job"]))
    finally:
        finish()
