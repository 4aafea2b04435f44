"""The example contracts held to what the APIs really answered: read exactly, healed, and a hole is absent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
from tests.support.feeds import ROOT, Acquisition, contracts_in
from tests.support.recorded_answers import RECORDED, Recorded
from tests.support.scripted_server import Answer, ScriptedServer, scripted_server

from core.audit.history import HistoryOutcome, HistoryRequest
from core.contract.model import Contracts, Provider
from core.feeds.rest.settings import RestSpec
from core.feeds.rest.spec import read_spec
from ingestion.providers.answers import Data, Limited, NoData
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history, judge_live
from ingestion.pull.history import pull_history

EXAMPLES = ROOT / "contracts/examples"


LONG_AGO, FAR_AWAY = -(10**10), 10**11


def spec_of(example: str, says: tuple[str, str] = ("", "")) -> RestSpec:
    settings = json.dumps(dict(contracts_in(EXAMPLES).feed(example).history.settings))
    return read_spec(json.loads(settings.replace(*says) if says[0] else settings))


def test_every_example_has_a_recorded_answer() -> None:
    assert sorted(recorded.example for recorded in RECORDED) == sorted(file.stem for file in EXAMPLES.glob("*.yaml"))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.example)
def test_an_example_reads_what_its_api_really_answered(recorded: Recorded) -> None:
    spec = spec_of(recorded.example, recorded.says)
    slots = [datetime.fromisoformat(slot) for slot in recorded.points]
    saved = received(200, {"Content-Type": "application/json"}, json.dumps(recorded.body).encode(), request="GET /")
    answer = judge_history(
        spec, "recorded", [saved], start=min(slots), end=max(slots) + recorded.every,
        every=int(recorded.every.total_seconds()), attributes=recorded.attributes,
    )  # fmt: skip
    assert isinstance(answer, Data), answer
    assert answer.bad == ()
    points = {point.time: {name: value for name, value in point.values.items() if value is not None}
              for point in answer.points}  # fmt: skip
    assert list(points) == slots
    for slot, values in zip(slots, recorded.points.values(), strict=True):
        for name, value in values.items():
            assert Decimal(str(points[slot][name])) == Decimal(value)


def contracts_of(recorded: Recorded, contracts: Contracts | None = None) -> Contracts:
    """The example, with the recording's interval and attributes, and calendars that are always open."""
    contracts = contracts or contracts_in(EXAMPLES)
    contract = contracts.dataset(recorded.example)
    feed = contracts.feed(recorded.example)
    settings = json.dumps(dict(feed.history.settings))
    provider = Provider(
        feed.history.kind, json.loads(settings.replace(*recorded.says) if recorded.says[0] else settings)
    )
    entity = replace(feed.entities[0], attributes={**feed.entities[0].attributes, **recorded.attributes})
    every = int(recorded.every.total_seconds())
    feed = replace(feed, history=provider, entities=(entity,), every=every)
    always = ((LONG_AGO, FAR_AWAY),)
    return replace(
        contracts,
        contracts=(replace(contract, source=feed),),
        calendars=tuple(
            replace(calendar, covers_from=LONG_AGO, covers_to=FAR_AWAY, segments=always, cadences=())
            for calendar in contracts.calendars
        ),
    )


def asked(recorded: Recorded, body: Any, server: ScriptedServer) -> tuple[HistoryOutcome, dict[datetime, Any]]:
    """The outcome of asking for the recording's slots where the provider answers with a body, and the lines by slot."""
    outcome, records = asked_records(recorded, body, server, contracts_of(recorded))
    lines = [json.loads(record, parse_float=Decimal) for record in records]
    time = contracts_of(recorded).feed(recorded.example).time_column
    return outcome, {datetime.fromisoformat(line[time]): line for line in lines}


