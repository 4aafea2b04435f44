"""Instants as an API writes them, in its URLs and in its records. Pure.

A form is ``iso`` (with an offset or ``Z``; without one it is of the zone), ``iso_local`` (never an offset), ``date``,
one of the epochs, or a pattern of ``strftime`` such as ``%Y%m%d%H``. Python's documentation of ``datetime`` is the
source of the patterns, the IANA database (``tzdata``) of the zones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Literal

from core.time import format_second, zone_of

Unit = Literal["second", "minute", "hour", "day", "month", "year"]
EPOCHS = {
    "epoch_seconds": 1,
    "epoch_milliseconds": 1_000,
    "epoch_microseconds": 1_000_000,
    "epoch_nanoseconds": 1_000_000_000,
}
NAMED = ("iso", "iso_local", "date", *EPOCHS)
_PATTERNS = {"iso_local": "%Y-%m-%dT%H:%M:%S", "date": "%Y-%m-%d"}
_DIGITS_OF_AN_INSTANT = 20  # beyond every epoch; a number of a billion digits would be written out
_HOUR = timedelta(hours=1)
_OFFSET = r"(Z|[+-]\d\d:?(?:\d\d)?)?"
_END_OF_DAY = re.compile(rf"(.{{8,10}}[T ])24(:?00(?::?00(?:[.,]0+)?)?)?{_OFFSET}")
_LEAP_SECOND = re.compile(r"(.{8,10}[T ]\d\d:?\d\d:?)60((?:[.,]\d+)?(?:Z|[+-]\d\d:?(?:\d\d)?)?)")
_MOST_REPEATED = 3  # hours that a clock has ever been set back by
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# An instant at which no part of a date or a time is the smallest that it can be, and the same with one part moved.
_TRIAL = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
_EVENING = datetime(2026, 11, 20, 17, 6, 7, tzinfo=UTC)
_MOVED: dict[Unit, datetime] = {
    "second": _TRIAL.replace(second=8),
    "minute": _TRIAL.replace(minute=7),
    "hour": _TRIAL.replace(hour=6),
    "day": _TRIAL.replace(day=5),
    "month": _TRIAL.replace(month=4),
    "year": _TRIAL.replace(year=2027),
}
_SMALLEST: dict[Unit, dict[str, int]] = {
    "second": {"microsecond": 0},
    "minute": {"microsecond": 0, "second": 0},
    "hour": {"microsecond": 0, "second": 0, "minute": 0},
    "day": {"microsecond": 0, "second": 0, "minute": 0, "hour": 0},
    "month": {"microsecond": 0, "second": 0, "minute": 0, "hour": 0, "day": 1},
    "year": {"microsecond": 0, "second": 0, "minute": 0, "hour": 0, "day": 1, "month": 1},
}


class NoTime(ValueError):
    """A value that is no instant of the form."""


@dataclass(frozen=True)
class TimeForm:
    """One way of writing instants; texts without an offset are of ``zone``, an IANA name."""

    name: str
    zone: str = "UTC"

    @cached_property
    def unit(self) -> Unit:
        """The finest part that the form tells: what is smaller is lost in a URL."""
        if self.name in EPOCHS or self.name == "iso":
            return "second"
        written = self._plain(_TRIAL)
        return next((unit for unit, moved in _MOVED.items() if self._plain(moved) != written), "year")

    def write(self, instant: datetime) -> str:
        """The instant, cut to the form's unit."""
        if self.name == "iso":
            return format_second(instant)
        if self.name in EPOCHS:
            return str(int(instant.timestamp()) * EPOCHS[self.name])
        return self._plain(instant.astimezone(zone_of(self.zone)))

    def read(self, value: object) -> datetime:
        """The instant, in UTC. Raises ``NoTime``: for a wall clock's hour that comes twice or never, too."""
        try:
            return self._epoch(value) if self.name in EPOCHS else self._text(value)
        except OverflowError:  # the last evening of the calendar, west of Greenwich
            raise NoTime(f"{value!r} is no instant of UTC's calendar") from None

    def floor(self, instant: datetime, unit: Unit | None = None) -> datetime:
        """The start of the unit (the form's own, unless told) that the instant lies in, by the zone's clock."""
        local = instant.astimezone(zone_of(self.zone))
        start = local.replace(**_SMALLEST[unit or self.unit])  # type: ignore[arg-type]
        return _first_of(start.replace(tzinfo=None, fold=0), self.zone) if _is_day(unit or self.unit) else _utc(start)

    def after(self, instant: datetime, unit: Unit | None = None) -> datetime:
        """The start of the next unit."""
        step = unit or self.unit
        if not _is_day(step):
            seconds = {"second": 1, "minute": 60, "hour": 3600}[step]
            return self.floor(instant, step) + timedelta(seconds=seconds)
        days = {"day": 1, "month": 31, "year": 366}[step]
        later = self.floor(instant, step).astimezone(zone_of(self.zone)).replace(tzinfo=None) + timedelta(days=days)
        return _first_of(later.replace(**_SMALLEST[step]), self.zone)  # type: ignore[arg-type]

    def is_told(self, instant: datetime) -> bool:
        """Whether the text of this instant is of this hour alone, and not of the one that the clock repeats."""
        if self.name == "iso" or self.name in EPOCHS or _is_day(self.unit) or "%z" in self.name:
            return True
        wall = instant.astimezone(zone_of(self.zone)).replace(tzinfo=None, fold=0)
        return len(_instants(wall, self.zone)) == 1

    def told_before(self, instant: datetime) -> datetime:
        """The instant, or the nearest one before it that its text tells."""
        return self._nearest(instant, -_HOUR)

    def told_after(self, instant: datetime) -> datetime:
        """The instant, or the nearest one after it that its text tells."""
        return self._nearest(instant, _HOUR)

    def _nearest(self, instant: datetime, step: timedelta) -> datetime:
        for _ in range(_MOST_REPEATED):
            if self.is_told(instant):
                break
            instant += step
        return instant

    def _plain(self, local: datetime) -> str:
        return local.strftime(_PATTERNS.get(self.name, self.name))

    def _epoch(self, value: object) -> datetime:
        number = _number(value)
        if number is None:
            raise NoTime(f"{value!r} is no epoch number")
        if abs(number.adjusted()) > _DIGITS_OF_AN_INSTANT:
            raise NoTime(f"{value!r} is no instant")
        try:
            return _EPOCH + timedelta(microseconds=int(number * 1_000_000 / EPOCHS[self.name]))
        except OverflowError:
            raise NoTime(f"{value!r} is no instant") from None

    def _text(self, value: object) -> datetime:
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and "%" in self.name:
            value = str(value)  # 20261120 for %Y%m%d
        if not isinstance(value, str):
            raise NoTime(f"{value!r} is no {self._described}")
        try:
            wall = datetime.fromisoformat(value) if self.name == "iso" else self._parsed(value)
        except ValueError:
            wall = self._beyond(value)
        if wall.tzinfo is not None:
            return wall.astimezone(UTC)
        if _is_day(self.unit):
            return _first_of(wall, self.zone)
        instants = _instants(wall, self.zone)
        if len(instants) != 1:
            times = "comes twice" if instants else "never comes"
            raise NoTime(f"{value!r} is a time that {times} by the clocks of {self.zone}")
        return instants[0]

    def _beyond(self, value: str) -> datetime:
        """A time that ends a day (24:00, ISO 8601) as the next midnight, and a leap second as the one behind it.

        Raises ``NoTime``.
        """
        try:
            if self.name == "iso":
                if match := _END_OF_DAY.fullmatch(value):
                    return datetime.fromisoformat(f"{match[1]}00{match[2] or ''}{match[3] or ''}") + timedelta(days=1)
                if match := _LEAP_SECOND.fullmatch(value):
                    return datetime.fromisoformat(f"{match[1]}59{match[2]}") + timedelta(seconds=1)
            elif "%H" in self._pattern:
                return self._beyond_pattern(value)
        except ValueError:
            pass
        raise NoTime(f"{value!r} is no {self._described}")

    def _beyond_pattern(self, value: str) -> datetime:
        """The same of a pattern. Raises ``ValueError``."""
        pattern = self._pattern
        try:
            midnight = pattern.replace("%H", "24").replace("%M", "00").replace("%S", "00")
            return datetime.strptime(value, midnight) + timedelta(days=1)  # noqa: DTZ007 the zone comes after
        except ValueError:
            if "%S" not in pattern:
                raise
            return datetime.strptime(value, pattern.replace("%S", "60")) + timedelta(minutes=1)  # noqa: DTZ007

    @property
    def _pattern(self) -> str:
        return _PATTERNS.get(self.name, self.name)

    def _parsed(self, value: str) -> datetime:
        return datetime.strptime(value, _PATTERNS.get(self.name, self.name))  # noqa: DTZ007 the zone comes after

    @property
    def _described(self) -> str:
        return "ISO 8601 text" if self.name == "iso" else f"text of the form {_PATTERNS.get(self.name, self.name)}"


