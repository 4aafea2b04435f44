"""Words of a provider in the headers of its answers: its clock, its limits, the next page. Pure.

A pause is told in ``Retry-After`` (seconds or a date, RFC 9110) or in one of the headers for a reset: seconds from
now, epoch seconds or milliseconds, with fractions or a date, for APIs agree on the name alone. 429 is a limit, and so
is 418 (Binance: an address that went on after a 429), and a 403 whose headers say that nothing remains (GitHub).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

_RESETS = ("X-Ratelimit-Reset", "Ratelimit-Reset", "X-Rate-Limit-Reset", "X-Ratelimit-Reset-After")
_REMAINING = ("X-Ratelimit-Remaining", "Ratelimit-Remaining", "X-Rate-Limit-Remaining")
_QUOTED = r'"(?:[^"\\]|\\.)*(?:"|$)'  # one that nothing ends goes to the end: no text is looked at twice
_LINK = re.compile(rf'<([^<>]*)>((?:[^",]|{_QUOTED})*)')  # the target, and its parameters
_PARAMETER = re.compile(rf';\s*([^\s=;"]+)(?:\s*=\s*({_QUOTED}|[^\s;"]*))?')
_AGE = re.compile(r"[0-9]{1,9}")
_OLDEST = 366 * 86_400  # seconds: no cache keeps an answer for longer (RFC 2616, 14.21); some write an epoch
_CLOCKS_DIFFER = 2  # seconds, of machines that are set by NTP
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = 1e9, 1e11  # smaller numbers are seconds from now


def is_limit(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says that we called too often."""
    if status in (429, 418):
        return True
    remaining = next((headers[name].strip() for name in _REMAINING if name in headers), "")
    return status == 403 and (remaining == "0" or "Retry-After" in headers)


def requested_pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds until the provider takes calls again, None where it names none. ``now`` is its own clock if known."""
    pauses = (_pause(headers.get(name, "").strip(), now) for name in ("Retry-After", *_RESETS))
    return next((pause for pause in pauses if pause is not None), None)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """As ``requested_pause``, by ``Retry-After`` alone: some APIs tell the reset of a plan with every answer."""
    return _pause(headers.get("Retry-After", "").strip(), now)


def _pause(text: str, now: datetime) -> float | None:
    try:
        number = float(text)
    except ValueError:
        instant = _date(text)
        return max(0.0, (instant - now).total_seconds()) if instant else None
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _EPOCH_SECONDS:
        seconds = number / 1000 if number >= _EPOCH_MILLISECONDS else number
        return max(0.0, seconds - now.timestamp())
    return number


def _date(text: str) -> datetime | None:
    """An HTTP date, or an ISO one."""
    instant = _http_date(text)
    if instant is None:
        try:
            instant = datetime.fromisoformat(text)
            return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None
    return instant


@lru_cache(maxsize=64)  # the answers of a second have one date, which is read of each of them several times
def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def provider_clock(headers: Mapping[str, str]) -> datetime | None:
    """The HTTP ``Date`` header; None where it is missing or no date."""
    return _http_date(headers.get("Date", ""))


def made_at(headers: Mapping[str, str], came_at: datetime | None = None) -> datetime | None:
    """When the answer was made, by the provider's clock: ``Date``, less the time that it lay in caches (``Age``).

    RFC 9111 (4.2.3): an answer is as old as ``Date`` says or as ``Age`` says, whichever is more. A cache that keeps the
    ``Date`` of the answer's origin tells its age twice, one that writes its own only by ``Age``; which of them it is,
    the machine's clock at its coming (``came_at``) tells. Where nobody knows that, it is the earlier one.
    """
    clock = provider_clock(headers)
    age = _age(headers.get("Age", ""))
    if clock is None or not age:
        return clock
    try:
        earliest = clock - timedelta(seconds=age)
        if came_at is None:
            return earliest
        if (came_at - clock).total_seconds() >= age - _CLOCKS_DIFFER:
            return clock
        return min(clock, max(earliest, came_at.replace(microsecond=0) - timedelta(seconds=age)))
    except OverflowError:
        return clock


def _age(text: str) -> int:
    """Seconds, of several the first (RFC 9111, 5.1); 0 where it is no number of seconds or more than a year."""
    first = text.partition(",")[0].strip()
    return int(first) if _AGE.fullmatch(first) and int(first) <= _OLDEST else 0


def next_link(link_header: str) -> str:
    """The URL that a Link header calls the next page; empty where it names none.

    Read by the grammar of RFC 8288: quoted text may hold whatever else separates, and neither the names of parameters
    nor the words of ``rel`` know capitals.
    """
    for target, parameters in _LINK.findall(link_header):
        relations = (_unquoted(value) for name, value in _PARAMETER.findall(parameters) if name.lower() == "rel")
        if "next" in next(relations, "").lower().split():
            return str(target).strip()
    return ""


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value.strip("\"'"))