def asked_records(
    recorded: Recorded, body: Any, server: ScriptedServer, contracts: Contracts
) -> tuple[HistoryOutcome, list[bytes]]:
    """The outcome, and the lines as they are in the stream, in order of time."""
    slots = [datetime.fromisoformat(slot) for slot in recorded.points]
    later = format_datetime(max(slots).astimezone(UTC) + timedelta(days=400), usegmt=True)
    server.answer = lambda _request: Answer(json.dumps(body), 200, {"Content-Type": "application/json"}, later)
    urls = {f"{recorded.example}.history": server.url}
    acquisition = Acquisition(
        contracts=contracts, dataset=recorded.example, url=server.url, token="key-of-the-test", urls=urls
    )
    seconds = [int(slot.timestamp()) for slot in slots]
    every = int(recorded.every.total_seconds())
    request = HistoryRequest(
        recorded.example,
        contracts.feed(recorded.example).entities[0].name,
        min(seconds),
        max(seconds) + every,
        wanted=tuple((slot, slot + every) for slot in seconds),
    )
    clock = acquisition.time.clock
    client = acquisition.runtime.client(recorded.example)
    outcome = pull_history(request, client=client, clock=clock, until=clock.monotonic() + 500)
    return outcome, [record.data for record in acquisition.stream.records]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.example)
def test_what_was_dropped_is_healed_and_what_the_provider_never_had_is_absent(recorded: Recorded) -> None:
    slots = [datetime.fromisoformat(slot) for slot in recorded.points]
    with scripted_server(lambda _request: Answer("{}")) as server:
        healed, lines = asked(recorded, recorded.body, server)
        assert healed.result == "answered", healed
        assert list(lines) == slots
        for slot, values in zip(slots, recorded.points.values(), strict=True):
            for name, value in values.items():
                assert abs(Decimal(str(lines[slot][name])) - Decimal(value)) <= Decimal("0.01")
        for number, hole in enumerate(slots):
            outcome, lines = asked(recorded, recorded.without(number), server)
            unsaid = outcome.unproven if recorded.cut else outcome.absent
            assert unsaid == ((int(hole.timestamp()), int((hole + recorded.every).timestamp())),), (hole, outcome)
            assert list(lines) == [slot for slot in slots if slot != hole]


def test_the_last_trade_of_a_ticker_of_kraken_is_its_live_point() -> None:
    """As ccxt/ccxt has recorded it (kraken.json, fetchTicker): price and volume of the last trade are ``c``."""
    body = {
        "error": [],
        "result": {"XBTUSDT": {"a": ["73380.70000", "1", "1.000"], "c": ["73380.60000", "0.00160710"]}},
    }
    saved = received(200, {"Date": "Wed, 13 Mar 2024 11:06:00 GMT"}, json.dumps(body).encode(), request="GET /")
    answer = judge_live(spec_of("kraken"), "recorded", saved, every=60, attributes={"key": "XBTUSDT"})
    assert isinstance(answer, Data)
    assert answer.points[0].values["price"] == "73380.60000"


@pytest.mark.parametrize("name", ["Note", "Information"])
def test_the_limit_that_alpha_vantage_tells_with_status_200_is_one(name: str) -> None:
    """Its first words, as dozens of public clients quote them; the limit itself has changed over the years."""
    body = json.dumps({name: "Thank you for using Alpha Vantage! Our standard API rate limit is 25 requests per day."})
    start = datetime.fromisoformat("2026-11-20T15:00Z")
    saved = received(200, {}, body.encode(), request="GET /")
    end = start + timedelta(minutes=5)
    answer = judge_history(spec_of("alpha_vantage"), "IBM", [saved], start=start, end=end, every=300)
    assert isinstance(answer, Limited)


def test_an_answer_of_polygon_without_bars_names_no_results_at_all() -> None:
    """As public clients of it expect: an empty answer has a count of zero and no list."""
    start = datetime.fromisoformat("2026-11-20T15:00Z")
    saved = received(
        200, {}, b'{"ticker": "AAPL", "queryCount": 0, "resultsCount": 0, "status": "OK"}', request="GET /"
    )
    answer = judge_history(spec_of("polygon"), "AAPL", [saved], start=start, end=start + timedelta(minutes=5), every=60)
    assert isinstance(answer, NoData)
