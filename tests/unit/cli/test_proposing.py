"""What ``init`` asks of a database's server before it reads its catalog."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.proposing import read_address
from ingestion.engines.urls import secret_of_url
from local.database.certificate import write_certificate


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
