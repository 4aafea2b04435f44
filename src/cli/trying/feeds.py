"""A feed tried: one call of its provider, or an answer that was saved, on the very road that acquisition takes.

A saved answer is served by a server on this machine's loopback, so that headers, pages, classes of answers and slots
come out as they would; a further page is not found there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cli.trying.lines import Body
from core.audit.history import HistoryRequest, Ranges
from core.contract.model import Contracts, Feed
from core.errors import Misuse
from core.feeds.providers import needed_fields
from core.ports import SecretStore, StreamRecord
from core.time import iso
from ingestion.providers.answers import Answer, Broken, Data, Limited, NotEntitled, Provider
from ingestion.pull.decide import Write, decide
from ingestion.pull.feed_client import FeedClient
from ingestion.pull.history import pull_history
from ingestion.pull.pace import Clock
from ingestion.pull.runtime import PullRuntime

SECONDS = 60.0
SAID = 300  # characters of an answer that are shown


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """An answer as it was saved: its body, and the status, type and time that came with it."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AnswerSeen:
    """An answer of the provider: the request, its class (``data``, ``no data``, ``limited``, ...), and why."""

    request: str
    status: int
    answer: str
    why: str
    points: int = 0
    bad: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedTrial:
    """What a call gave: the answers, what became of the slots (spans, by outcome), and the lines for the stream."""

    dataset: str
    entity: str
    asked: str
    answers: tuple[AnswerSeen, ...]
    slots: Mapping[str, tuple[tuple[str, str], ...]]
    why: str
    body: Body

    @property
    def fine(self) -> bool:
        """Whether it gave a line at least, and no record was refused."""
        return bool(self.body.lines) and not any(answer.bad for answer in self.answers)


def try_live(
    contracts: Contracts, dataset: str, entity: str, *, secrets: SecretStore, urls: Mapping[str, str]
) -> FeedTrial:
    """One live call for an entity."""
    client, kept = _client(contracts, dataset, secrets, urls)
    name = _entity(client.feed, entity)
    answer = client.live.provider.live(name)
    decision = decide(
        client.entities()[name],
        answer,
        contract=client.contract,
        feed=client.feed,
        calendar=client.calendar,
        needed=needed_fields(client.contract, client.feed, "live"),
        fetched_at=datetime.now(UTC),
    )
    if isinstance(decision, Write):
        slots = {"observed": ((iso(decision.slot), iso(decision.slot + client.feed.every)),)}
        return FeedTrial(dataset, name, "a live point", kept.seen, slots, "", Body(dataset, "live", decision.line))
    why = f"{decision.why}: {decision.detail}"
    return FeedTrial(dataset, name, "a live point", kept.seen, {}, why, Body(dataset, "live"))


def try_history(
    contracts: Contracts,
    dataset: str,
    entity: str,
    start: int,
    end: int,
    *,
    secrets: SecretStore,
    urls: Mapping[str, str],
) -> FeedTrial:
    """The history of an entity between two instants (epoch seconds), as a repair asks for it."""
    client, kept = _client(contracts, dataset, secrets, urls)
    name = _entity(client.feed, entity)
    request = HistoryRequest(dataset, name, start, end)
    outcome = pull_history(request, client=client, clock=_CLOCK, until=_CLOCK.monotonic() + SECONDS)
    spans = {
        "repaired": outcome.healed,
        "absent": outcome.absent,
        "not published yet": outcome.pending,
        "refused": outcome.refused,
        "unproven": outcome.unproven,
    }
    slots = {title: _said(ranges) for title, ranges in spans.items() if ranges}
    why = "" if outcome.result == "answered" and not outcome.reason else f"{outcome.result}: {outcome.reason}"
    asked = f"history from {iso(start)} to {iso(end)}"
    return FeedTrial(dataset, name, asked, kept.seen, slots, why, Body(dataset, "history", b"".join(kept.lines)))


