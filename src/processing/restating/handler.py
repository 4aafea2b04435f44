"""The restate Lambda: makes partitions again for the auditor; ``{"job": "audit/runs/<run>/jobs/<n>.json"}``."""

from __future__ import annotations

from typing import Any

from processing.restating.job import restate_job
from processing.runtime import build_runtime


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the counts. A failure is an error of the function, which the state machine retries."""
    services, finish = build_runtime()
    try:
        return restate_job(services, str(event["job"]))
    finally:
        finish()