def check_form(name: str) -> str:
    """The problem of a form's name; empty where it is one."""
    if name in NAMED:
        return ""
    if "%" not in name:
        return f"{name!r} is no form of time"
    if "%Y" not in name and "%y" not in name:
        return f"{name!r} tells no year"
    try:
        form = TimeForm(name)
        if all(form.read(form.write(instant)) == form.floor(instant) for instant in (_TRIAL, _EVENING)):
            return ""
    except ValueError as error:
        return f"{name!r} cannot be read back ({error})"
    return f"{name!r} does not tell an instant: it reads another one than it wrote (%I needs %p, %M needs %H)"


def _is_day(unit: Unit) -> bool:
    return unit in ("day", "month", "year")


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _utc(local: datetime) -> datetime:
    return local.astimezone(UTC)


def _instants(wall: datetime, zone: str) -> list[datetime]:
    """The instants at which the zone's clocks show this time: one, two or none, in order."""
    instants: list[datetime] = []
    for fold in (0, 1):
        instant = _utc(wall.replace(tzinfo=zone_of(zone), fold=fold))
        if instant.astimezone(zone_of(zone)).replace(tzinfo=None, fold=0) == wall and instant not in instants:
            instants.append(instant)
    return sorted(instants)


def _first_of(wall: datetime, zone: str) -> datetime:
    """The first instant of a day: its midnight, the earlier of two, or where the clocks leap over it, the leap."""
    instants = _instants(wall, zone)
    if instants:
        return instants[0]
    # Within a gap the two readings lie on its two sides by the gap's length: their later wall clock is its end.
    before, after = (_utc(wall.replace(tzinfo=zone_of(zone), fold=fold)) for fold in (1, 0))
    return _change(min(before, after), max(before, after), zone)


def _change(low: datetime, high: datetime, zone: str) -> datetime:
    """The second between two instants at which the zone's offset changes."""
    first = low.astimezone(zone_of(zone)).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        is_before = middle.astimezone(zone_of(zone)).utcoffset() == first
        low, high = (middle, high) if is_before else (low, middle)
    return high
