"""Whatever the provider does, nothing wrong is written, nothing storms, and the next minute goes on."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any

import pytest
from tests.support.feeds import OPENING, Acquisition, contracts_in
from tests.support.scripted_server import Answer, Request, scripted_server

from local.market import Market

MINUTE = dt.timedelta(minutes=1)


def minute_of_feed(acquisition: Acquisition, market: Market, minute: dt.datetime) -> int:
    """One minute: the schedule fires, the queue is pulled; returns the calls that the provider got."""
    market.requests.clear()
    market.clock.set(minute)
    acquisition.time.advance(60)
    acquisition.request(minute)
    report = acquisition.pull()
    assert report.failed == ()
    return len(market.requests.all())


def minutes_written(acquisition: Acquisition) -> set[str]:
    return {time[11:16] for _, time in acquisition.points()}


@pytest.mark.parametrize("retry_after", [None, 1, 30, 300])
def test_five_minutes_of_429_are_sat_out_without_a_storm(
    acquisition: Acquisition, market: Market, retry_after: int | None
) -> None:
    until = OPENING + 5 * MINUTE
    market.fail("limited", during=(OPENING, until), retry_after=retry_after)
    calls = [minute_of_feed(acquisition, market, OPENING + n * MINUTE) for n in range(5)]
    assert acquisition.stream.lines == []
    assert max(calls) <= 2 * 11
    acquisition.time.advance(300)
    assert minute_of_feed(acquisition, market, until) == 11
    assert minutes_written(acquisition) == {"14:35"}
    assert acquisition.metrics.total("PointsLimited") + acquisition.metrics.total("PointsUnanswered") == 55


def test_a_limit_that_tells_when_it_ends_is_waited_for_within_the_batch(
    acquisition: Acquisition, market: Market
) -> None:
    market.fail("limited", first=1, retry_after=3)
    assert minute_of_feed(acquisition, market, OPENING) == 12
    assert len(acquisition.points()) == 11
    assert 3.0 in [round(seconds, 1) for seconds in acquisition.time.slept]


def test_the_reset_time_of_a_limit_is_believed_where_there_is_no_retry_after(
    acquisition: Acquisition, market: Market
) -> None:
    market.limits(per_minute=5)
    market.clock.set(OPENING + dt.timedelta(seconds=50))
    acquisition.request(OPENING)
    report = acquisition.pull(seconds=300)  # waits of threads add up on this clock; calls under way are awaited
    assert report.written == 5  # the market's clock stands, so the wait of 10 s is in vain
    assert max(acquisition.time.slept) == pytest.approx(10)
    assert report.failed == ()


def test_a_refused_token_is_one_log_line_and_one_metric_and_ends_the_round(
    acquisition: Acquisition, market: Market
) -> None:
    acquisition.secrets.values["finnhub-token"] = "wrong"
    calls = minute_of_feed(acquisition, market, OPENING)
    assert acquisition.stream.lines == []
    assert calls <= 11
    assert acquisition.metrics.total("ProviderRefused") >= 1
    (refused,) = acquisition.log.about("starmend secret set finnhub-token")
    assert (refused["level"], refused["why"]) == ("error", "token_refused")
    assert '"wrong"' not in json.dumps(acquisition.log.lines)


def test_a_token_that_was_rotated_is_read_again_and_nothing_is_lost(acquisition: Acquisition, market: Market) -> None:
    minute_of_feed(acquisition, market, OPENING)
    market.token = acquisition.secrets.values["finnhub-token"] = "rotated"
    minute_of_feed(acquisition, market, OPENING + MINUTE)
    assert len(acquisition.points()) == 22
    assert acquisition.secrets.reads == 2


def test_a_refused_token_is_looked_up_once_a_batch_until_it_is_mended(acquisition: Acquisition, market: Market) -> None:
    acquisition.secrets.values["finnhub-token"] = "wrong"
    for n in range(3):
        minute_of_feed(acquisition, market, OPENING + n * MINUTE)
    assert acquisition.secrets.reads == 1 + 3
    acquisition.secrets.values["finnhub-token"] = market.token
    minute_of_feed(acquisition, market, OPENING + 3 * MINUTE)
    assert minutes_written(acquisition) == {"14:33"}
    assert len(acquisition.points()) == 11


def test_a_secret_without_a_value_asks_nobody_and_says_how_to_fill_it(acquisition: Acquisition, market: Market) -> None:
    acquisition.secrets.values["finnhub-token"] = ""
    assert minute_of_feed(acquisition, market, OPENING) == 0
    assert acquisition.metrics.total("SecretMissing") == 11
    (missing,) = acquisition.log.about("starmend secret set finnhub-token")
    assert (missing["why"], missing["points"]) == ("secret_missing", 11)
    acquisition.secrets.values["finnhub-token"] = market.token
    minute_of_feed(acquisition, market, OPENING + MINUTE)
    assert minutes_written(acquisition) == {"14:31"}


def test_a_symbol_that_the_plan_does_not_include_keeps_no_other_from_being_asked(
    acquisition: Acquisition, market: Market
) -> None:
    market.fail("forbidden", symbol="AAPL")
    assert minute_of_feed(acquisition, market, OPENING) == 11
    assert len(acquisition.points()) == 10
    assert acquisition.metrics.total("ProviderRefused") == 1


@pytest.mark.parametrize("fault", [{"kind": "zeros"}, {"kind": "html"}, {"kind": "truncated"}, {"kind": "no_data"}])
def test_nonsense_with_status_200_is_refused(acquisition: Acquisition, market: Market, fault: dict[str, Any]) -> None:
    market.fail(**fault, symbol="MSFT")
    assert minute_of_feed(acquisition, market, OPENING) == 11
    assert {symbol for symbol, _ in acquisition.points()} == {entity.name for entity in acquisition.feed.entities} - {
        "MSFT"
    }
    assert acquisition.metrics.total("ProviderBroken") == 1


@pytest.mark.parametrize("fault", [{"kind": "error", "status": 503}, {"kind": "reset"}])
def test_a_provider_that_stumbles_once_is_asked_again(
    acquisition: Acquisition, market: Market, fault: dict[str, Any]
) -> None:
    market.fail(**fault, symbol="MSFT", first=1)
    assert minute_of_feed(acquisition, market, OPENING) == 12
    assert len(acquisition.points()) == 11


@pytest.mark.parametrize("fault", [{"kind": "error", "status": 500}, {"kind": "reset"}])
def test_a_provider_that_stays_down_is_asked_three_times_and_then_left_to_the_auditor(
    acquisition: Acquisition, market: Market, fault: dict[str, Any]
) -> None:
    market.fail(**fault, symbol="MSFT")
    assert minute_of_feed(acquisition, market, OPENING) == 13
    assert len(acquisition.points()) == 10
    assert acquisition.metrics.total("ProviderBroken") == 1
    market.heal()
    minute_of_feed(acquisition, market, OPENING + MINUTE)
    assert len(acquisition.points()) == 21


def test_a_provider_that_hangs_on_one_symbol_costs_that_symbol_alone() -> None:
    answered = threading.Event()

    def say(request: Request) -> Answer:
        if "MSFT" in request.path:
            answered.wait(30)
        return Answer('{"c": 189.5, "d": 0, "dp": 0, "h": 190, "l": 188, "o": 189, "pc": 189, "t": 1795185000}')

    with scripted_server(say) as server:
        acquisition = Acquisition(contracts=contracts_in(), dataset="quotes", url=server.url, token="token")
        acquisition.request(OPENING)
        report = acquisition.pull(seconds=3)
        answered.set()
    assert report.failed == ()
    assert {symbol for symbol, _ in acquisition.points()} == {entity.name for entity in acquisition.feed.entities} - {
        "MSFT"
    }
    assert report.skipped == {"unanswered": 1}
