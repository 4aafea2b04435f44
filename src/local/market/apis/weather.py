"""An hourly weather service: another shape of API, for feeds that a contract alone describes.

``GET /v2/observations/{station}?start=..&end=..`` gives ``{"data": {"hourly": [{"time": "2026-11-20T14:00:00Z",
"temp": {"value": "12.3", "unit": "C"}, "humidity": {"value": "81", "unit": "%"}}]}}`` for the hours that start in
[start, end) and have begun; ``GET /v2/observations/{station}/latest`` gives ``{"data": {"latest": {...}}}`` of the hour
that it is. Times are ISO 8601, values are text. The key goes into the header ``X-Api-Key``. "No data" is an empty list,
or ``"latest": null``; an unknown station is 404.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from local.market.apis.replies import BadRequest, Reply
from local.market.faults import Call, Fault

STATIONS = frozenset({"EGCC", "EGLL", "EIDW", "EDDH", "LFLL", "KBOS"})
PATH = re.compile(r"/v2/observations/(?P<station>[^/]+?)(?P<latest>/latest)?")
HOUR = dt.timedelta(hours=1)
_TITLES = {401: "Unauthorized", 403: "Forbidden", 404: "Unknown station", 429: "Too many requests"}


class Weather:
    """Hourly observations computed from station, hour and seed."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed

    def knows(self, station: str) -> bool:
        return station in STATIONS

    def call(self, endpoint: str, query: Mapping[str, str], now: dt.datetime) -> Call:
        station = query["station"]
        if endpoint == "latest":
            return Call(endpoint, station, now, now, now)
        try:
            first, last = (dt.datetime.fromisoformat(query[name]) for name in ("start", "end"))
        except (KeyError, ValueError):
            raise BadRequest("start and end are wanted, in ISO 8601") from None
        if first.tzinfo is None or last.tzinfo is None:
            raise BadRequest("start and end need an offset, as in 2026-11-20T14:00:00Z")
        return Call(endpoint, station, now, first.astimezone(dt.UTC), last.astimezone(dt.UTC))

    def answer(self, call: Call, twists: Sequence[Fault]) -> Reply:
        kinds = {fault.kind: fault for fault in twists}
        if not self.knows(call.symbol):
            return self.refusal(404)
        shift = dt.timedelta(days=1) if "wrong_interval" in kinds else dt.timedelta()
        if call.endpoint == "latest":
            hour = start_of_hour(call.at - shift)
            return Reply.of(
                {"data": {"latest": None if "no_data" in kinds else self._record(call.symbol, hour, kinds)}}
            )
        hours = []
        hour = -(-(call.first - shift - _EPOCH) // HOUR) * HOUR + _EPOCH
        while hour < call.last - shift and hour <= call.at and "no_data" not in kinds:
            if not any(f.kind == "hole" and f.covering and f.covering[0] <= hour < f.covering[1] for f in twists):
                hours.append(self._record(call.symbol, hour, kinds))
            hour += HOUR
        return Reply.of({"data": {"hourly": hours}})

    def refusal(self, status: int) -> Reply:
        return Reply.of({"errors": [{"status": status, "title": _TITLES.get(status, "Server error")}]}, status)

    def _record(self, station: str, hour: dt.datetime, kinds: Mapping[str, Fault]) -> dict[str, Any]:
        degrees, percent = observation(station, hour, seed=self.seed)
        if "revised" in kinds:
            degrees += Decimal("0.1") * kinds["revised"].revision
        if "zeros" in kinds:
            degrees, percent = Decimal(0), 0
        return {
            "time": hour.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "temp": {"value": str(degrees), "unit": "C"},
            "humidity": {"value": str(percent), "unit": "%"},
        }


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def start_of_hour(at: dt.datetime) -> dt.datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def observation(station: str, hour: dt.datetime, *, seed: int = 0) -> tuple[Decimal, int]:
    """Degrees Celsius with one decimal place, and relative humidity in percent, of the hour that starts here."""
    text = f"{seed}/weather/{station}/{int(hour.timestamp()) // 3600}".encode()
    draw = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    draw, tenths = divmod(draw, 350)
    return Decimal(tenths - 80).scaleb(-1), 30 + draw % 70
