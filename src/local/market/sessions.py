"""Trading sessions: the minutes in which the market trades."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Sequence

Span = tuple[dt.datetime, dt.datetime]
MINUTES_PER_DAY = 1_440


class Sessions:
    """Trading sessions [open, close), aware; ``None``: it always trades, and each UTC day is a session."""

    def __init__(self, spans: Sequence[Span] | None = None) -> None:
        self._spans = None if spans is None else sorted((minute_of(start), minute_of(end)) for start, end in spans)

    @property
    def always_open(self) -> bool:
        """Whether trading never stops."""
        return self._spans is None

    def is_open(self, minute: int) -> bool:
        if self._spans is None:
            return True
        session = self._at_or_before(minute)
        return session is not None and minute < session[1]

    def latest(self, minute: int) -> tuple[int, int] | None:
        """First minute of the session that trades now or traded last, and its last traded minute up to now."""
        if self._spans is None:
            return minute - minute % MINUTES_PER_DAY, minute
        session = self._at_or_before(minute)
        return None if session is None else (session[0], min(minute, session[1] - 1))

    def _at_or_before(self, minute: int) -> tuple[int, int] | None:
        spans = self._spans or ()
        place = bisect.bisect_right(spans, minute, key=lambda span: span[0])
        return spans[place - 1] if place else None


def minute_of(at: dt.datetime) -> int:
    """Minutes since the epoch, rounded down."""
    return int(at.timestamp()) // 60


def sessions_of(calendar: str, first: dt.date, last: dt.date) -> list[Span]:
    """The sessions of an exchange, half days included. Slow (it loads pandas): ask once."""
    import exchange_calendars

    schedule = exchange_calendars.get_calendar(calendar, start=first, end=last).schedule
    return [
        (opens.to_pydatetime(), closes.to_pydatetime())
        for opens, closes in zip(schedule["open"], schedule["close"], strict=True)
    ]
