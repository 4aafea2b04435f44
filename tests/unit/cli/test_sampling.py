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


def test_a_range_of_one_day_in_the_path_has_two_ends() -> None:
    url = "https://api.example.org/v2/aggs/ticker/AAPL/range/1/day/2023-01-09/2023-01-09"
    asked = asked_of(url, {"results": [{"t": 1673240400000, "c": 130.15}]})
    assert asked.path == "/v2/aggs/ticker/AAPL/range/1/day/{start}/{end}"


def test_a_name_in_the_answer_is_no_entity_where_a_value_of_it_stands_in_the_path_too() -> None:
    """Polygon's addresses and answers, as its documentation has them."""
    url = "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/2023-01-09/2023-02-10?apiKey=hush"
    asked = asked_of(url, {"ticker": "AAPL", "results": [{"t": 1673240400000, "c": 130.15}]})
    assert (asked.path, asked.entity) == ("/v2/aggs/ticker/{entity}/range/1/day/{start}/{end}", "AAPL")
