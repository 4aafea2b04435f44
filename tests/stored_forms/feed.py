"""A feed's small lake: three hours of three symbols in which points are lost, healed, absent and refused."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.stored_forms.lake import contracts_of, made_the_same, packed
from tests.support.feed_simulation import FeedSimulation
from tests.support.scripted_server import Answer, Request, scripted_server

from core.feeds.lines import PointLine, encode_line
from processing.partitions.commit import CommitContext
from processing.partitions.rollback import release, rollback

DATASET, URL = "prices", "https://prices.example"
MIDNIGHT = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
NINE = MIDNIGHT + dt.timedelta(hours=9)
STEP = dt.timedelta(minutes=10)
HOUR = dt.timedelta(hours=1)
AAA = "symbol=AAA/month=2026-11"


class Exchange:
    """The provider: it knows every price, refuses the history of some symbols, and has ``holes``."""

    def __init__(self) -> None:
        self.url = ""
        self.at = NINE
        self.clock = SimpleNamespace(set=self._set)
        self.refused: set[str] = set()
        self.holes: set[tuple[str, dt.datetime]] = set()
        self.wrong: dict[tuple[str, dt.datetime], str] = {}

    def _set(self, at: dt.datetime) -> None:
        self.at = at

    def answer(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        _, kind, symbol = parts.path.split("/")
        date = format_datetime(self.at, usegmt=True)
        if kind == "live":
            return Answer(f'{{"point": {_point(symbol, _slot(self.at))}}}', date=date)
        if symbol in self.refused:
            return Answer('{"error": "not in your plan"}', status=403, date=date)
        start, end = (dt.datetime.fromisoformat(parse_qs(parts.query)[name][0]) for name in ("start", "end"))
        slots = [at for at in _slots(max(start, NINE), end) if (symbol, at) not in self.holes]
        points = ", ".join(_point(symbol, at, self.wrong.get((symbol, at), "")) for at in slots)
        return Answer(f'{{"points": [{points}]}}', date=date)


def _slot(at: dt.datetime) -> dt.datetime:
    return at - (at - MIDNIGHT) % STEP


def _slots(start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    at = start
    while at < end:
        yield at
        at += STEP


def _point(symbol: str, at: dt.datetime, price: str = "") -> str:
    number = (at - MIDNIGHT) // STEP
    price = price or f"{100 * (1 + 'ABC'.index(symbol[0])) + number % 7}.{number:03d}"
    return f'{{"time": "{at:%Y-%m-%dT%H:%M:%SZ}", "price": {price}}}'


class FeedLake(FeedSimulation):
    """The simulation of a feed whose objects depend on nothing but what is done to it."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange, contracts=contracts_of(DATASET), dataset=DATASET, at=NINE)  # type: ignore[arg-type]
        self.limits = replace(self.limits, workers=1)
        self.asked: list[Any] = []
        self.requested: list[str] = []
        self.queued: list[str] = []
        self.carried: list[dict[str, Any]] = []
        made_the_same(self.lake, lambda: self.now)

    def trade(self, start: dt.datetime, minutes: int) -> None:
        before = self.acquisition.messages
        self.acquisition.messages = self._kept(before)  # type: ignore[method-assign]
        super().trade(start, minutes, slots_an_object=2)
        self.acquisition.messages = before  # type: ignore[method-assign]

    def observe(self, slot: dt.datetime) -> None:
        self.pull(slot)  # always, for the requests' forms

    def _kept(self, before: Any) -> Any:
        def messages(*given: Any) -> Any:
            self.requested += self.acquisition.queue.messages
            return before(*given)

        return messages

    def deliver(self) -> str:
        lines = sorted(record.data for record in self.acquisition.stream.records)
        self.acquisition.stream.records.clear()
        return self.put([line for line in lines if not self._is_lost(json.loads(line))])

    def _is_lost(self, line: Mapping[str, Any]) -> bool:
        at = dt.datetime.fromisoformat(line["minute"])
        return line["provenance"] == "observed" and self.loses(line["symbol"], at)

    def put(self, lines: list[bytes]) -> str:
        """An object as Firehose would write it, processed unless its event is lost."""
        if not lines:
            return ""
        key = f"feeds/{DATASET}/{self.now:%Y/%m/%d/%H}/object-{next(self._names):06d}"
        self.lake.ingest.write(key, packed(lines).body)
        if not self.loses_event(key):
            assert not self.lake.process(key)
        return key

    def line(self, symbol: str, at: dt.datetime, price: str) -> bytes:
        point = PointLine(symbol, int(at.timestamp()), "live", "observed", self.now, {"c": price})
        return encode_line(point, dataset=DATASET, feed=self.feed)

    def process_queue(self) -> None:
        self.queued += self.queue.messages
        super().process_queue()

    def heal(self, *given: Any, **order: Any) -> dict[str, Any]:
        self.carried.append(super().heal(*given, **order))
        return self.carried[-1]

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """As the provider of the contract would have told; the port of the day is nobody's business."""
        outcome = super()._ask(request)
        told: dict[str, Any] = json.loads(json.dumps(outcome).replace(self.market.url, URL))
        self.asked.append({"request": request, "outcome": told})
        return told


