"""The message of points that are due."""

from __future__ import annotations

import datetime as dt

from tests.fakes.queue import MemoryQueue

from core.time import epoch, iso
from ingestion.request.message import PointsDue, read_points_due

OPEN = "2026-11-20T14:30:00Z"


def test_a_message_comes_back_as_it_went() -> None:
    queue = MemoryQueue()
    due = PointsDue("quotes", epoch(OPEN), ("AAPL", "BRK.B"))
    queue.send([due.to_data()])
    assert read_points_due(queue.messages[0]) == due
    assert iso(due.slot) == OPEN
    assert dt.datetime.fromisoformat(iso(due.slot)).tzinfo is not None
