"""Settings of a feed's providers, and the fields that its tables take of them."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import yaml
from tests.support.feeds import ROOT, contracts_in

from core.contract.model import Provider
from core.errors import BadContract
from core.feeds.providers import (
    check_provider,
    comparable,
    history_delay,
    history_span,
    needed_fields,
    plan_of,
    plans_of_accounts,
    provider_secrets,
    strictest,
)
from core.feeds.turns import Plan

WEATHER = yaml.safe_load((ROOT / "tests/support/weather.yaml").read_text())


def test_the_quotes_need_their_price_and_nothing_else_of_the_provider() -> None:
    contracts = contracts_in()
    quotes, feed = contracts.dataset("quotes"), contracts.feed("quotes")
    assert needed_fields(quotes, feed, "live") == ("c",)
    assert needed_fields(quotes, feed, "history") == ("o",)


def test_a_feed_needs_the_secrets_of_all_its_providers() -> None:
    feed = contracts_in().feed("quotes")
    assert provider_secrets(feed) == ("finnhub-token",)
    other = dataclasses.replace(feed, history=Provider("rest", {"secret": "polygon-token"}))
    assert provider_secrets(other) == ("finnhub-token", "polygon-token")


def test_a_providers_span_is_known_without_asking_it() -> None:
    assert history_span(Provider("finnhub")) == dt.timedelta(days=30)
    assert history_span(Provider("rest", WEATHER["source"]["provider"]["rest"])) == dt.timedelta(days=31)


def test_the_plan_of_an_account_is_the_strictest_of_those_that_its_feeds_tell() -> None:
    contracts = contracts_in()
    quotes, feed = contracts.dataset("quotes"), contracts.feed("quotes")
    slower = dataclasses.replace(quotes, dataset="slower", source=dataclasses.replace(feed, calls_per_minute=20))
    told = plans_of_accounts([quotes, slower])["finnhub/finnhub-token"]
    assert {contract.dataset for contract, _ in told} == {"quotes", "slower"}
    assert strictest(plan for _, plan in told) == Plan(20, 30)
    assert strictest([Plan(60), Plan(90, 5)]) == Plan(60, 5), "a second of which nobody says anything is no limit"
    assert plan_of(feed, Provider("rest", {"calls_per_minute": 5})) == Plan(5)


def test_what_can_be_compared_are_the_providers_numbers() -> None:
    contracts = contracts_in()
    columns = comparable(contracts.dataset("quotes"), contracts.feed("quotes"))
    assert [(column.name, field) for _, column, field in columns] == [("price", "o")]


def test_a_provider_publishes_its_history_when_it_says_so() -> None:
    assert history_delay(Provider("finnhub")) == dt.timedelta()
    settings = WEATHER["source"]["provider"]["rest"] | {"delay": "1 day"}
    assert history_delay(Provider("rest", settings)) == dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("provider", "every", "problem"),
    [
        (Provider("finnhub", {"tocken": "x"}), 60, "is no setting"),
        (Provider("finnhub"), 120, "has no candles of 120 s"),
        (Provider("oracle"), 60, "is no provider"),
        (Provider("rest", {}), 60, "is missing"),
    ],
)
def test_what_cannot_be_asked_is_refused(provider: Provider, every: int, problem: str) -> None:
    with pytest.raises(BadContract, match=problem):
        check_provider(provider, every=every)