@contextmanager
def feed_lake() -> Iterator[FeedLake]:
    """Everything that can happen to a feed's points, one thing after the other."""
    exchange = Exchange()
    with scripted_server(exchange.answer) as server:
        exchange.url = server.url
        lake = FeedLake(exchange)
        _first_hour(lake, exchange)
        _second_hour(lake, exchange)
        _after_a_day(lake, exchange)
        yield lake


def _first_hour(lake: FeedLake, exchange: Exchange) -> None:
    """Points are lost and healed, one is absent, an event is lost, a value disputed."""
    lost = {("AAA", 20), ("AAA", 30), ("BBB", 40)}
    lake.loses = lambda symbol, at: (symbol, at.minute) in lost
    lake.loses_event = lambda key: key.endswith("-000003")
    exchange.holes.add(("BBB", NINE + 4 * STEP))
    exchange.wrong["CCC", NINE] = "1.25"
    lake.trade(NINE, 6)
    lake.pass_time(minutes=15)
    lake.heal(run="first")


def _second_hour(lake: FeedLake, exchange: Exchange) -> None:
    """A history is refused; lines are rejected, an object is halted, one is gone; a point comes late."""
    lost = {("CCC", 10), ("CCC", 20), ("AAA", 50)}
    lake.loses = lambda symbol, at: (symbol, at.minute) in lost
    exchange.refused.add("CCC")
    lake.trade(NINE + HOUR, 6)
    lake.pass_time(minutes=15)
    lake.put([lake.line("AAA", NINE + 2 * STEP, "101.5")])
    lake.put([b'{"symbol": \n', b"\xff\xfe no text\n", lake.line("AAA", NINE, "-1"), lake.line("AAA", NINE, "102")])
    lake.put([b"<html>%03d</html>\n" % number for number in range(12)])
    gone = next(found.key for found in lake.lake.ingest.list("feeds/"))
    lake.deleted_objects.delete(gone)
    lake.heal(run="second")
    lake.pass_time(minutes=10)
    exchange.refused.clear()
    lake.heal(run="third", start="2026-11-20T10:00:00Z", end="2026-11-20T11:00:00Z")
    lake.pass_time(minutes=10)
    lake.heal(run="fourth")


def _after_a_day(lake: FeedLake, exchange: Exchange) -> None:
    """A partition is rolled back and held, then released; what nobody can need any more is removed."""
    table, partitions = lake.contracts.table("fact_price"), lake.lake.partitions
    context = CommitContext("by hand")
    rollback(partitions, table, AAA, to=1, hold="under review", context=context)
    lake.heal(run="held")
    release(partitions, table, AAA, context=context)
    lake.heal(run="released")
