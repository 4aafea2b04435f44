"""URLs of databases, as their owners have them at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.proposing import read_address
from core.errors import Misuse
from ingestion.engines.urls import secret_of_url
from local.database.certificate import write_certificate


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


@pytest.mark.parametrize(
    ("place", "mode"),
    [
        ("localhost/shop", "disable"),
        ("127.0.0.1:5433/shop?sslmode=require", "require"),
        ("localhost/shop?sslrootcert=FILE", "verify-full"),  # whoever names authorities wants them asked
        ("db.example.com/shop", "verify-full"),
        # The machine's own, by libpq's word for them, which allows no weaker proof.
        ("localhost/shop?sslrootcert=system", "verify-full"),
        ("db.example.com/shop?sslmode=require&sslrootcert=system", "verify-full"),
    ],
)
def test_init_and_up_ask_a_server_for_the_same_proof(place: str, mode: str, tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()  # a folder of the name of libpq's word
    file = tmp_path / "system" / "server.pem"
    if "FILE" in place:
        write_certificate(file, tmp_path / "key.pem")
    url = f"postgresql://reader:pw@{place}".replace("FILE", str(file))
    asked = secret_of_url(url)
    assert json.loads(asked)["sslmode"] == mode
    assert json.loads(read_address(url).secret) == json.loads(asked)


@pytest.mark.parametrize("password", ["hush/hush", "hush#hush", "hush?hush", "hush\u2100hush", "[hush", "1/hush"])
def test_a_url_that_is_none_tells_nothing_of_its_password(password: str) -> None:
    with pytest.raises(Misuse) as refused:
        secret_of_url(f"postgresql://reader:{password}@db.example.com/shop")
    assert "hush" not in str(refused.value)
