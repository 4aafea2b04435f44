"""What analysts find in their workgroup: asked while an hour has a gap, and again once it is healed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import deployed
from tests.support.sessions import Hour

from local.healing import audit
from local.invoking import await_receipts, invoke
from local.stack import Stack
from local.trading import AFTER_THE_MINUTE, QUOTES, await_points, feed_of, trade

pytestmark = pytest.mark.stack

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(stack: Stack) -> Ask:
    """The answer of a saved query, as a data frame; as if asked ``at`` that time where it tells of the last day."""
    athena = stack.deployment.clients("athena")
    ids = athena.list_named_queries(WorkGroup=stack.deployment.workgroup)["NamedQueryIds"]
    queries = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    saved = {query["Name"]: query["QueryString"] for query in queries}

    def answer(name: str, *, at: dt.datetime | None = None) -> Any:
        now = f"timestamp '{at:%Y-%m-%d %H:%M:%S}'" if at else "current_timestamp"
        return stack.deployment.athena.query(saved[name].replace("current_timestamp", now))

    return answer


@pytest.fixture(scope="module")
def sales(stack: Stack) -> Stack:
    """After a pass, and an object with one bad line."""
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    deployed.land(stack.deployment, "repair/sales/currency/a-bad-line.jsonl.gz", [{"currency_id": "none"}])
    await_receipts(stack.deployment, "tables/sales/")
    await_receipts(stack.deployment, "repair/sales/")
    deployed.copy_receipts(stack.deployment, "sales")
    return stack


@pytest.fixture(scope="module")
def gap(stack: Stack, hour: Hour) -> dt.datetime:
    """The start of an hour of which only the first minute was asked for; for the rest the provider sends pages."""
    first = hour(2)
    before = deployed.count_lines(stack.deployment, f"feeds/{QUOTES}/")
    traded = trade(stack, first, minutes=1)
    await_points(stack, before + traded.asked)
    stack.market.clock.set(first + dt.timedelta(hours=1) + AFTER_THE_MINUTE)
    stack.market.clock.real()
    fault = stack.market.fail("html", endpoint="candle")
    try:
        done = audit(stack, QUOTES, first, first + dt.timedelta(hours=1), say=unheard)
    finally:
        stack.market.heal(fault)
    assert done.missing == 59 * traded.asked
    return first


def unheard(_line: str) -> None:
    """The scenarios assert on data, not on what is said."""


def test_revenue_is_that_of_every_order_as_it_is_now(sales: Stack, ask: Ask) -> None:
    totals = sales.deployment.athena.query(
        "select sum(units_sold * unit_price) as revenue, count(*) as orders from fact_sales_order where is_latest"
    )
    answer = ask("revenue-by-month")
    assert (answer["revenue"].sum(), answer["orders"].sum()) == (totals["revenue"][0], totals["orders"][0])
    assert answer["orders"].sum() > 0
    assert ask("orders-by-country")["orders"].sum() == totals["orders"][0]
    assert ask("staff-by-department")["staff"].sum() > 0


def test_the_log_and_the_quarantine_tell_of_the_bad_line(sales: Stack, ask: Ask) -> None:
    log = ask("processing-log")
    assert 0 < len(log) <= 100
    assert list(log["processed_at"]) == sorted(log["processed_at"], reverse=True)
    [receipt] = log[log["object"] == "repair/sales/currency/a-bad-line.jsonl.gz"].to_dict("records")
    assert (receipt["outcome"], receipt["rejected"], receipt["rows_out"]) == ("unchanged", 1, 0)
    rejected = ask("quarantine")
    of_currency = rejected[rejected["source_table"] == "currency"]
    assert any("currency_id" in reason for reason in of_currency["reason"])
    assert "repair/sales/currency/a-bad-line.jsonl.gz" in set(of_currency["example"])
    assert set(ask("halted-objects")["reason"].str.contains("quarantine")) <= {True}


def test_a_gap_is_told_minute_by_minute_until_it_is_healed_and_then_its_hour_has_prices(
    stack: Stack, ask: Ask, gap: dt.datetime
) -> None:
    symbols = {entity.name for entity in feed_of(stack)[0].entities}
    missing = ask("missing-points")
    owed = {(symbol, gap + dt.timedelta(minutes=number)) for symbol in symbols for number in range(1, 60)}
    assert {(row.symbol, row.minute.to_pydatetime().replace(tzinfo=dt.UTC)) for row in missing.itertuples()} == owed
    assert told_of(ask, gap) == ("alarmed", 59 * len(symbols))
    assert gap not in whole_hours(ask)
    done = audit(stack, QUOTES, gap, gap + dt.timedelta(hours=1), say=unheard)
    assert (done.missing, done.certificates) == (0, 1)
    assert len(ask("missing-points")) == 0
    assert told_of(ask, gap) == ("certified", 0)
    assert gap in whole_hours(ask)
    points = ask("points-per-symbol-and-hour", at=gap + dt.timedelta(hours=2))
    healed = points[points["hour"] == gap.replace(tzinfo=None)]
    assert set(healed["symbol"]) == symbols
    assert set(zip(healed["points"], healed["missing"], strict=True)) == {(60, 0)}


def told_of(ask: Ask, hour: dt.datetime) -> tuple[str, int]:
    """Status and missing points of an hour, by the completeness query."""
    answer = ask("completeness")
    [row] = answer[(answer["dataset"] == QUOTES) & (answer["window_start"] == f"{hour:%Y-%m-%dT%H:%M:%SZ}")].to_dict(
        "records"
    )
    return str(row["status"]), int(row["missing"])


def whole_hours(ask: Ask) -> set[dt.datetime]:
    """Hours that the prices are told of; every one of them is whole."""
    answer = ask("hourly-prices")
    assert (answer["minutes"] == answer["expected"]).all()
    return {at.to_pydatetime().replace(tzinfo=dt.UTC) for at in answer["hour"]}
