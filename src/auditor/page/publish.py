"""Publishing of the page: read from the lake every hour and kept in it, for whoever may open it there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from auditor.page.document import pages
from auditor.page.reading.gather import gather
from auditor.page.reading.listings import ListedOnce
from auditor.page.reading.newest import newest_stored
from auditor.page.reading.sources import Range, Sources
from auditor.services import Services

FOLDER = "page/"
NAME = "report.html"
KEY = FOLDER + NAME
MOST_POINTS = 4_000_000  # characters within the page: whoever has a link to it has no way to what lies beside it


def publish_page(_event: object, services: Services, *, environment: str) -> dict[str, Any]:
    """Read the last seven days and write the page, the points beside it first; what it says, in a few words.

    A part that could not be read is told on the page and counted in ``unread``. Raises
    ``TransientFailure`` where the page could not be written: the one before stays.
    """
    services = replace(services, records=ListedOnce(services.records))
    span = Range.of(None, None, int(services.now().timestamp()))
    sources = Sources(services, newest=lambda tables: newest_stored(services, tables))
    report = gather(sources, span, project=services.project, environment=environment)
    for name, text in reversed(pages(report, NAME, most_points=MOST_POINTS).items()):
        kind = "text/html" if name == NAME else "text/javascript"
        services.records.write(FOLDER + name, text.encode(), content_type=f"{kind}; charset=utf-8")
    said = {
        "page": KEY,
        "verdict": report.banner.title,
        "complete": report.banner.complete,
        "unread": len(report.notes),
    }
    services.log.info("page written", **said)
    return said
