"""Finnhub's client: a quote as it is now, and candles of the past.

Its API: an unknown symbol is answered with 200 and zeros; a quote's ``t`` has meant request time and last
trade, so it is kept but never a key; a candle's ``t`` is the start of its interval; ``from`` and ``to`` are inclusive
epoch seconds; intraday calls span at most a month. The token travels in the header ``X-Finnhub-Token``.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.feeds.providers import FINNHUB_RESOLUTIONS
from core.time import at_epoch
from ingestion.providers.answers import Answer, Broken, Data, NoData, Point
from ingestion.providers.exact_json import is_number
from ingestion.providers.web import Reply, Web

URL = "https://finnhub.io/api/v1"
TOKEN_HEADER = "X-Finnhub-Token"
CALLS_PER_SECOND = 30  # of every plan, beside the plan's calls a minute
LAST_INSTANT = 253_402_300_799  # year 9999
_CANDLE = ("o", "h", "l", "c", "v")


class Finnhub:
    """The provider for one cadence, ``every`` seconds (a key of ``FINNHUB_RESOLUTIONS``)."""

    def __init__(self, web: Web, *, every: int) -> None:
        self._web = web
        self._every = every
        self._resolution = FINNHUB_RESOLUTIONS[every]

    def live(self, entity: str) -> Answer:
        reply = self._web.get("/quote", {"symbol": entity})
        return _quote(reply) if isinstance(reply, Reply) else reply

    def history(self, entity: str, start: datetime, end: datetime) -> Answer:
        first, last = int(start.timestamp()), int(end.timestamp()) - 1
        query = {"symbol": entity, "resolution": self._resolution, "from": str(first), "to": str(last)}
        reply = self._web.get("/stock/candle", query)
        return _candles(reply, first, last, self._every) if isinstance(reply, Reply) else reply


def _quote(reply: Reply) -> Answer:
    quote = reply.document
    if not isinstance(quote, dict) or not is_number(quote.get("c")) or not _is_instant(quote.get("t")):
        return Broken("no quote", reply.evidence)
    if quote["c"] <= 0:
        return Broken("zeros instead of prices: the symbol is unknown", reply.evidence)
    if reply.provider_time is None:
        return Broken("no Date header, so nobody knows which minute this is", reply.evidence)
    traded = at_epoch(quote["t"])
    return Data((Point(traded, {**quote, "t": traded}),), reply.provider_time, reply.evidence)


def _candles(reply: Reply, first: int, last: int, every: int) -> Answer:
    answer, evidence = reply.document, reply.evidence
    if not isinstance(answer, dict) or answer.get("s") not in ("ok", "no_data"):
        return Broken("no candles", evidence)
    if answer["s"] == "no_data":
        return NoData(evidence)
    times = answer.get("t")
    columns = {name: answer[name] for name in _CANDLE if name in answer}
    if not isinstance(times, list) or any(not isinstance(column, list) for column in columns.values()):
        return Broken("candles without arrays", evidence)
    if not times:
        return NoData(evidence)
    if any(len(column) != len(times) for column in columns.values()) or len(columns) != len(_CANDLE):
        return Broken("candle arrays of different lengths", evidence)
    return _points(times, columns, reply, first, last, every)


def _points(
    times: list[int], columns: dict[str, list[Decimal]], reply: Reply, first: int, last: int, every: int
) -> Answer:
    evidence = reply.evidence
    if not all(_is_instant(t) for t in times):
        return Broken("candle times that are no whole seconds", evidence)
    if any(not first <= t <= last for t in times):
        return Broken("candles of another interval than asked for", evidence)
    if any(t % every for t in times) or len(set(times)) != len(times):
        return Broken("candles of another resolution than asked for", evidence)
    for name, values in columns.items():
        if not all(is_number(v) and (v > 0 or (name == "v" and v == 0)) for v in values):
            return Broken(f"candles without a price ({name})", evidence)
    if reply.provider_time is None:
        return Broken("no Date header", evidence)
    points = tuple(
        Point(at_epoch(t), {"t": at_epoch(t), **{name: values[row] for name, values in columns.items()}})
        for row, t in enumerate(times)
    )
    return Data(points, reply.provider_time, evidence)


def _is_instant(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_INSTANT
