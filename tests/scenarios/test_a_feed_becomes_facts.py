"""The feed, end to end: schedule, queue, provider, stream, Firehose, processing, Athena; the market's clock is set."""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any

import pytest
from tests.support import deployed
from tests.support.sessions import Hour
from tests.support.waiting import eventually

from local.invoking import await_receipts, invoke
from local.stack import Stack
from local.trading import Traded, await_points, feed_of, points_per_symbol_and_hour, trade

pytestmark = pytest.mark.stack
FEEDS = "feeds/quotes/"


@pytest.fixture(scope="module")
def traded(stack: Stack, hour: Hour) -> Traded:
    """An hour with nothing left out."""
    lines = deployed.count_lines(stack.deployment, FEEDS)
    done = trade(stack, hour(0))
    await_points(stack, lines + done.asked)
    return done


def quotes(stack: Stack, traded: Traded) -> dict[tuple[str, dt.datetime], Any]:
    frame = stack.deployment.athena.query(
        "select symbol, minute, price, provenance from fact_quote"
        f" where minute >= timestamp '{traded.first:%Y-%m-%d %H:%M:%S}'"
        f" and minute < timestamp '{traded.last:%Y-%m-%d %H:%M:%S}'"
    )
    assert not frame.duplicated(["symbol", "minute"]).any()
    return {
        (row["symbol"], row["minute"].to_pydatetime().replace(tzinfo=dt.UTC)): (row["price"], row["provenance"])
        for row in frame.to_dict("records")
    }


def promised(stack: Stack, traded: Traded) -> dict[tuple[str, dt.datetime], Any]:
    """What the market itself says the prices were: a quote early in its minute is that minute's open."""
    feed, _ = feed_of(stack)
    length = int((traded.last - traded.first).total_seconds()) // 60
    minutes = [traded.first + dt.timedelta(minutes=number) for number in range(length)]
    return {
        (entity.name, minute): (stack.market.candle(entity.name, minute).open, "observed")
        for entity in feed.entities
        for minute in minutes
    }


def test_660_expected_points_are_660_rows_with_the_markets_prices_to_the_last_decimal(
    stack: Stack, traded: Traded
) -> None:
    assert (traded.expected, traded.asked) == (660, 660)
    assert quotes(stack, traded) == promised(stack, traded)


def test_every_record_twice_in_any_order_and_every_event_twice_are_the_same_rows(stack: Stack, traded: Traded) -> None:
    deployment = stack.deployment
    objects = deployed.ingest_keys(deployment, FEEDS)
    lines: list[Any] = [line for key in objects for line in deployed.lines_of(deployment, key)] * 2
    random.Random(7).shuffle(lines)
    again = f"{FEEDS}{dt.datetime.now(dt.UTC):%Y/%m/%d/%H}/again.gz"
    deployed.land(deployment, again, lines)
    before = quotes(stack, traded)
    versions = deployed.pointers(deployment)
    await_receipts(deployment, FEEDS)
    deployed.tell(deployment, *objects, again, *objects)
    eventually(lambda: deployed.is_quiet(deployment, "arrivals"), within=60)
    assert quotes(stack, traded) == before == promised(stack, traded)
    assert deployed.pointers(deployment) == versions


def test_with_the_fault_switch_on_exactly_the_dropped_points_are_missing(
    stack: Stack, traded: Traded, hour: Hour
) -> None:
    lines = deployed.count_lines(stack.deployment, FEEDS)
    with deployed.reconfigured(stack.deployment, "request", STARMEND_DROP_ONE_ENTITY="demo"):
        dropped = trade(stack, hour(1), minutes=20)
    await_points(stack, lines + dropped.asked)
    assert (dropped.expected, dropped.asked, len(dropped.left_out)) == (220, 200, 20)
    missing = promised(stack, dropped).keys() - quotes(stack, dropped).keys()
    assert missing == set(dropped.left_out)
    counts = {str(row["symbol"]): int(str(row["points"])) for row in points_per_symbol_and_hour(stack, dropped)}
    assert len(counts) == 11
    assert sum(counts.values()) == 200


def test_a_rejected_token_is_one_mail_and_no_storm(stack: Stack, traded: Traded, hour: Hour) -> None:
    deployment = stack.deployment
    asked_for = Traded(hour(2), hour(3), 0, 0, ())
    before = quotes(stack, asked_for)
    fault = stack.market.fail("unauthorized")
    try:
        with deployed.mailbox(deployment, "refused") as mail:
            stack.market.forget_requests()
            for number in range(3):
                stack.market.clock.set(hour(2) + dt.timedelta(minutes=number, seconds=1))
                invoke(deployment, "request", {"dataset": "quotes", "time": f"{hour(2):%Y-%m-%dT%H:%M:%SZ}"})
                eventually(lambda: deployed.is_quiet(deployment, "requests"), within=60)
            eventually(lambda: deployed.alarm_state(deployment, "provider-refused-quotes") == "ALARM", within=60)
            mails = eventually(lambda: [json.loads(text) for text in mail() if "provider-refused" in text], within=60)
            alarmed = [mail for mail in mails if mail["AlarmName"] == deployment.alarms["provider-refused-quotes"]]
            assert [mail["NewStateValue"] for mail in alarmed] == ["ALARM"]
            assert "docs/runbook.md#provider-refused" in alarmed[0]["AlarmDescription"]
        assert stack.market.requests.count() <= 3 * 2 * 11
    finally:
        stack.market.heal(fault)
    assert quotes(stack, asked_for) == before


def test_the_raw_lines_are_in_the_catalog(stack: Stack, traded: Traded) -> None:
    frame = stack.deployment.athena.query("select count(*) as n from raw_quotes where kind = 'live'")
    assert frame["n"][0] >= 660
    first = deployed.ingest_keys(stack.deployment, FEEDS)[0]
    assert {"symbol", "minute", "kind", "provenance", "fetched_at", "c"} <= set(
        deployed.lines_of(stack.deployment, first)[0]
    )
