"""The restate Lambda: makes partitions again for the auditor, and shapes lines again for it to compare.

``{"job": "audit/runs/<run>/jobs/<n>.json"}``, or a question of ``core.landing.reshaping``.
"""

from __future__ import annotations

from typing import Any

from core.landing.reshaping import RESHAPE
from processing.restating.job import restate_job
from processing.restating.reshape import reshape_lines
from processing.runtime import build_runtime


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the counts, or the answer. A failure is an error of the function, which the state machine retries."""
    services, finish = build_runtime()
    try:
        if event.get("kind") == RESHAPE:
            return reshape_lines(services, event)
        return restate_job(services, str(event["job"]))
    finally:
        finish()
