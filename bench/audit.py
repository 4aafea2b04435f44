"""Time to find what is missing: from key columns in memory to findings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.options import Options
from bench.race import Contestant, race
from bench.record import Record

MINUTES, DAYS = 390, 5
SHARE = 0.001  # of the points is missing
WORK = "bench.audit"


def prepared(entities: int) -> tuple[Any, Any, list[Any]]:
    """The feed, its calendar, and the key columns of each entity's partition, a thousandth of the points left out."""
    import numpy as np
    import pyarrow as pa

    from auditor.windows import windows_between
    from core.authoring.calendars import trading_calendar
    from core.contract.model import Entity, Feed, Provider, SourceTable
    from core.feeds.grid import expected_slots

    calendar = trading_calendar("XNYS", first=dt.date(2026, 11, 1), last=dt.date(2026, 11, 30))
    provider = Provider("finnhub")
    names = tuple(Entity(f"SYM{number:05d}") for number in range(entities))
    table = SourceTable("ticks", ("symbol", "minute"), ())
    feed = Feed(provider, provider, "", 60, "XNYS", "symbol", "minute", names, 180, 7200, 60, table)
    start = int(dt.datetime(2026, 11, 16, tzinfo=dt.UTC).timestamp())
    windows = windows_between(feed, calendar, start, start + DAYS * 86_400)
    slots = expected_slots(calendar, every=60, start=start, end=start + DAYS * 86_400)
    assert len(slots) == MINUTES * DAYS
    random = np.random.default_rng(7)
    partitions = []
    for bucket in range(64):
        numbers = np.arange(bucket, entities, 64)
        keep = random.random((len(numbers), len(slots))) >= SHARE
        rows, places = np.nonzero(keep)
        codes = pa.DictionaryArray.from_arrays(
            pa.array(rows.astype(np.int32)), pa.array([names[number].name for number in numbers])
        )
        minutes = pa.array(slots[places] * 1_000_000).cast(pa.timestamp("us"))
        provenance = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int32)), pa.array(["observed"]))
        partitions.append((codes, minutes, provenance))
    return (feed, calendar), windows, partitions


def ours(*, entities: int, texts: bool = False, threads: int) -> Callable[[], Any]:  # noqa: ARG001
    """``texts``: entity and provenance as plain texts instead of dictionaries, as a reader may give them."""
    import pyarrow as pa

    from auditor.feeds.expect import expect
    from auditor.feeds.points import Coverage, missing_points

    (feed, calendar), windows, partitions = prepared(entities)
    if texts:
        partitions = [(a.cast(pa.string()), b, c.cast(pa.string())) for a, b, c in partitions]

    def run() -> Any:
        coverage = Coverage(expect(feed, calendar, windows))
        for codes, minutes, provenance in partitions:
            coverage.mark_present(codes, minutes, provenance)
        return missing_points("ticks", coverage), coverage.counts()

    return run


def audit_2m_points(options: Options) -> Record:
    """1,000 entities, five trading days: 1.95 million points. The details show ten times as many."""
    contestant = Contestant("ours", f"{WORK}:ours", {"entities": 1_000, "texts": True}, compared=False)
    result = race([contestant], threads=2, options=options)
    ten = race(
        [Contestant("ours", f"{WORK}:ours", {"entities": 10_000, "texts": True}, compared=False)],
        threads=2,
        options=replace(options, rounds=min(options.rounds, 3)),
    )
    return result.record(
        "audit_2m_points",
        points=1_000 * MINUTES * DAYS,
        ten_times_ms=round(ten.median("ours"), 1),
        ten_times_peak_mb=round(ten.peak_mb["ours"], 1),
    )


MEASURES: dict[str, Callable[[Options], Record]] = {"audit_2m_points": audit_2m_points}
