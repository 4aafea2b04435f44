"""The auditor as it is deployed: the state machine with its functions, queue and stream, on the emulator."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from tests.scenarios.conftest import POINTS
from tests.support import deployed
from tests.support.sessions import Hour, session_days

from auditor.windows import windows_between
from local.healing import audit, hourly, listening, prove
from local.stack import Stack
from local.trading import QUOTES, await_points, feed_of, trade

pytestmark = pytest.mark.stack


def heard(_line: str) -> None:
    """The scenarios assert on data, not on what is said."""


def test_an_hour_with_a_gap_is_healed_certified_rolled_up_and_proven(stack: Stack, hour: Hour) -> None:
    first = hour(4)
    lines = deployed.count_lines(stack.deployment, f"feeds/{QUOTES}/")
    traded = trade(stack, first, minutes=10)  # and nothing for the fifty minutes after: an outage
    await_points(stack, lines + traded.asked)
    stack.market.clock.real()
    feed, _ = feed_of(stack)
    stack.market.forget_requests()
    with listening(stack) as mails:
        done = audit(stack, QUOTES, first, first + dt.timedelta(hours=1), say=heard)
    expected = len(feed.entities) * 60
    assert (done.expected, done.present, done.missing, done.certificates) == (expected, expected, 0, 1)
    assert mails == []
    # Contiguous gaps of one entity are one call, and nothing that was there is asked for again.
    assert stack.market.requests.count(endpoint="candle") == len(feed.entities)

    frame = stack.deployment.athena.query(
        "select symbol, minute, price, provenance from fact_quote"
        f" where minute >= timestamp '{first:%Y-%m-%d %H:%M:%S}'"
        f" and minute < timestamp '{first + dt.timedelta(hours=1):%Y-%m-%d %H:%M:%S}'"
    )
    prices = {(row.symbol, row.minute.to_pydatetime().replace(tzinfo=dt.UTC)): row.price for row in frame.itertuples()}
    minutes = [first + dt.timedelta(minutes=number) for number in range(60)]
    wanted = {
        (entity.name, at): stack.market.candle(entity.name, at).open for entity in feed.entities for at in minutes
    }
    assert prices == wanted
    assert frame["provenance"].value_counts().to_dict() == {
        "repaired": expected - traded.asked,
        "observed": traded.asked,
    }
    for row in hourly(stack, first):
        opens = [Decimal(str(wanted[(str(row["symbol"]), at)])) for at in minutes]
        assert (row["open"], row["high"], row["low"], row["close"]) == (opens[0], max(opens), min(opens), opens[-1])
        assert (row["minutes"], row["complete"]) == (60, True)
    proven = prove(stack, QUOTES)
    assert proven.windows >= 1
    assert proven.failures == ()


def test_a_range_too_large_to_read_is_asked_of_athena_and_healed(stack: Stack, hour: Hour) -> None:
    deployment = stack.deployment
    feed, calendar = feed_of(stack)
    begin, *_, day = session_days(feed, calendar, owing=POINTS, before=hour(0))
    end = day + dt.timedelta(days=1)
    stack.market.clock.real()
    stack.market.forget_requests()
    with listening(stack) as mails:
        done = audit(stack, QUOTES, begin, end, say=heard)
    assert done.expected > POINTS
    assert (done.present, done.missing, done.certificates) == (done.expected, 0, 0)  # nothing is certified unread
    assert mails == []
    assert stack.market.requests.count(endpoint="candle") <= 2 * len(feed.entities)
    athena = deployment.clients("athena")
    asked = athena.list_query_executions(WorkGroup=f"{deployment.project}-{deployment.environment}-auditor")
    assert len(asked["QueryExecutionIds"]) >= 2  # by the audit, and by its verification
    count = deployment.athena.query(
        "select count(*) as n from (select distinct symbol, minute from fact_quote"
        f" where minute >= timestamp '{begin:%Y-%m-%d} 00:00:00' and minute < timestamp '{end:%Y-%m-%d} 00:00:00')"
    )
    assert count["n"][0] == done.expected
    read = audit(stack, QUOTES, day, end, say=heard)
    assert read.certificates == len(windows_between(feed, calendar, int(day.timestamp()), int(end.timestamp())))
    assert prove(stack, QUOTES).failures == ()


def test_a_deleted_partition_object_and_a_deleted_ingest_object_are_found_and_healed(stack: Stack, hour: Hour) -> None:
    deployment = stack.deployment
    first = hour(4)
    warehouse, ingest = deployed.warehouse(deployment), deployed.ingest(deployment)
    of_the_hour = f"/fact_quote/symbol=AAPL/month={first:%Y-%m}/"
    [pointer] = [name for name in deployed.pointers(deployment) if of_the_hour in name]
    target = deployed.pointers(deployment)[pointer].decode().strip().split("/", 3)[3]
    before = deployment.athena.query("select count(*) as n from fact_quote where symbol = 'AAPL'")["n"][0]
    arrived = deployed.ingest_keys(deployment, f"feeds/{QUOTES}/")
    with deployed.deleted(warehouse, target), deployed.deleted(ingest, arrived[0]):
        done = audit(stack, QUOTES, first, first + dt.timedelta(hours=1), say=heard)
        assert done.missing == 0
        assert deployment.athena.query("select count(*) as n from fact_quote where symbol = 'AAPL'")["n"][0] == before
        assert deployed.ingest_keys(deployment, f"feeds/{QUOTES}/") == arrived
    assert prove(stack, QUOTES).failures == ()
