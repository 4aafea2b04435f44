"""The page at the size that it has to bear: thirty days of a thousand entities by the minute, in ten feeds."""

from __future__ import annotations

import re
import time
from typing import Any
from unittest import mock

from tests.chaos.run import Options, Result
from tests.support import pages as planted_pages

from auditor.page.coverage import FeedView, shape_feed
from auditor.page.document import pages

MOST_BYTES, MOST_SECONDS = 1_000_000, 3.0  # of the first file, of CPU
SHARES = (0.0005, 0.01)  # of the points that are late, repaired, absent or missing


def run(options: Options) -> Result:
    """Make the page of each share; what is planted is no part of the time."""
    figures: dict[str, Any] = {}
    faults: list[str] = []
    for share in SHARES:
        spent = 0.0

        def timed(*given: Any, **named: Any) -> FeedView | None:
            nonlocal spent
            began = time.process_time()
            view = shape_feed(*given, **named)
            spent += time.process_time() - began
            return view

        with mock.patch.object(planted_pages, "shape_feed", timed):
            report = planted_pages.large(noise=share)
        began = time.process_time()
        first, *beside = pages(report, "page.html").values()
        spent += time.process_time() - began
        size = len(first.encode())
        names = {row.name for feed in report.feeds for row in feed.rows}
        unreachable = sorted(name for name in names if not re.search(f'"{name}"', first))
        figures[f"share_{share}"] = {
            "entities": len(names),
            "points": sum(feed.total.expected for feed in report.feeds),
            "gaps": sum(feed.gap_count for feed in report.feeds),
            "tables": len(report.tables),
            "first_file_bytes": size,
            "files_beside": len(beside),
            "bytes_beside": sum(len(text.encode()) for text in beside),
            "cpu_seconds": round(spent, 2),
        }
        faults += [f"share {share}: the first file has {size:,} bytes"] if size > MOST_BYTES else []
        faults += [f"share {share}: it took {spent:.2f} s of CPU"] if spent > MOST_SECONDS else []
        faults += [f"share {share}: {name} is not on the page" for name in unreachable]
    return Result(figures, faults)


RUNS = {"page_at_scale": run}
