"""The page Lambda: a schedule has the page written anew every hour. It reads the lake and writes that page alone."""

from __future__ import annotations

from auditor.events import Json
from auditor.page.publish import publish_page
from auditor.runtime import build_runtime


def handle(event: Json, _context: object) -> Json:
    """Write the page; where it lies, and what it says."""
    runtime = build_runtime()
    return runtime.run(publish_page, event, environment=runtime.environment)
