"""A provider's client from the contract: which secret, which limits, which address."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.secrets import MemorySecrets

from core.contract.model import Provider
from core.errors import BadContract
from ingestion.providers.build import Source, build_source

CALL = {"path": "/{entity}", "fields": {"price": "p"}, "time": "t"}
REST = {"url": "https://prices.example", "live": CALL, "history": CALL}


def built(kind: str, settings: dict[str, object], *, secret: str = "feed-key") -> Source:
    return build_source(Provider(kind, settings), every=60, secret=secret, secrets=MemorySecrets())


def test_finnhub_has_the_feeds_secret_unless_it_names_its_own() -> None:
    credential = built("finnhub", {}).credential
    assert credential is not None
    assert credential.name == "feed-key"
    own = built("finnhub", {"secret": "own-key"}).credential
    assert own is not None
    assert own.name == "own-key"
    with pytest.raises(BadContract, match="has no secret"):
        built("finnhub", {}, secret="")


def test_an_api_without_a_secret_in_its_headers_has_no_credential() -> None:
    assert built("rest", REST).credential is None
    assert built("rest", REST | {"headers": {"Key": "{secret}"}}).credential is not None


def test_limits_are_those_of_the_settings() -> None:
    source = built("rest", REST | {"span": "7 days", "delay": "15 minutes", "calls_per_minute": 5})
    assert (source.span, source.delay) == (timedelta(days=7), timedelta(minutes=15))


def test_what_makes_no_provider_is_refused() -> None:
    with pytest.raises(BadContract, match="is no provider"):
        built("oracle", {})
