"""URLs of databases, as their owners have them at hand."""

from __future__ import annotations

import json

import pytest

from core.errors import Misuse
from ingestion.engines.urls import secret_of_url


def test_a_url_becomes_the_secret_that_a_contract_names() -> None:
    secret = secret_of_url("postgresql://reader:p%2Fw@db.example.com:5433/shop")
    assert json.loads(secret) == {
        "host": "db.example.com",
        "port": "5433",
        "dbname": "shop",
        "username": "reader",
        "password": "p/w",
        "sslmode": "verify-full",
    }


@pytest.mark.parametrize("password", ["hush/hush", "hush#hush", "hush?hush", "hush\u2100hush", "[hush", "1/hush"])
def test_a_url_that_is_none_tells_nothing_of_its_password(password: str) -> None:
    with pytest.raises(Misuse) as refused:
        secret_of_url(f"postgresql://reader:{password}@db.example.com/shop")
    assert "hush" not in str(refused.value)
