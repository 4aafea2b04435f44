"""A database's small lake: books and their orders, extracted, lost, changed, deleted, and healed."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.fakes.log import MemoryLog
from tests.fakes.mail import MemoryMail
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.queue import MemoryQueue
from tests.stored_forms.lake import contracts_of, made_the_same, packed
from tests.stored_forms.server import Server
from tests.support.database_simulation import DatabaseSimulation, DeadLetters
from tests.support.lake import DeletedObjects, MemoryLake

from auditor.services import Limits
from core.landing.state import FIRST_ID, FIRST_TIMESTAMP, ParameterNames
from ingestion.extract.budget import Budget
from ingestion.extract.flow import Extraction, run_pass
from ingestion.extract.landing import Landing
from ingestion.extract.table import Sink

NINE = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)


class QuietLog:
    """What extraction says is no stored form."""

    def info(self, *_: Any, **__: Any) -> None: ...

    warning = error = info


class DatabaseLake(DatabaseSimulation):
    """A simulation whose source is in memory and whose objects depend on nothing but what is done to it."""

    def __init__(self, dataset: str) -> None:
        self.dataset, self.at = dataset, NINE
        self.contracts = contracts_of(dataset)
        self.contract = self.contracts.dataset(dataset)
        self.lake = MemoryLake(self.contracts, now=self.now)
        made_the_same(self.lake, self.now)
        self.names = ParameterNames("/starmend/test", dataset)
        for table in self.tables:
            self.lake.parameters.make(self.names.timestamp(table), FIRST_TIMESTAMP)
            self.lake.parameters.make(self.names.sequential_id(table), FIRST_ID)
        self.server = Server({name: self.contract.source_table(name) for name in self.tables}, self.now)
        self.extracted = MemoryMetrics()
        ingest, parameters = self.lake.ingest, self.lake.parameters
        extraction = Extraction(
            contract=self.contract,
            connector=self.server,  # type: ignore[arg-type]
            sink=Sink(dataset, ingest, parameters, self.names, Landing(ingest, dataset)),
            metrics=self.extracted,
            log=QuietLog(),
        )
        self.checking = SimpleNamespace(extraction=extraction)  # type: ignore[assignment]
        self.queue, self.mail, self.metrics, self.log = MemoryQueue(), MemoryMail(), MemoryMetrics(), MemoryLog()
        self.dead_letters = DeadLetters(self.queue)
        self.deleted_objects = DeletedObjects(self.lake.ingest, restored=self.pass_over)
        self.limits = Limits(workers=1)
        self.loses_event = lambda _key: False
        self.asked: list[Any] = []
        self.queued: list[str] = []
        self.carried: list[dict[str, Any]] = []
        self._delivered: set[Any] = set()
        self._runs = itertools.count(1)

    def now(self) -> dt.datetime:
        return self.at

    def pass_time(self, **some: float) -> None:
        self.at += dt.timedelta(**some)

    def extract(self, *, process: bool = True) -> None:
        run_pass(self.checking.extraction, budget=Budget.of(600, clock=lambda: 0.0)).raise_failures()
        if process:
            self.deliver()

    def process_queue(self) -> None:
        self.queued += self.queue.messages
        super().process_queue()

    def heal(self, **order: Any) -> dict[str, Any]:
        self.carried.append(super().heal(**order))
        return self.carried[-1]

    def _ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        if question["kind"] == "count_buckets":
            answer: Mapping[str, Any] = self.server.count(question)
        elif question["kind"] == "describe_tables":
            answer = self.server.describe()
        elif question["kind"] == "find_waiting":
            answer = self.server.waiting(question)
        else:
            self.server.prepare(question)
            answer = super()._ask(question)
            self.asked.pop()
        self.asked.append({"question": question, "answer": answer})
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]

    # ------------------------------------------------------------ the application

    def publisher(self, number: int, name: str) -> None:
        self.server.put("publisher", {"publisher_id": number, "name": name, **self._times()})

    def book(self, number: int, title: str, language: str | None, publisher: int) -> None:
        row = {"book_id": number, "title": title, "language": language, "publisher_id": publisher}
        self.server.put("book", {**row, **self._times()})

    def order(self, number: int, *, created: dt.datetime | None = None, back: int = 0, **more: Any) -> None:
        """``back``: so many minutes in the past the row says that it was written."""
        row = {"book_order_id": number, "book_id": 1 + number % 3, "copies": number, "price": Decimal(f"{number}.50")}
        times = self._times(created, back=back)
        self.server.put("book_order", {**row, "paid": number % 2 == 0, "due": "2026-11-21", **times, **more})

    def _times(self, created: dt.datetime | None = None, *, back: int = 0) -> dict[str, dt.datetime]:
        written = self.at.replace(tzinfo=None) - dt.timedelta(minutes=back, microseconds=123_000)
        return {"created_at": created.replace(tzinfo=None) if created else written, "last_updated": written}


def database_lake() -> DatabaseLake:
    """Everything that can happen to a database's rows, one thing after the other."""
    lake = DatabaseLake("books")
    _first_load(lake)
    _harm(lake)
    _what_cannot_heal(lake)
    _a_week_later(lake)
    return lake


