"""Instants, as the pipeline reads and writes them: epoch seconds, aware datetimes, ISO 8601 texts in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# The time of change of a row that has a place in time lies from the first of these on and before the second, by any
# zone's clock. One that is null, before Christ or infinite is shown in the warehouse as the second, which is no time.
FIRST_PLACE, NO_PLACE = datetime(1, 1, 1), datetime(9999, 12, 30)  # noqa: DTZ001


def epoch(text: str) -> int:
    """Epoch seconds of an ISO 8601 text; without an offset it is UTC. Raises ``ValueError``."""
    instant = datetime.fromisoformat(text)
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


def iso(instant: int) -> str:
    """``2026-11-20T14:30:00Z``."""
    return format_second(datetime.fromtimestamp(instant, UTC))


def format_second(at: datetime) -> str:
    """``2026-11-20T14:30:00Z``: an aware instant, cut to the second; a year has four digits, as ISO 8601 wants it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def at_epoch(seconds: float) -> datetime:
    """The aware UTC instant of epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def format_instant(at: datetime) -> str:
    """``2026-11-20T14:30:00.000000Z``; a wall-clock time has no ``Z``."""
    if at.tzinfo is None:
        return at.isoformat(timespec="microseconds")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_athena_instant(text: str) -> datetime:
    """An instant in UTC as Athena casts it to text, ``2026-11-20 14:30:00.000`` or with `` UTC`` behind it."""
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


def parse_instant(text: str) -> datetime:
    """Read what ``format_instant`` wrote, or any other ISO 8601 text. Raises ``ValueError``."""
    at = datetime.fromisoformat(text)
    try:
        return at if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is in no year from 1 to 9999 of UTC") from error


@cache
def zone_names() -> frozenset[str]:
    """IANA's names of the zones that the functions carry; ``localtime``, another zone on each machine, is none."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name by the database that the functions carry, whatever the machine has of its own.

    Raises ``ZoneInfoNotFoundError`` for another name.
    """
    if name not in zone_names():
        raise ZoneInfoNotFoundError(name)
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)
