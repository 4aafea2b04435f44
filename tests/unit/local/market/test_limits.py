"""Rate limits of the market's callers."""

from __future__ import annotations

import datetime as dt

from local.market.limits import Limits

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def test_without_limits_every_call_is_within_them_and_has_no_headers() -> None:
    limits = Limits()
    assert [limits.take("token", NOON) for _ in range(3)] == [(True, {})] * 3


def test_a_minute_holds_its_calls_per_token_and_the_next_one_begins_anew() -> None:
    limits = Limits()
    limits.set(per_minute=2)
    assert [limits.take("a", NOON)[0] for _ in range(3)] == [True, True, False]
    assert limits.take("b", NOON)[0]
    within, headers = limits.take("a", NOON + dt.timedelta(minutes=1))
    assert (within, headers["X-Ratelimit-Remaining"]) == (True, "1")


def test_a_refused_call_uses_nothing_up_and_may_say_when_to_come_back() -> None:
    limits = Limits()
    limits.set(per_minute=10, per_second=1, retry_after=True)
    assert limits.take("a", NOON)[0]
    within, headers = limits.take("a", NOON)
    assert (within, headers["Retry-After"], headers["X-Ratelimit-Remaining"]) == (False, "1", "9")
