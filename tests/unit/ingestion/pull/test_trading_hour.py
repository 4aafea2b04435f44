"""From schedule to stream against the market simulator: the lines are the provider's, digit by digit."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.support.feeds import OPENING, Acquisition, contracts_in

from core.time import iso
from ingestion.request.plan import dropped_entity
from local.market import Market

MINUTE = dt.timedelta(minutes=1)
HOUR = [OPENING + n * MINUTE for n in range(60)]


def run_hour(acquisition: Acquisition, market: Market) -> None:
    for minute in HOUR:
        market.clock.set(minute + dt.timedelta(seconds=2))
        acquisition.request(minute)
        acquisition.pull()
        acquisition.time.advance(1)


def text(minute: dt.datetime) -> str:
    return iso(int(minute.timestamp()))


def test_an_hour_of_eleven_symbols_gives_660_lines_with_the_markets_own_prices(
    acquisition: Acquisition, market: Market
) -> None:
    run_hour(acquisition, market)
    symbols = [entity.name for entity in acquisition.feed.entities]
    points = acquisition.points()
    assert len(points) == 660
    assert {key: line["c"] for key, line in points.items()} == {
        (symbol, text(minute)): market.candle(symbol, minute).open for symbol in symbols for minute in HOUR
    }
    assert {(line["kind"], line["provenance"], line["dataset"]) for line in points.values()} == {
        ("live", "observed", "quotes")
    }
    assert acquisition.metrics.total("PointsExpected") == acquisition.metrics.total("PointsWritten") == 660
    assert acquisition.metrics.values["TriggerDelaySeconds"] == [2.0] * 60
    assert acquisition.time.slept == []  # sixty calls a minute are allowed, by the provider's clock


def test_the_fault_switch_leaves_out_exactly_the_points_that_its_seed_says(market: Market) -> None:
    contracts = contracts_in()
    acquisition = Acquisition(
        contracts=contracts, dataset="quotes", url=market.api_url, token=market.token, drop_seed="demo"
    )
    run_hour(acquisition, market)
    symbols = [entity.name for entity in acquisition.feed.entities]
    left_out = {(dropped_entity(symbols, seed="demo", slot=int(at.timestamp())), text(at)) for at in HOUR}
    expected = {(symbol, text(minute)) for symbol in symbols for minute in HOUR}
    assert expected - set(acquisition.points()) == left_out
    assert len(left_out) == 60
    assert acquisition.metrics.total("PointsExpected") == 660


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2026-11-20T14:29:59", False),  # a second before the opening
        ("2026-11-20T14:30:00", True),
        ("2026-11-20T20:59:59", True),
        ("2026-11-20T21:00:00", False),  # the market closed a second ago
        ("2026-11-27T17:59:59", True),  # a half day's last second
        ("2026-11-27T18:00:00", False),
    ],
)
def test_only_minutes_that_the_exchange_trades_are_written(
    acquisition: Acquisition, market: Market, moment: str, written: bool
) -> None:
    acquisition.request(OPENING)
    market.clock.set(dt.datetime.fromisoformat(moment + "+00:00"))
    report = acquisition.pull()
    assert report.failed == ()
    assert set(acquisition.points()) == (
        {(entity.name, moment[:17] + "00Z") for entity in acquisition.feed.entities} if written else set()
    )


def test_a_trigger_at_its_minutes_very_end_stamps_the_minute_that_the_provider_shows(
    acquisition: Acquisition, market: Market
) -> None:
    acquisition.request(OPENING)
    market.clock.set(OPENING + dt.timedelta(seconds=61))
    acquisition.pull()
    assert {time for _, time in acquisition.points()} == {"2026-11-20T14:31:00Z"}
    assert acquisition.metrics.values["TriggerDelaySeconds"] == [61.0]


@pytest.mark.parametrize("skew", [-300, 300])
def test_a_provider_whose_clock_is_wrong_by_minutes_still_gives_its_own_minute(
    acquisition: Acquisition, market: Market, skew: int
) -> None:
    market.fail("skew", seconds=skew)
    market.clock.set(OPENING + 10 * MINUTE)
    acquisition.request(OPENING + 10 * MINUTE)
    acquisition.pull()
    assert {time for _, time in acquisition.points()} == {text(OPENING + 10 * MINUTE + dt.timedelta(seconds=skew))}


def test_a_message_that_waited_two_minutes_is_dropped_unasked_and_stamps_no_minute(
    acquisition: Acquisition, market: Market
) -> None:
    acquisition.request(OPENING)
    waiting = acquisition.messages()
    market.clock.advance(120)
    acquisition.time.advance(120)
    market.requests.clear()
    report = acquisition.pull(waiting)
    assert report.failed == ()
    assert report.skipped == {"stale": 11}
    assert acquisition.stream.lines == []
    assert len(market.requests.all()) == 0


def test_a_backlog_of_a_minute_is_one_call_and_one_line_per_symbol(acquisition: Acquisition, market: Market) -> None:
    acquisition.request(OPENING)
    acquisition.request(OPENING + MINUTE)
    market.clock.set(OPENING + MINUTE)
    report = acquisition.pull()
    assert report.written == 11
    assert len(market.requests.all()) == 11
    assert {time for _, time in acquisition.points()} == {"2026-11-20T14:31:00Z"}


def test_a_redelivered_message_in_the_same_minute_gives_the_same_row_again(
    acquisition: Acquisition, market: Market
) -> None:
    acquisition.request(OPENING)
    messages = acquisition.messages()
    acquisition.pull(messages)
    acquisition.time.advance(3)
    acquisition.pull(messages)
    lines = acquisition.stream.lines
    assert len(lines) == 22
    assert len({(line["symbol"], line["minute"], line["c"]) for line in lines}) == 11


def test_an_entity_that_the_contract_no_longer_names_is_not_asked_for(acquisition: Acquisition, market: Market) -> None:
    body = f'{{"dataset":"quotes","time":"{text(OPENING)}","entities":["AAPL","GONE"]}}'
    report = acquisition.pull(acquisition.messages([body]))
    assert report.failed == ()
    assert set(acquisition.points()) == {("AAPL", text(OPENING))}


def test_what_is_no_request_goes_back_for_the_dead_letters_and_harms_no_other(acquisition: Acquisition) -> None:
    good = f'{{"dataset":"quotes","time":"{text(OPENING)}","entities":["AAPL"]}}'
    bodies = [
        "no JSON",
        good,
        '{"dataset":"quotes"}',
        '{"dataset":"nobody","time":"2026-11-20","entities":["A"]}',
        "[1]",
        '{"dataset":"quotes","time":"yesterday","entities":["AAPL"]}',
        '{"dataset":"quotes","time":"2026-11-20","entities":"AAPL"}',
    ]
    messages = acquisition.messages(bodies)
    report = acquisition.pull(messages)
    assert report.failed == tuple(message.id for message in messages if message.body != good)
    assert len(acquisition.stream.lines) == 1