@contextmanager
def served(saved: SavedAnswer) -> Iterator[str]:
    """The address of a server that gives the saved answer to the first request and when that is tried again."""
    given: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given.append(self.path)
            is_first = self.path == given[0]
            body = saved.body if is_first else b"{}"
            self.send_response_only(saved.status if is_first else 404)
            self.send_header("Date", format_datetime(saved.answered_at or datetime.now(UTC), usegmt=True))
            self.send_header("Content-Type", saved.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  (the library's name)

        def log_message(self, *_: Any) -> None:
            """Nothing: who tries a contract sees what came of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ---------------------------------------------------------------- ports of a trial

_CLOCK = Clock(lambda: datetime.now(UTC), time.monotonic, time.sleep)


@dataclass
class _Kept:
    """The stream, the log, the metrics of a trial: lines and answers are kept, the rest goes nowhere."""

    lines: list[bytes] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        self.lines += [record.data for record in records]
        return []

    def add(self, *_: Any) -> None: ...

    def info(self, *_: Any, **__: Any) -> None: ...

    warning = error = info

    @property
    def seen(self) -> tuple[AnswerSeen, ...]:
        return tuple(_seen(answer) for answer in self.answers)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A provider whose answers are kept."""

    provider: Provider
    answers: list[Answer]

    def live(self, entity: str) -> Answer:
        self.answers.append(self.provider.live(entity))
        return self.answers[-1]

    def live_all(self, entities: Sequence[str], **turn: Any) -> Mapping[str, Answer]:
        return self.provider.live_all(entities, **turn)

    def history(self, entity: str, start: datetime, end: datetime, **turn: Any) -> Answer:
        self.answers.append(self.provider.history(entity, start, end, **turn))
        return self.answers[-1]


def _client(
    contracts: Contracts, dataset: str, secrets: SecretStore, urls: Mapping[str, str]
) -> tuple[FeedClient, _Kept]:
    kept = _Kept()
    runtime = PullRuntime(
        contracts=contracts,
        secrets=secrets,
        stream_of=lambda _: kept,
        metrics_of=lambda _: kept,
        flush_metrics=lambda: None,
        urls=urls,
        clock=_CLOCK,
        log=kept,
        concurrent_calls=1,
    )
    client = runtime.client(dataset)
    live = replace(client.live, provider=_Watched(client.live.provider, kept.answers))
    history = replace(client.history, provider=_Watched(client.history.provider, kept.answers))
    return replace(client, live=live, history=history), kept


def _entity(feed: Feed, wanted: str) -> str:
    names = [entity.name for entity in feed.entities]
    if wanted and wanted not in names:
        raise Misuse("try contract", wanted, "the contract names no such entity", f"Such as: {', '.join(names[:5])}")
    return wanted or names[0]


_CLASSES = {"Data": "data", "NoData": "no data", "NotEntitled": "refused", "Limited": "limited", "Broken": "broken"}


def _seen(answer: Answer) -> AnswerSeen:
    evidence = answer.evidence
    points = len(answer.points) if isinstance(answer, Data) else 0
    bad = [f"{iso(int(record.slot.timestamp()))}: {record.reason}" for record in _bad(answer)]
    return AnswerSeen(
        evidence.request, evidence.status, _CLASSES[type(answer).__name__], _why(answer), points, tuple(bad)
    )


def _bad(answer: Answer) -> Sequence[Any]:
    return answer.bad if isinstance(answer, Data) else ()


def _why(answer: Answer) -> str:
    said = answer.evidence.answer[:SAID]
    match answer:
        case Data():
            whole = "it says for itself that it is whole" if answer.whole else "it does not say that it is whole"
            return answer.partial or whole
        case NotEntitled():
            return f"the {answer.what} is refused: {said}"
        case Limited():
            return f"called too often{f', for {answer.retry_after:.0f} s' if answer.retry_after else ''}: {said}"
        case Broken():
            return f"{answer.reason}: {said}"
        case _:
            return "it has nothing for this" + (", and says that this is all" if answer.whole else "")


def _said(ranges: Ranges) -> tuple[tuple[str, str], ...]:
    return tuple((iso(start), iso(end)) for start, end in ranges)


@dataclass(frozen=True, slots=True)
class NoSecret:
    """The place of secrets for a saved answer: nobody is asked, and any key does."""

    def read(self, name: str, *, refresh: bool = False) -> str:  # noqa: ARG002
        """A key."""
        return "saved-answer"
