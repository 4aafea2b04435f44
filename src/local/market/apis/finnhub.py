"""Finnhub's calls /api/v1/quote and /api/v1/stock/candle (resolutions of minutes), as its documentation has them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from local.market.apis.replies import BadRequest, Reply
from local.market.faults import Call, Fault
from local.market.prices import candle, candles, dollars
from local.market.sessions import MINUTES_PER_DAY, Sessions, minute_of

LISTED = frozenset(
    {"AAPL", "ADBE", "AMD", "AMZN", "CSCO", "GOOG", "IBM", "INTC", "META", "MSFT", "NFLX", "NVDA", "ORCL", "TSLA", "ZM"}
)
RESOLUTIONS = ("1", "5", "15", "30", "60")
_MADE_UP = re.compile(r"SIM\d{1,6}")  # as many more as a load test needs

PATHS = {"/api/v1/quote": "quote", "/api/v1/stock/candle": "candle"}
# "At most a month of intraday per call": the longest month.
LONGEST_SPAN = dt.timedelta(days=31)
_REFUSALS = {
    401: "Invalid API key.",
    403: "You don't have access to this resource.",
    429: "API limit reached. Please try again later. Remaining Limit: 0",
}


class Finnhub:
    """Quotes and candles computed from symbol, minute and seed, within the sessions that it is given."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self.sessions = Sessions()
        self._listed = set(LISTED)

    def list_symbols(self, symbols: Iterable[str]) -> None:
        self._listed.update(symbols)

    def knows(self, symbol: str) -> bool:
        return symbol in self._listed or _MADE_UP.fullmatch(symbol) is not None

    def call(self, endpoint: str, query: Mapping[str, str], now: dt.datetime) -> Call:
        """The parsed request; :class:`BadRequest` where its parameters are wrong."""
        symbol = query.get("symbol", "")
        if not symbol:
            raise BadRequest("Missing parameter: symbol")
        if endpoint == "quote":
            return Call(endpoint, symbol, now, now, now)
        if query.get("resolution") not in RESOLUTIONS:
            raise BadRequest(f"This simulator serves the resolutions {', '.join(RESOLUTIONS)}")
        try:
            first, last = (dt.datetime.fromtimestamp(int(query[name]), dt.UTC) for name in ("from", "to"))
        except (KeyError, ValueError, OverflowError):
            raise BadRequest("Invalid from or to: UNIX seconds wanted") from None
        if not dt.timedelta() <= last - first <= LONGEST_SPAN:
            raise BadRequest("Invalid from and to: at most one month of one-minute candles per call")
        return Call(endpoint, symbol, now, first, last, int(query["resolution"]))

    def answer(self, call: Call, twists: Sequence[Fault]) -> Reply:
        if call.endpoint == "quote":
            return self._quote(call.symbol, call.at, twists)
        return self._candles(call, twists)

    def refusal(self, status: int) -> Reply:
        return Reply.of({"error": _REFUSALS.get(status, "Internal error.")}, status)

    def _quote(self, symbol: str, now: dt.datetime, twists: Sequence[Fault]) -> Reply:
        kinds = {fault.kind: fault for fault in twists}
        if "wrong_interval" in kinds:
            now -= dt.timedelta(days=1)
        session = self.sessions.latest(minute_of(now))
        if session is None or not self.knows(symbol) or kinds.keys() & {"zeros", "no_data"}:
            return Reply.of({"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0})
        revision = kinds["revised"].revision if "revised" in kinds else 0
        opened, minute = session
        traded_now = minute == minute_of(now)
        day = candles(symbol, np.arange(opened, minute + 1), seed=self.seed, revision=revision)
        shown = day.candle(-1)
        current = shown.at_second(now.second) if traded_now else shown.close
        # Of the minute that still runs only what it has shown counts.
        over = len(day.open) - 1 if traded_now else len(day.open)
        lows, highs = np.append(day.low[:over], day.open[-1]), np.append(day.high[:over], day.open[-1])
        before = candle(symbol, opened - MINUTES_PER_DAY, seed=self.seed).close
        return Reply.of(
            {
                "c": current,
                "d": current - before,
                "dp": (100 * (current - before) / before).quantize(Decimal("0.0001")),
                "h": max(current, dollars(highs.max())),
                "l": min(current, dollars(lows.min())),
                "o": dollars(day.open[0]),
                "pc": before,
                "t": int(now.timestamp()) if traded_now else (minute + 1) * 60,
            }
        )

    def _candles(self, call: Call, twists: Sequence[Fault]) -> Reply:
        """Candles whose start lies in [from, to], of a session, and over by the market's clock."""
        kinds = {fault.kind: fault for fault in twists}
        step = call.minutes
        first, last = (
            -(-int(call.first.timestamp()) // (60 * step)) * step,
            minute_of(call.last) // step * step + step - 1,
        )
        if "wrong_interval" in kinds:
            first, last = first - MINUTES_PER_DAY, last - MINUTES_PER_DAY
        minutes = [
            m for m in range(first, min(last, minute_of(call.at) // step * step - 1) + 1) if self.sessions.is_open(m)
        ]
        for fault in twists:
            if fault.kind == "hole" and fault.covering is not None:
                start, end = fault.covering
                minutes = [m for m in minutes if not start <= dt.datetime.fromtimestamp(m * 60, dt.UTC) < end]
        if not minutes or not self.knows(call.symbol) or "no_data" in kinds:
            return Reply.of({"s": "no_data"})
        revision = kinds["revised"].revision if "revised" in kinds else 0
        rows = candles(call.symbol, np.array(minutes), seed=self.seed, revision=revision)
        starts, begin = np.unique(np.array(minutes) // step * step, return_index=True)
        columns: dict[str, list[Decimal] | list[int]] = {
            "c": [dollars(ticks) for ticks in rows.close[np.append(begin[1:], len(minutes)) - 1]],
            "h": [dollars(ticks) for ticks in np.maximum.reduceat(rows.high, begin)],
            "l": [dollars(ticks) for ticks in np.minimum.reduceat(rows.low, begin)],
            "o": [dollars(ticks) for ticks in rows.open[begin]],
        }
        if "zeros" in kinds:
            columns = {name: [0] * len(starts) for name in columns}
        volume = np.add.reduceat(rows.volume, begin).tolist()
        return Reply.of({**columns, "s": "ok", "t": [m * 60 for m in starts.tolist()], "v": volume})
