"""Finnhub's client: a quote as it is now, and candles of the past.

Its API: an unknown symbol is answered with 200 and zeros; a quote's ``t`` has meant request time and last
trade, so it is kept but never a key; a candle's ``t`` is the start of its interval; ``from`` and ``to`` are inclusive
epoch seconds; intraday calls span at most a month. The token travels in the header ``X-Finnhub-Token``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from core.feeds.calendar import slot_of
from core.feeds.providers import FINNHUB_RESOLUTIONS
from core.time import at_epoch
from ingestion.providers.answers import Answer, Broken, Data, NoData, Point, always
from ingestion.providers.reading.classify import PlainRules, Reply, classify
from ingestion.providers.reading.exact_json import is_number
from ingestion.providers.reading.slots import Record, fit
from ingestion.providers.transport.web import Web

URL = "https://finnhub.io/api/v1"
TOKEN_HEADER = "X-Finnhub-Token"
LAST_INSTANT = 253_402_300_799  # year 9999
_CANDLE = ("o", "h", "l", "c", "v")


class Finnhub:
    """The provider for one cadence, ``every`` seconds (a key of ``FINNHUB_RESOLUTIONS``).

    ``taken`` names the fields that columns take (None: all); the others of a candle are not looked at.
    """

    def __init__(self, web: Web, *, every: int, taken: Collection[str] | None = None) -> None:
        self._web = web
        self._every = every
        self._resolution = FINNHUB_RESOLUTIONS[every]
        self._columns = [name for name in _CANDLE if taken is None or name in taken]

    def live(self, entity: str) -> Answer:
        return self._live(entity, always)

    def live_all(self, entities: Sequence[str], *, turn: Callable[[], bool] = always) -> Mapping[str, Answer]:
        return {entity: self._live(entity, turn) for entity in entities}

    def _live(self, entity: str, turn: Callable[[], bool]) -> Answer:
        reply = self._ask("/quote", {"symbol": entity}, turn)
        return _quote(reply) if isinstance(reply, Reply) else reply

    def history(self, entity: str, start: datetime, end: datetime, *, turn: Callable[[], bool] = always) -> Answer:
        first, last = int(start.timestamp()), int(end.timestamp()) - 1
        query = {"symbol": entity, "resolution": self._resolution, "from": str(first), "to": str(last)}
        reply = self._ask("/stock/candle", query, turn, fresh=True)
        return self._candles(reply, start, end) if isinstance(reply, Reply) else reply

    def _ask(
        self, path: str, query: Mapping[str, str], turn: Callable[[], bool], *, fresh: bool = False
    ) -> Reply | Answer:
        answer = self._web.ask(path, query, turn=turn, fresh=fresh)
        return answer if isinstance(answer, Broken) else classify(answer, PlainRules())

    def _candles(self, reply: Reply, start: datetime, end: datetime) -> Answer:
        answer, evidence = reply.document, reply.evidence
        if not isinstance(answer, dict) or answer.get("s") not in ("ok", "no_data"):
            return Broken("no candles", evidence)
        if answer["s"] == "no_data":
            return NoData(evidence)
        times = answer.get("t")
        columns = {name: answer.get(name) for name in self._columns}
        if not isinstance(times, list) or any(not isinstance(column, list) for column in columns.values()):
            return Broken("candles without arrays", evidence)
        if any(len(column) != len(times) for column in columns.values() if isinstance(column, list)):
            return Broken("candle arrays of different lengths", evidence)
        rows = [{name: column[row] for name, column in columns.items() if column} for row in range(len(times))]
        records = [_candle(time, values) for time, values in zip(times, rows, strict=True)]
        if records and all(record.time is None for record in records):
            return Broken("candle times that are no whole seconds", evidence)
        clock = reply.made_at
        published = at_epoch(slot_of(clock.timestamp(), self._every)) if clock else None
        fitted = fit(records, start=start, end=end, every=self._every, published=published)
        if fitted.shifted:
            return Broken(f"{fitted.shifted}: candles of another time than asked for", evidence)
        if fitted.elsewhere:
            return Broken("candles of another interval than asked for", evidence)
        if fitted.is_nonsense:
            return Broken(fitted.bad[0].reason, evidence)
        if not fitted.points and not fitted.bad and not fitted.partial:
            return NoData(evidence)
        return Data(fitted.points, reply.provider_time, evidence, fitted.bad, partial=fitted.partial)


def _quote(reply: Reply) -> Answer:
    quote = reply.document
    if not isinstance(quote, dict) or not is_number(quote.get("c")) or not _is_instant(quote.get("t")):
        return Broken("no quote", reply.evidence)
    if quote["c"] <= 0:
        return Broken("zeros instead of prices: the symbol is unknown", reply.evidence)
    if reply.provider_time is None:
        return Broken("no Date header, so nobody knows which minute this is", reply.evidence)
    traded = at_epoch(quote["t"])
    clock, origin = reply.provider_time, reply.made_at
    point = Point(traded, {**quote, "t": traded})
    return Data((point,), clock, reply.evidence, slot_time=None if origin == clock else origin)


def _candle(time: object, values: dict[str, object]) -> Record:
    """A candle as a record: no price of it is zero, while a volume may be."""
    content = {"t": time, **values}
    if not isinstance(time, int) or not _is_instant(time):
        return Record(None, {}, content, "its time is no whole second")
    is_empty = bool(values) and all(value is None for value in values.values())
    spoilt = [
        name
        for name, value in values.items()
        if not is_number(value) or not (value > 0 or (name == "v" and value == 0))  # type: ignore[operator]
    ]
    reason = f"a candle without a price ({spoilt[0]})" if spoilt and not is_empty else ""
    return Record(at_epoch(time), {"t": at_epoch(time), **values}, content, reason, is_empty)


def _is_instant(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_INSTANT
