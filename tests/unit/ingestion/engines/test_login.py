from __future__ import annotations

import json
import ssl

import pytest

from core.errors import InvalidData
from ingestion.engines.login import Login, parse_login

WHOLE = {"host": "db.internal", "port": 5433, "dbname": "totesys", "username": "reader", "password": "pa'ss\"wörd"}


def test_a_server_proves_itself_unless_the_secret_says_otherwise() -> None:
    login = parse_login(json.dumps(WHOLE), secret="sales-db")
    assert (login.host, login.port, login.dbname, login.username) == ("db.internal", 5433, "totesys", "reader")
    assert login.sslmode == "verify-full"
    context = login.tls()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_server_is_believed_without_proof_only_where_the_secret_says_require() -> None:
    context = parse_login(json.dumps(WHOLE | {"sslmode": "require"}), secret="sales-db").tls()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_plain_text_is_spoken_only_where_the_secret_says_so() -> None:
    assert parse_login(json.dumps(WHOLE | {"sslmode": "disable"}), secret="sales-db").tls() is None
    for mode in ("prefer", "allow", "off", "DISABLE"):
        with pytest.raises(InvalidData, match="sslmode"):
            parse_login(json.dumps(WHOLE | {"sslmode": mode}), secret="sales-db")


def test_verify_full_wants_a_certificate_for_this_host() -> None:
    context = Login("h", 1, "d", "u", "p", sslmode="verify-full").tls()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("name", ["host", "dbname", "username", "password"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(InvalidData, match=f"lacks {name}"):
        parse_login(json.dumps({field: value for field, value in WHOLE.items() if field != name}), secret="sales-db")


@pytest.mark.parametrize("text", ["", "postgresql://u:hunter2@h/d", "[]", '"hunter2"', '{"port": "hunter2"}'])
def test_no_error_repeats_what_the_secret_says(text: str) -> None:
    with pytest.raises(InvalidData) as caught:
        parse_login(text, secret="sales-db")
    assert "sales-db" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_login_shows_no_password() -> None:
    login = parse_login(json.dumps(WHOLE), secret="sales-db")
    assert WHOLE["password"] not in repr(login)
    assert login.place == "postgresql://reader@db.internal:5433/totesys"


def test_a_root_certificate_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidData, match="sslrootcert"):
        Login("h", 1, "d", "u", "p", sslmode="verify-full", sslrootcert="no certificate").tls()


@pytest.mark.parametrize(
    ("primary", "host", "port"),
    [
        ("leader.example", "leader.example", 5432), ("leader.example:6432", "leader.example", 6432),
        ("10.0.0.1:1", "10.0.0.1", 1), ("[2001:db8::1]:6432", "2001:db8::1", 6432), ("[::1]", "::1", 5432),
        ("2001:db8::1", "2001:db8::1", 5432), ("::ffff:10.0.0.1", "::ffff:10.0.0.1", 5432),
    ],
)  # fmt: skip
def test_a_primary_is_a_name_or_an_address_of_either_kind(primary: str, host: str, port: int) -> None:
    login = {"host": "h", "port": 5432, "dbname": "d", "username": "u", "password": "p", "primary": primary}
    leader = parse_login(json.dumps(login), secret="s").of_primary
    assert leader is not None
    assert (leader.host, leader.port) == (host, port)


@pytest.mark.parametrize("primary", ["a:b", "a:1:2", "[::1", "::1]:5", "a b", "u@h", "leader:123456"])
def test_a_primary_that_is_neither_is_refused(primary: str) -> None:
    login = {"host": "h", "port": 5432, "dbname": "d", "username": "u", "password": "p", "primary": primary}
    with pytest.raises(InvalidData, match="primary is no host"):
        parse_login(json.dumps(login), secret="s")
