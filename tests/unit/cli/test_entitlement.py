"""What a key may do is found out by asking: here the market simulator, which refuses as Finnhub does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.fakes.secrets import MemorySecrets

from cli.entitlement import Finding, ask_providers
from core.authoring.load import load
from core.contract.model import Contracts
from local.market import Market

CONTRACTS = load(Path(__file__).parents[3] / "contracts", today=date(2026, 11, 20))
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)  # a Saturday: the last session was Friday's


@pytest.fixture(scope="module")
def running() -> Iterator[Market]:
    with Market.start(seed=4) as market:
        yield market


@pytest.fixture
def market(running: Market) -> Market:
    running.heal()
    running.clock.set(NOW)
    return running


def asked(market: Market, *, token: str | None = None, contracts: Contracts = CONTRACTS) -> dict[str, Finding]:
    secrets = MemorySecrets(**{"finnhub-token": market.token if token is None else token})
    urls = {"quotes": market.api_url}
    return {provider.setting: provider for provider in ask_providers(contracts, secrets=secrets, urls=urls, now=NOW)}


def test_a_key_that_may_do_both_is_fine_and_the_last_session_s_hour_was_asked_for(market: Market) -> None:
    found = asked(market)
    assert all(one.fine for one in found.values())
    assert "2026-11-20 20:00 to 21:00" in found["source.history"].asked
    assert found["source.history"].says == "answers with 60 points"


def test_a_free_key_may_ask_for_quotes_and_not_for_history(market: Market) -> None:
    market.fail("forbidden", endpoint="candle")
    found = asked(market)
    assert (found["source.provider"].fine, found["source.history"].fine) == (True, False)
    assert "403" in found["source.history"].says
    assert "source.history" in found["source.history"].remedy


def test_a_refused_key_is_told_apart_from_a_plan(market: Market) -> None:
    found = asked(market, token="wrong")
    assert not any(one.fine for one in found.values())
    assert all("401" in one.says for one in found.values())
    assert all("starmend secret set finnhub-token" in one.remedy for one in found.values())


def test_an_empty_secret_is_a_finding_with_its_command(market: Market) -> None:
    found = asked(market, token="")
    assert not any(one.fine for one in found.values())
    assert "starmend secret set" in found["source.provider"].remedy


@pytest.mark.parametrize(
    ("fault", "which", "fine", "says"),
    [
        ("limited", {}, False, "429"),
        ("html", {}, False, "broken"),
        ("no_data", {"endpoint": "candle"}, True, "has nothing for this"),
    ],
)
def test_what_is_no_refusal_is_not_taken_for_one(market: Market, fault: str, which, fine: bool, says: str) -> None:
    market.fail(fault, **which)
    found = asked(market)["source.history"]
    assert (found.fine, says in found.says) == (fine, True)


def test_contracts_without_a_feed_ask_nobody(market: Market) -> None:
    databases = Contracts(tuple(contract for contract in CONTRACTS if contract.dataset == "sales"))
    assert asked(market, contracts=databases) == {}