def _first_load(lake: DatabaseLake) -> None:
    lake.publisher(1, "North Press")
    lake.publisher(2, "Südverlag")
    for number, language in ((1, "en"), (2, "de"), (3, None)):
        lake.book(number, f"Book {number}", language, 1 + number % 2)
    for number in range(1, 8):
        lake.order(number, created=NINE - dt.timedelta(days=20) if number < 3 else None)
    lake.pass_time(minutes=5)
    lake.extract()
    lake.pass_time(minutes=5)
    lake.heal(run="first")


def _harm(lake: DatabaseLake) -> None:
    """Events and objects are lost, rows come late, are set back and deleted; parameters and dead letters too."""
    lake.pass_time(minutes=5)
    lake.order(3, created=NINE, copies=33)
    lake.order(8)
    lake.pass_time(minutes=5)
    lake.loses_event = lambda key: "/book_order/" in key
    lake.extract()
    hole = lake.ingest_keys("tables/books/book_order/")[-1]
    lake.loses_event = lambda _key: False
    lake.pass_time(minutes=5)
    lake.order(9)
    lake.publisher(2, "Southern House")
    lake.pass_time(minutes=5)
    lake.extract()
    lake.deleted_objects.delete(hole, for_good=True)
    lake.order(10, back=60)
    lake.order(5, created=NINE, back=120, copies=55)
    del lake.server.rows["book_order"][6]
    lake.lake.parameters.put(lake.names.sequential_id("book"), "7")
    lake.deleted_objects.delete("tables/books/publisher/000000000001.jsonl.gz")
    lake.dead_letters.messages["0123abcd"] = '{"objects": ["tables/books/book/000000000001.jsonl.gz"]}'
    lake.server.silent = 2
    lake.pass_time(minutes=30)
    lake.heal(run="second")


def _what_cannot_heal(lake: DatabaseLake) -> None:
    """An order of a book that nobody has; lines that are none, of which nobody heard."""
    lake.order(11, book_id=99)
    lake.pass_time(minutes=5)
    lake.extract()
    again = packed([b'{"book_order_id": \n', b"{}\n"])
    lake.lake.ingest.write("repair/books/book_order/by-hand.jsonl.gz", again.body)
    lake.pass_time(minutes=60)
    lake.heal(run="third")
    lake.book(99, "Book 99", "en", 1)
    lake.pass_time(minutes=5)
    lake.extract()
    lake.heal(run="fourth")


def _a_week_later(lake: DatabaseLake) -> None:
    """What nobody can need any more is removed; certificates are proven."""
    lake.pass_time(days=9)
    lake.heal(run="fifth")


def canary_lake() -> DatabaseLake:
    """A shadow from which a row a day is taken, for the next audit to bring back."""
    lake = DatabaseLake("books_canary")
    for number in range(1, 4):
        lake.publisher(number, f"Publisher {number}")
    lake.pass_time(minutes=5)
    lake.extract()
    lake.pass_time(minutes=15)
    for run in ("first", "second"):
        lake.heal(run=run)
        lake.pass_time(hours=1)
    return lake
