"""Small views of a feed, made by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

from cli.report.coverage import Column, Counts, FeedView, Gap, Row, Status, total
from cli.report.shape import Report

MADE = dt.datetime(2026, 11, 20, 17, 0, 5, tzinfo=dt.UTC)


def report_of(**parts: Any) -> Report:
    given = {"project": "starmend", "environment": "prod", "made_at": MADE}
    return Report(**given, start=MADE - dt.timedelta(hours=3), end=MADE, **parts)


def column(hour: str, status: Status = "unaudited", certificates: tuple[int, ...] = ()) -> Column:
    start = int(dt.datetime.fromisoformat(f"2026-11-20T{hour}").replace(tzinfo=dt.UTC).timestamp())
    return Column(start, start + 3600, 1, int(status == "certified"), status, certificates)


def feed_view(
    cells: tuple[Counts, ...],
    *,
    name: str = "AAPL",
    gaps: tuple[str, ...] = (),
    listed: tuple[Gap, ...] = (),
    columns: tuple[Column, ...] = (),
    rows: tuple[Row, ...] = (),
    **more: Any,
) -> FeedView:
    """A feed of one entity; the hours begin at 15:00."""
    made = columns or tuple(column(f"{15 + place}:00") for place in range(len(cells)))
    words = gaps or tuple("" for _ in cells)
    given: dict[str, Any] = {"certified": 0, "overdue": 0, "verdict": "incomplete"} | more
    return FeedView(
        dataset="quotes",
        table="fact_quote",
        every=60,
        unit="hour",
        columns=made,
        all=Row("all", cells, tuple("" for _ in cells)),
        rows=rows or (Row(name, cells, words),),
        entities=1,
        gaps=listed,
        gap_count=max(len(listed), int(total(cells).missing > 0)),
        windows=len(made),
        start=made[0].start,
        end=made[-1].end,
        **given,
    )
