"""A provider that knows the truth of each point and answers as public APIs do on good and on bad days.

Shapes and failures are those of documented APIs: pages by a Link header or ``next`` (GitHub, weather.gov),
``no_data`` in the middle of an outage (Finnhub), nulls and ``"M"`` for missing (IEM, Open-Meteo), zeros for unknown
symbols (Finnhub), 418 and 429 within a 200 (Binance, Twelve Data), thinned-out history (CoinGecko), HTML with 404
(retired paths), answers without a ``Date``.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.scripted_server import Answer, Request

STEP = 600
PAGE = 5  # records of a page where answers are truncated

Record = dict[str, Any]


@dataclass
class Provider:
    """Prices of entities every ``step`` seconds. ``holes`` it never had, ``late`` are those that it has later.

    ``mood`` spoils history answers while it lasts, ``live_mood`` live ones; none is a good day. ``error`` gives history
    answers in good form the values of something else.
    """

    seed: int
    at: dt.datetime
    holes: set[tuple[str, int]] = field(default_factory=set)
    late: dict[tuple[str, int], int] = field(default_factory=dict)
    mood: str = ""
    live_mood: str = ""
    error: str = ""
    url: str = ""
    answers: int = 0
    step: int = STEP

    def __post_init__(self) -> None:
        self.clock = SimpleNamespace(set=self._set)
        self.draw = random.Random(self.seed)

    def _set(self, at: dt.datetime) -> None:
        self.at = at

    @property
    def now(self) -> int:
        return int(self.at.timestamp())

    def price(self, entity: str, slot: int) -> Decimal:
        """The truth: a price of its own for every point."""
        return Decimal(random.Random(f"{entity}/{slot}").randint(1, 10**8)).scaleb(-4)

    def has(self, entity: str, slot: int) -> bool:
        """Whether the provider has the point by now."""
        return (entity, slot) not in self.holes and self.late.get((entity, slot), 0) <= self.now

    def answer(self, request: Request) -> Answer:
        self.answers += 1
        parts = urlsplit(request.path)
        _, kind, entity = parts.path.split("/")
        date = format_datetime(self.at, usegmt=True)
        if kind == "live":
            return self._live(entity, date)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        start, end = (int(dt.datetime.fromisoformat(query[name]).timestamp()) for name in ("start", "end"))
        records = [
            {"time": iso(slot), "price": float_free(ERRORS[self.error](self, entity, slot))}
            for slot in range(-(-start // self.step) * self.step, end, self.step)
            if slot < self.now - self.step and self.has(entity, slot)
        ]
        return MOODS[self.mood](self, date, records)

    def _live(self, entity: str, date: str) -> Answer:
        slot = self.now // self.step * self.step
        point = {"time": iso(slot), "price": float_free(self.price(entity, slot))}
        if self.live_mood == "zeros":
            return Answer(json.dumps({"point": {**point, "price": 0}}), date=date)
        if self.live_mood == "html":
            return Answer("<html>maintenance</html>", 503, {"Retry-After": "600"}, date)
        if self.live_mood == "no date":
            return Answer(render({"point": point}), date="")
        if not self.has(entity, slot):
            return Answer('{"point": null, "status": "none"}', date=date)
        return Answer(render({"point": point}), date=date)


def iso(slot: int) -> str:
    return f"{dt.datetime.fromtimestamp(slot, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def float_free(price: Decimal) -> str:
    return f"@{price}@"


def render(document: object) -> str:
    """JSON in which prices are numbers with their own digits."""
    return json.dumps(document).replace('"@', "").replace('@"', "")


def _say(date: str, records: list[Record], **more: Any) -> Answer:
    return Answer(render({"points": records, **more}), date=date)


def _bad_record(provider: Provider, date: str, records: list[Record]) -> Answer:
    """One record in the middle is spoilt, in a way that the seed chooses."""
    spoilt = [dict(record) for record in records]
    if spoilt:
        place = provider.draw.randrange(len(spoilt))
        value = provider.draw.choice([None, "M", 0, "@NaN@", "@1e99999999999999999999@", {"value": 1}])
        if provider.draw.random() < 0.2:
            spoilt.insert(place, {**spoilt[place], "price": 7})
        elif provider.draw.random() < 0.2:
            spoilt.append({"time": "9999-12-31T23:59:59-05:00", "price": 1})
        else:
            spoilt[place]["price"] = value
    return _say(date, spoilt)


def _shifted(_provider: Provider, date: str, records: list[Record]) -> Answer:
    """Points of four hours earlier than was asked for."""
    return _say(date, [{**r, "time": iso(_slot(r) - 4 * 3600)} for r in records])


def _slot(record: Record) -> int:
    return int(dt.datetime.fromisoformat(record["time"]).timestamp())


def _surplus(provider: Provider, date: str, records: list[Record]) -> Answer:
    """Neighbours outside of the interval, and records of a finer cadence that are nobody's."""
    finer = [{"time": iso(_slot(record) + 300), "price": 3} for record in records]
    mixed = [*records, *finer]
    provider.draw.shuffle(mixed)
    return _say(date, mixed)


MOODS: dict[str, Callable[[Provider, str, list[Record]], Answer]] = {
    "": lambda _p, date, records: _say(date, records),
    "reordered": lambda p, date, records: _say(date, p.draw.sample(records, len(records))),
    "duplicated": lambda _p, date, records: _say(date, [*records, *records]),
    "surplus": _surplus,
    "bad record": _bad_record,
    "page in body": lambda p, date, records: (
        _say(date, records[:PAGE], next=f"{p.url}/more") if len(records) > 1 else _say(date, [], next=f"{p.url}/more")
    ),
    "page in header": lambda p, date, records: Answer(
        render({"points": records[: len(records) // 2]}), headers={"Link": f'<{p.url}/more>; rel="next"'}, date=date
    ),
    "has more": lambda _p, date, _records: _say(date, [], has_more=True),
    "maintenance": lambda _p, date, _records: _say(date, [], error="maintenance"),
    "retired": lambda _p, date, _records: Answer("<html>gone</html>", 404, date=date),
    "silent": lambda _p, date, _records: _say(date, []),
    "nulls": lambda _p, date, records: _say(date, [{**record, "price": None} for record in records]),
    "no date": lambda _p, _date, records: _say("", records[::2]),
    "shifted": _shifted,
    "refused": lambda _p, date, _records: Answer('{"error": "not in your plan"}', 403, date=date),
    "limited": lambda _p, date, _records: Answer("{}", 429, {"Retry-After": "0.1"}, date),
    "banned": lambda _p, date, _records: Answer("{}", 418, {"Retry-After": "0.1"}, date),
    "limited inside": lambda _p, date, _records: Answer('{"code": 429, "status": "error"}', date=date),
    "nonsense": lambda _p, date, _records: Answer("{", date=date),
}
ERRORS: dict[str, Callable[[Provider, str, int], Decimal]] = {
    "": Provider.price,
    "local time": lambda p, entity, slot: p.price(entity, slot + 4 * 3600),
    "another day": lambda p, entity, slot: p.price(entity, slot - 24 * 3600),
    "another entity": lambda p, entity, slot: p.price(f"{entity}.B", slot),
    "another unit": lambda p, entity, slot: 100 * p.price(entity, slot),
}
HARMLESS = ("", "reordered", "duplicated", "surplus")
