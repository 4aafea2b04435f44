"""Exchange calendars as plain segments, so that no Lambda needs the library that knows them.

exchange_calendars is the source of sessions, half days and holidays; its release is part of the calendar's version.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache

from core.contract.model import TradingCalendar

ALWAYS = "always"
FIRST_DAYS = (
    "weeks",
    "months",
    "quarters",
    "years",
)  # open on the first day of each, so that a day's cadence is theirs


def calendar_names() -> list[str]:
    """Every calendar that a contract may name."""
    import exchange_calendars

    return [ALWAYS, *FIRST_DAYS, *sorted(exchange_calendars.get_calendar_names(include_aliases=True))]


@cache
def known_until(name: str) -> dt.date | None:
    """The last day of which the library knows an exchange's holidays; None where it computes them for ever."""
    if name in (ALWAYS, *FIRST_DAYS):
        return None
    import exchange_calendars

    bound = type(exchange_calendars.get_calendar(name)).bound_max()
    return None if bound is None else bound.date()


def _first_days(name: str, first: dt.date, last: dt.date) -> Iterator[tuple[int, int]]:
    """The first day of each week (Monday), month, quarter or year: midnight to midnight, UTC."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = dt.date.fromordinal(ordinal)
        months = {"months": 1, "quarters": 3, "years": 12}.get(name)
        if (day.day == 1 and day.month % months == 1 % months) if months else day.weekday() == 0:
            start = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
            yield start, start + 86_400


@cache  # the library takes a third of a second for an exchange's years
def trading_calendar(name: str, *, first: dt.date, last: dt.date) -> TradingCalendar:
    """The segments in which ``name`` is open from the day ``first`` to the day ``last``, both whole (UTC).

    An exchange whose holidays the library knows no further is covered as far as it knows them. Raises ``ValueError``
    where it knows nothing of these days.
    """
    last = min(last, known_until(name) or last)
    if last < first:
        raise ValueError(f"its holidays are known until {last}")
    start = int(dt.datetime.combine(first, dt.time(), dt.UTC).timestamp())
    end = int(dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), dt.UTC).timestamp())
    if name == ALWAYS:
        return TradingCalendar(ALWAYS, ALWAYS, start, end, ((start, end),))
    if name in FIRST_DAYS:
        return TradingCalendar(name, name, start, end, tuple(_first_days(name, first, last)))
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    segments: list[tuple[int, int]] = []
    for row in calendar.schedule.itertuples():
        opens, closes = int(row.open.timestamp()), int(row.close.timestamp())
        if row.break_start == row.break_start and row.break_end == row.break_end:  # NaT is unequal to itself
            segments += [(opens, int(row.break_start.timestamp())), (int(row.break_end.timestamp()), closes)]
        else:
            segments.append((opens, closes))
    version = f"exchange_calendars {exchange_calendars.__version__}"
    return TradingCalendar(name, version, start, end, tuple(sorted(segments)))
