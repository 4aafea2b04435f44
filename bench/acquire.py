"""A minute of 1,000 entities, from the schedule to the stream: what the request and the pull Lambda take together.

Our two functions work as AWS calls them, with SQS and Kinesis of the emulator; the provider is the market simulator in
a process of its own, which limits nobody. The peer is what a first script would be: one call after another, without a
kept connection. The floor makes the same calls with kept connections and as many threads, and throws the answers away.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.options import Options
from bench.quiet import Quiet
from bench.race import FLOOR, OURS, ROOT, Contestant, race
from bench.record import Record

NAME = "acquire_1000_entities"
ENTITIES = 1_000
MINUTE = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
AT_ONCE = 16
MESSAGES_AT_ONCE = 10  # of the pull function's trigger
LIMIT_SECONDS = 20
STREAM, QUEUE = "starmend-bench-quotes", "starmend-bench-requests"


def acquire_1000_entities(options: Options) -> Record:
    """Raises ``AssertionError`` where a line is missing, or one contestant's prices are another's not."""
    import botocore.session

    from local.emulator.process import Emulator
    from local.market import MarketProcess

    symbols = [f"SIM{number}" for number in range(ENTITIES)]
    market = MarketProcess.start(options.scratch)
    try:
        market.clock.set(MINUTE + dt.timedelta(seconds=2))
        provider = {"url": market.api_url, "token": market.token, "symbols": symbols}
        with Emulator.start(options.scratch / "emulator") as emulator:
            os.environ.update(emulator.environment())
            aws = botocore.session.get_session()
            aws.create_client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
            queue = aws.create_client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
            result = race(
                [
                    Contestant(OURS, "bench.acquire:functions", {**provider, "queue": queue}),
                    Contestant("in turn", "bench.acquire:in_turn", provider),
                    Contestant(FLOOR, "bench.acquire:bare_calls", provider, compared=False),
                ],
                threads=2,
                options=options,
                check=lambda saved: _same_prices(saved, symbols),
            )
    finally:
        market.stop()
    seconds = result.median(OURS) / 1000
    return result.record(NAME, entities=len(symbols), seconds=round(seconds, 3), limit_seconds=LIMIT_SECONDS)


def functions(*, url: str, token: str, symbols: Sequence[str], queue: str, threads: int) -> Callable[[], bytes]:  # noqa: ARG001
    """Request and pull; what they put on queue and stream is also kept, to be handed on and compared."""
    from aws.clients import Clients
    from aws.queue import SqsQueue
    from aws.stream import KinesisStream
    from ingestion.pull.runtime import PullRuntime, machine_clock
    from ingestion.request.plan import plan_requests
    from ingestion.request.send import send_requests

    clients, contracts = Clients(), _contracts(symbols)
    kept_queue = _KeptQueue(SqsQueue(clients("sqs"), queue))
    kept_stream = _KeptStream(KinesisStream(clients("kinesis"), STREAM))
    feed = contracts.feed("quotes")
    runtime = PullRuntime(
        contracts=contracts,
        secrets=_OneSecret(token),
        stream_of=lambda _dataset: kept_stream,
        metrics_of=lambda _dataset: Quiet(),
        flush_metrics=lambda: None,
        urls={"quotes": url},
        clock=machine_clock(),
        log=Quiet(),
        concurrent_calls=AT_ONCE,
    )

    def run() -> bytes:
        kept_queue.bodies.clear()
        kept_stream.lines.clear()
        plan = plan_requests("quotes", feed, contracts.calendar("XNYS"), time=int(MINUTE.timestamp()))
        send_requests(plan, dataset="quotes", queue=kept_queue, metrics=Quiet(), log=Quiet(), sleep=time.sleep)
        for first in range(0, len(kept_queue.bodies), MESSAGES_AT_ONCE):
            bodies = kept_queue.bodies[first : first + MESSAGES_AT_ONCE]
            sent = {"SentTimestamp": str(int(time.time() * 1000))}
            records = [{"messageId": str(n), "body": body, "attributes": sent} for n, body in enumerate(bodies, first)]
            answer = runtime.answer({"Records": records}, milliseconds=60_000)
            assert answer["batchItemFailures"] == [], answer
        return b"".join(kept_stream.lines)

    return run


def in_turn(*, url: str, token: str, symbols: Sequence[str], threads: int) -> Callable[[], bytes]:  # noqa: ARG001
    """One call after another, each with a connection of its own."""
    import requests

    def run() -> bytes:
        lines = []
        for symbol in symbols:
            answer = requests.get(
                f"{url}/quote", params={"symbol": symbol}, headers={"X-Finnhub-Token": token}, timeout=10
            )
            lines.append(json.dumps({"symbol": symbol, "c": answer.json()["c"]}) + "\n")
        return "".join(lines).encode()

    return run


def bare_calls(*, url: str, token: str, symbols: Sequence[str], threads: int) -> Callable[[], int]:  # noqa: ARG001
    """The calls alone, over kept connections."""
    import urllib3

    pool = ThreadPoolExecutor(AT_ONCE)
    web = urllib3.PoolManager(maxsize=AT_ONCE, headers={"X-Finnhub-Token": token})

    def run() -> int:
        return sum(pool.map(lambda symbol: len(web.request("GET", f"{url}/quote?symbol={symbol}").data), symbols))

    return run


def _contracts(symbols: Sequence[str]) -> Any:
    """The quotes contract, for these symbols and a provider that limits nobody, as a Lambda reads it."""
    from core.authoring.load import load
    from core.contract.codec import load_rendered
    from core.contract.model import Entity, Provider
    from core.rendering.render import render

    contracts = load(ROOT / "contracts", today=MINUTE.date())
    unlimited = Provider("finnhub", {"calls_per_second": 1_000_000})
    feed = dataclasses.replace(
        contracts.feed("quotes"),
        entities=tuple(Entity(symbol) for symbol in symbols),
        provider=unlimited,
        history=unlimited,
        calls_per_minute=1_000_000,
        entities_per_message=50,
    )
    quotes = dataclasses.replace(contracts.dataset("quotes"), source=feed)
    return load_rendered(render(dataclasses.replace(contracts, contracts=(quotes,))))


def _same_prices(saved: Mapping[str, Path], symbols: Sequence[str]) -> None:
    prices = {
        name: {line["symbol"]: line["c"] for line in map(json.loads, path.read_text().splitlines())}
        for name, path in saved.items()
    }
    assert all(set(price) == set(symbols) for price in prices.values()), "a symbol is missing"
    assert len({json.dumps(price, sort_keys=True) for price in prices.values()}) == 1, "prices differ"


class _KeptQueue:
    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.bodies: list[str] = []

    def send(self, messages: Sequence[Mapping[str, object]]) -> Sequence[int]:
        self.bodies += [json.dumps(message) for message in messages]
        refused: Sequence[int] = self._queue.send(messages)
        assert not refused
        return refused


class _KeptStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lines: list[bytes] = []

    def put(self, records: Sequence[Any]) -> Sequence[int]:
        self.lines += [record.data for record in records]
        return list(self._stream.put(records))


class _OneSecret:
    def __init__(self, value: str) -> None:
        self._value = value

    def read(self, name: str, *, refresh: bool = False) -> str:  # noqa: ARG002
        return self._value


MEASURES = {NAME: acquire_1000_entities}
