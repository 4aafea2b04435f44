"""Outages of one cause told apart: a cause that is open mutes what it was told of, not what comes later elsewhere.

Pure.

What was told is kept by entity as spans of time. A span goes on where nothing was owed between the two; one on
another day, and every entity that was not named, is an outage of its own. Further spans of a day that was told are no
news.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from auditor.repairs.causes import Places
from core.time import epoch

MOST_SPANS = 10  # that are remembered of an entity, the oldest ones as one

NothingBetween = Callable[[int, int], bool]


def is_news(places: Places, mailed: Places, nothing_between: NothingBetween) -> bool:
    """Whether there is something among the places of a cause that nobody was told of."""
    return any(
        entity not in mailed or any(not _goes_on(span, mailed[entity], nothing_between) for span in spans)
        for entity, spans in places.items()
    )


def remember(places: Places, mailed: Places) -> dict[str, list[list[str]]]:
    """All that was told with these places, JSON-ready; of each entity the newest spans, and one of all older ones.

    Nothing that was told is forgotten, for it would be news in every audit.
    """
    known: dict[str, set[tuple[str, str]]] = {entity: {(s, e) for s, e in spans} for entity, spans in mailed.items()}
    for entity, spans in places.items():
        known.setdefault(entity, set()).update((start, end) for start, end in spans)
    return {entity: _newest(spans) for entity, spans in sorted(known.items())}


def _newest(spans: set[tuple[str, str]]) -> list[list[str]]:
    kept: list[list[str]] = []
    for start, end in sorted(sorted(spans, key=itemgetter(1), reverse=True), key=itemgetter(0)):
        if not kept or end > kept[-1][1]:  # a span that grew, or one among the oldest, is told
            kept.append([start, end])
    older, newest = kept[: 1 - MOST_SPANS], kept[1 - MOST_SPANS :]
    return [[older[0][0], older[-1][1]], *newest] if older else newest


def _goes_on(span: tuple[str, str], mailed: tuple[tuple[str, str], ...], nothing_between: NothingBetween) -> bool:
    start, end = span
    return any(
        start[:10] == first[:10]
        or (start <= last and first <= end)
        or (last <= start and nothing_between(epoch(last), epoch(start)))
        for first, last in mailed
    )
