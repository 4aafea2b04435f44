"""Commands of ``/_control``."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from local.market import Market
from local.market.commands import carry_out, describe

AT = "2026-11-20T14:30:00+00:00"


@pytest.fixture
def market() -> Market:
    """One that does not serve: commands reach it all the same."""
    market = Market()
    market._server.server_close()
    return market


def test_the_clock_is_set_moved_and_described(market: Market) -> None:
    assert carry_out(market, {"clock": {"set": AT}}) == {"now": AT}
    assert carry_out(market, {"clock": {"advance": 60}}) == {"now": "2026-11-20T14:31:00+00:00"}
    assert describe(market, "/_control")["now"] == "2026-11-20T14:31:00+00:00"
    assert describe(market, "/_control/requests") == []


def test_a_fault_has_a_number_that_heals_it(market: Market) -> None:
    number = carry_out(market, {"fail": {"kind": "hole", "covering": [AT, "2026-11-20T14:35:00+00:00"]}})["fault"]
    assert set(market._faults._on) == {number}
    carry_out(market, {"heal": number})
    assert market._faults._on == {}


def test_sessions_are_spans_or_always(market: Market) -> None:
    carry_out(market, {"sessions": [[AT, "2026-11-20T21:00:00+00:00"]]})
    minute = int(dt.datetime.fromisoformat(AT).timestamp()) // 60
    assert (market.finnhub.sessions.is_open(minute), market.finnhub.sessions.is_open(minute - 1)) == (True, False)
    carry_out(market, {"sessions": None})
    assert market.finnhub.sessions.is_open(minute - 1)


@pytest.mark.parametrize(
    "command",
    [{"shout": 1}, {"clock": {"wind": 1}}, {"clock": {"set": "2026-11-20T14:30"}}, {"limits": {"per_year": 1}}],
)
def test_a_command_that_is_not_understood_is_refused(market: Market, command: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        carry_out(market, command)
