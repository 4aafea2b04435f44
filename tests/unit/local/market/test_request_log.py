"""The log of calls."""

from __future__ import annotations

import datetime as dt

from local.market.request_log import Request, RequestLog

AT = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
QUOTE = Request(AT, "/api/v1/quote", "quote", "AAPL", 200, "header")


def test_calls_are_counted_by_what_they_have_in_common() -> None:
    log = RequestLog([QUOTE, QUOTE, Request(AT, "/api/v1/quote", "quote", "AAPL", None, None)])
    assert (log.count(), log.count(symbol="AAPL", status=200), log.count(symbol="MSFT")) == (3, 2, 0)
    log.clear()
    assert log.all() == []


def test_a_call_survives_its_json() -> None:
    assert Request.from_json(QUOTE.to_json()) == QUOTE
