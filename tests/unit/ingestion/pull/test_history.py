"""What the auditor asks for: rows in the same stream as repaired, or proof that there are none, or why not."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace

import pytest
from tests.support.feeds import OPENING, Acquisition, contracts_in

from core.audit.history import HistoryOutcome, HistoryRequest, KnownValue
from core.contract.model import Contracts, Entity
from core.errors import TransientFailure, UnknownTable
from core.feeds.calendar import slots_in
from core.time import epoch, iso
from ingestion.providers.answers import Data, Limited, NotEntitled
from ingestion.pull.history import pull_history
from local.market import Market
from local.market.sessions import sessions_of

MINUTE = dt.timedelta(minutes=1)
LATER = OPENING + dt.timedelta(hours=8)


def in_a_minute(acquisition: Acquisition) -> float:
    return acquisition.runtime.last_call(milliseconds=60_000)


def ask(acquisition: Acquisition, start: str, end: str, *, symbol: str = "AAPL", seconds: float = 50) -> HistoryOutcome:
    """Through JSON both ways, as the queue and the state machine carry it."""
    request = HistoryRequest(acquisition.dataset, symbol, epoch(start), epoch(end))
    request = HistoryRequest.from_data(json.loads(json.dumps(request.to_data())))
    clock = acquisition.time.clock
    client = acquisition.runtime.client(acquisition.dataset)
    outcome = pull_history(request, client=client, clock=clock, until=clock.monotonic() + seconds)
    assert HistoryOutcome.from_data(json.loads(json.dumps(outcome.to_data()))) == outcome
    return outcome


def times(ranges: tuple[tuple[int, int], ...], every: int = 60) -> list[str]:
    return [iso(slot)[11:16] for slot in slots_in(ranges, every=every)]


def test_a_gap_is_filled_with_the_opens_of_its_minutes_and_nothing_else(
    acquisition: Acquisition, market: Market
) -> None:
    market.clock.set(LATER)
    outcome = ask(acquisition, "2026-11-20T14:40:00Z", "2026-11-20T14:45:00Z")
    assert outcome.result == "answered"
    assert times(outcome.healed) == ["14:40", "14:41", "14:42", "14:43", "14:44"]
    assert outcome.absent == outcome.pending == ()
    points = acquisition.points()
    assert len(points) == 5
    for (symbol, time), line in points.items():
        candle = market.candle(symbol, dt.datetime.fromisoformat(time))
        assert line["o"] == candle.open
        assert line["c"] == candle.close
        assert (line["kind"], line["provenance"], line["t"]) == ("history", "repaired", time.replace("Z", ".000000Z"))
        assert len({candle.open, candle.high, candle.low, candle.close}) == 4  # a mix-up would show


def test_a_request_that_only_wants_to_be_told_writes_nothing(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    start = epoch("2026-11-20T14:40:00Z")
    request = HistoryRequest("quotes", "AAPL", start, start + 120, values_only=True)
    outcome = HistoryOutcome.from_data(acquisition.runtime.repair(request.to_data(), until=in_a_minute(acquisition)))
    candles = [market.candle("AAPL", OPENING + dt.timedelta(minutes=10 + number)) for number in range(2)]
    assert [(slot, Decimal(values["o"])) for slot, values in outcome.values.items()] == [
        (start, candles[0].open),
        (start + 60, candles[1].open),
    ]
    assert (outcome.result, outcome.healed, outcome.absent, acquisition.points()) == ("answered", (), (), {})


def test_the_contract_takes_the_open_of_a_candle_and_the_current_price_of_a_quote(
    acquisition: Acquisition, market: Market
) -> None:
    """An observed and a repaired row of one minute must tell the same price."""
    rule = contracts_in().table("fact_quote").column("price").rule
    acquisition.request(OPENING)
    acquisition.pull()
    observed = acquisition.points()["AAPL", "2026-11-20T14:30:00Z"]
    market.clock.set(LATER)
    acquisition.stream.records.clear()
    ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:31:00Z")
    repaired = acquisition.points()["AAPL", "2026-11-20T14:30:00Z"]
    assert observed[rule.live] == repaired[rule.history] == market.candle("AAPL", OPENING).open
    assert repaired[rule.history] not in (market.candle("AAPL", OPENING).close, market.candle("AAPL", OPENING).high)


def test_a_window_over_a_night_asks_for_trading_minutes_and_writes_no_others(
    acquisition: Acquisition, market: Market
) -> None:
    market.clock.set(OPENING + dt.timedelta(days=4))  # the market simulator trades around the clock
    outcome = ask(acquisition, "2026-11-20T20:58:00Z", "2026-11-23T14:32:00Z")
    assert times(outcome.healed) == ["20:58", "20:59", "14:30", "14:31"]
    assert len(outcome.healed) == 2
    assert len(acquisition.points()) == 4


def test_minutes_that_the_answer_lacks_are_absent_with_the_evidence(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    market.fail("hole", covering=(OPENING + 2 * MINUTE, OPENING + 4 * MINUTE))
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:36:00Z")
    assert outcome.result == "answered"
    assert times(outcome.absent) == ["14:32", "14:33"]
    assert times(outcome.healed) == ["14:30", "14:31", "14:34", "14:35"]
    (evidence,) = outcome.evidence
    assert evidence.status == 200
    assert "symbol=AAPL" in evidence.request
    assert evidence.answered_at == iso(int(LATER.timestamp()))
    assert market.token not in json.dumps(outcome.to_data())


def test_no_data_makes_everything_absent(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    market.fail("no_data")
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z")
    assert (outcome.result, times(outcome.absent), outcome.healed) == ("answered", ["14:30", "14:31"], ())
    assert '"no_data"' in outcome.evidence[0].answer
    assert acquisition.stream.lines == []


def test_a_minute_that_still_runs_is_neither_healed_nor_absent(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(OPENING + 2 * MINUTE + dt.timedelta(seconds=30))
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:35:00Z")
    assert times(outcome.healed) == ["14:30", "14:31"]
    assert times(outcome.pending) == ["14:32", "14:33", "14:34"]
    assert outcome.absent == ()


@pytest.mark.parametrize(
    ("fault", "result", "reason"),
    [
        ({"kind": "forbidden"}, "not_entitled", "the provider's plan does not include this"),
        ({"kind": "unauthorized"}, "not_entitled", "the token is refused"),
        ({"kind": "limited"}, "limited", "the provider limits us"),
        ({"kind": "wrong_interval"}, "broken", "candles of another interval than asked for"),
        ({"kind": "html"}, "broken", "no JSON (text/html; charset=utf-8)"),
        ({"kind": "truncated"}, "broken", "no JSON (application/json; charset=utf-8)"),
        ({"kind": "error", "status": 500}, "broken", "status 500"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_whatever_is_no_answer_settles_nothing_and_says_why(
    acquisition: Acquisition, market: Market, fault: dict[str, object], result: str, reason: str
) -> None:
    market.clock.set(LATER)
    market.fail(**fault)
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z")
    assert (outcome.result, outcome.reason) == (result, reason)
    assert outcome.healed == outcome.absent == outcome.pending == ()
    assert len(outcome.evidence) == 1
    assert acquisition.stream.lines == []


def test_candles_of_zeros_are_neither_prices_nor_absent(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    market.fail("zeros")
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z")  # its neighbours are zeros too
    assert (outcome.result, outcome.reason) == ("broken", "a candle without a price (o)")
    assert outcome.absent == outcome.refused == ()
    assert acquisition.stream.lines == []


def test_an_answer_without_any_neighbour_is_silent_and_one_with_some_is_not(
    acquisition: Acquisition, market: Market
) -> None:
    market.clock.set(LATER)
    market.fail("hole", covering=(OPENING + 2 * MINUTE, OPENING + 4 * MINUTE))
    outcome = ask(acquisition, "2026-11-20T14:32:00Z", "2026-11-20T14:34:00Z")
    assert (times(outcome.absent), outcome.silent) == (["14:32", "14:33"], ())
    assert acquisition.stream.lines == []  # neighbours are looked at, and not taken
    market.heal()
    market.fail("no_data")
    outcome = ask(acquisition, "2026-11-20T14:32:00Z", "2026-11-20T14:34:00Z")
    assert times(outcome.silent) == times(outcome.absent) == ["14:32", "14:33"]


def test_a_limit_tells_when_to_come_again(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    market.fail("limited", retry_after=17, first=1)
    first = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z")
    assert (first.result, first.retry_after) == ("limited", 17.0)
    again = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z", seconds=5)
    assert (again.result, again.reason) == ("limited", "the contract's rate leaves no call in time")
    acquisition.time.advance(17)
    assert ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z").result == "answered"


def test_a_missing_secret_is_an_outcome_of_its_own(acquisition: Acquisition, market: Market) -> None:
    acquisition.secrets.values["finnhub-token"] = ""
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z")
    assert outcome.result == "secret_missing"
    assert "starmend secret set" in outcome.reason


def test_a_gap_longer_than_the_providers_span_is_several_calls(acquisition: Acquisition, market: Market) -> None:
    start, end = "2026-09-01T00:00:00Z", "2026-11-10T00:00:00Z"
    market.trade_during(sessions_of("XNYS", dt.date(2026, 8, 1), dt.date(2026, 11, 30)))
    market.clock.set(LATER)
    outcome = ask(acquisition, start, end)
    assert outcome.result == "answered"
    assert len(outcome.evidence) == 3
    assert len(outcome.healed) == 21 + 22 + 6  # trading days of September (without Labour Day), October, November
    assert len(acquisition.points()) == len(list(slots_in(outcome.healed, every=60))) == 49 * 390
    assert len(json.dumps(outcome.to_data())) < 16_000


def test_what_was_settled_before_a_failure_stays_settled(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    market.fail("forbidden", covering=(OPENING - dt.timedelta(days=20), OPENING))
    outcome = ask(acquisition, "2026-09-21T00:00:00Z", "2026-11-10T00:00:00Z")
    assert outcome.result == "not_entitled"
    assert outcome.healed[-1][1] == epoch("2026-10-20T20:00:00Z")
    assert acquisition.points()


def test_a_stream_that_does_not_take_the_rows_is_a_failure_to_be_retried(
    acquisition: Acquisition, market: Market
) -> None:
    market.clock.set(LATER)
    acquisition.stream.refuses = lambda _call, count: [count - 1]
    with pytest.raises(TransientFailure, match="did not take 1 of 2 rows"):
        ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:32:00Z")


def test_an_entity_is_owed_nothing_outside_its_validity(market: Market) -> None:
    acquisition = Acquisition(
        contracts=_with_entities(Entity("AAPL", "2026-11-20T14:32:00Z", "2026-11-20T14:34:00Z")),
        dataset="quotes",
        url=market.api_url,
        token=market.token,
    )
    market.clock.set(LATER)
    outcome = ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:40:00Z")
    assert times(outcome.healed) == ["14:32", "14:33"]
    with pytest.raises(UnknownTable):
        ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T14:40:00Z", symbol="NOBODY")
    market.requests.clear()
    assert ask(acquisition, "2026-11-20T15:30:00Z", "2026-11-20T15:40:00Z") == HistoryOutcome("answered")
    assert market.requests.all() == []


def test_a_repair_is_json_in_and_json_out(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    request = {
        "dataset": "quotes",
        "entity": "ZM",
        "start": "2026-11-20T14:30:00Z",
        "end": "2026-11-20T14:35:00Z",
    }
    outcome = acquisition.runtime.repair(request, until=in_a_minute(acquisition))
    assert outcome["result"] == "answered"
    assert outcome["healed"] == [["2026-11-20T14:30:00Z", "2026-11-20T14:35:00Z"]]
    assert json.loads(json.dumps(outcome)) == outcome


def test_prices_are_written_with_the_providers_own_digits(acquisition: Acquisition, market: Market) -> None:
    market.clock.set(LATER)
    ask(acquisition, "2026-11-20T14:30:00Z", "2026-11-20T21:00:00Z")
    for record in acquisition.stream.records:
        line = json.loads(record.data, parse_float=Decimal)
        digits = record.data.split(b'"o":')[1].split(b",")[0]
        assert (
            digits
            == format(market.candle("AAPL", dt.datetime.fromisoformat(line["minute"])).open.normalize(), "f").encode()
        )


def _with_entities(*entities: Entity) -> Contracts:
    contracts = contracts_in()
    quotes = contracts.dataset("quotes")
    feed = dataclasses.replace(contracts.feed("quotes"), entities=entities)
    return dataclasses.replace(contracts, contracts=(dataclasses.replace(quotes, source=feed),))


@pytest.mark.parametrize("values_only", [False, True])
def test_a_limit_on_a_later_page_keeps_its_pause_and_what_came_before(
    acquisition: Acquisition, market: Market, values_only: bool
) -> None:
    market.clock.set(LATER)
    client = acquisition.runtime.client(acquisition.dataset)
    whole = client.history.provider.history("AAPL", OPENING, OPENING + 5 * MINUTE)
    assert isinstance(whole, Data)
    limit = Limited(600.0, whole.evidence)
    part = dataclasses.replace(whole, points=whole.points[:2], partial="its page 2 was not given", stopped=limit)
    clock = acquisition.time.clock
    start = int(OPENING.timestamp())
    request = HistoryRequest(acquisition.dataset, "AAPL", start, start + 300, values_only)
    outcome = _asked_of(acquisition, lambda *_, **__: part, request)
    assert (outcome.result, outcome.retry_after) == ("limited", 600.0)
    assert len(outcome.values if values_only else list(slots_in(outcome.healed, every=60))) == 2
    assert not client.history_pace.enter(until=clock.monotonic() + 590)


def test_a_refused_token_on_a_later_page_ends_a_request_whose_values_are_wrong_too(
    acquisition: Acquisition, market: Market
) -> None:
    """As broken it would let the next range be asked for with a token that is refused."""
    market.clock.set(LATER)
    client = acquisition.runtime.client(acquisition.dataset)
    whole = client.history.provider.history("AAPL", OPENING, OPENING + 5 * MINUTE)
    assert isinstance(whole, Data)
    start = int(OPENING.timestamp())
    known = tuple(
        KnownValue(int(point.time.timestamp()), "o", str(Decimal(str(point.values["o"])) * 100))
        for point in whole.points
        if point.time
    )
    request = HistoryRequest(acquisition.dataset, "AAPL", start, start + 300, known=known)
    results = []
    for stopped in (None, NotEntitled("token", whole.evidence)):
        part = dataclasses.replace(whole, stopped=stopped)
        results.append(_asked_of(acquisition, lambda *_, part=part, **__: part, request).result)
    assert results == ["broken", "not_entitled"]


def test_an_answer_that_makes_its_reader_fail_is_broken(acquisition: Acquisition) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    start = int(OPENING.timestamp()) - 86_400
    outcome = _asked_of(acquisition, fails, HistoryRequest(acquisition.dataset, "AAPL", start, start + 300))
    assert outcome.result == "broken"
    assert outcome.reason.startswith("its answer could not be read (RecursionError")


def _asked_of(acquisition: Acquisition, history: Callable[..., object], request: HistoryRequest) -> HistoryOutcome:
    client = acquisition.runtime.client(acquisition.dataset)
    provider = SimpleNamespace(history=history)
    client = dataclasses.replace(client, history=dataclasses.replace(client.history, provider=provider))  # type: ignore[arg-type]
    clock = acquisition.time.clock
    return pull_history(request, client=client, clock=clock, until=clock.monotonic() + 50)
