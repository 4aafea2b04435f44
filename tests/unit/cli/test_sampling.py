"""Addresses of samples: what of them becomes part of a contract."""

from __future__ import annotations

from datetime import date

import pytest

from cli.sampling import asked_of
from core.proposing.answers import understand_answer
from core.proposing.feed import Asked, propose_feed


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


@pytest.mark.parametrize(
    ("url", "left_out"),
    [
        ("https://v6.exchangerate-api.com/v6/0f3a9c1e77b2d44c8a5512ab/latest/USD", ("its path",)),
        ("https://apps.bea.gov/api/data?UserID=0A1B2C3D-1111-2222-3333-ABCDEFABCDEF&method=GetData", ("UserID",)),
        ("https://x.org/api?username=me@x.org&code=s3A0f9c1e77b2d44c8a5512ab==&token=me@x.org", ("username", "code")),
        ("https://x.org/api?apikey=me@x.org&token=me@x.org", ("token",)),
        ("https://x.org/api?id=X&query=historical-temperatures-of-2024-and-2025&series=LNS14000000", ()),
        ("https://x.org/TIME_SERIES_DAILY_ADJUSTED/20230109T000000Z/historical-chart-1min", ()),
    ],
)
def test_what_looks_like_a_key_stays_out_of_the_contract_and_its_place_is_named(
    url: str, left_out: tuple[str, ...]
) -> None:
    """It would stand in a file that goes to git."""
    asked = asked_of(url, {"base": "USD"})
    assert asked.left_out == left_out
    assert not any(secret.lower() in repr(asked).lower() for secret in ("a0f9c", "0f3a9c", "0A1B", "me@x"))


def test_the_place_of_a_key_is_remarked_in_the_contract() -> None:
    url = "https://x.org/v6/0f3a9c1e77b2d44c8a5512ab/now"
    document = [{"time": f"2026-11-0{day}T00:00:00Z", "value": day} for day in range(1, 8)]
    text = propose_feed("x", document, asked_of(url, document), today=date(2026, 11, 20))
    assert "a key or a name of yours in its path" in " ".join(text.replace("#", " ").split())


@pytest.mark.parametrize(
    ("times", "form"),
    [
        ([f"11/0{day}/2026 00:00" for day in range(1, 8)], "%m/%d/%Y %H:%M"),
        ([f"0{day}/11/2026 00:00" for day in range(1, 8)], "%d/%m/%Y %H:%M"),
        ([f"11/0{day}/2026" for day in range(1, 8)], "%m/%d/%Y"),
        ([f"0{day}/11/2026" for day in range(1, 8)], "%d/%m/%Y"),
    ],
)
def test_days_of_a_month_are_no_months_of_a_year_and_the_other_reading_is_named(times: list[str], form: str) -> None:
    document = [{"time": time, "value": number} for number, time in enumerate(times)]
    read = understand_answer(document)
    assert read is not None
    assert (read.form, read.every) == (form, 86_400)
    text = propose_feed("x", document, Asked(), today=date(2026, 11, 20))
    assert f"day and month may be the other way round: {read.other_form}" in " ".join(text.replace("#", " ").split())
