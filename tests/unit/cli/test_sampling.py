"""Addresses of samples: what of them becomes part of a contract."""

from __future__ import annotations

import pytest

from cli.sampling import asked_of


@pytest.mark.parametrize(
    "name", ["apikey", "api-key", "apiToken", "x-api-key", "subscription-key", "client_secret", "password", "appid"]
)
def test_no_secret_of_an_address_becomes_part_of_a_contract(name: str) -> None:
    asked = asked_of(f"https://user:hush@api.example.org/q?symbol=AAPL&{name}=hush&page_token=7", [{"symbol": "AAPL"}])
    assert "hush" not in repr(asked)
    assert asked.secret == name
    assert asked.query == {"symbol": "{entity}", "page_token": "7"}
