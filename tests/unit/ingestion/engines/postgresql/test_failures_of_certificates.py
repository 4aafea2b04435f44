"""What happens before a server is believed: it proves itself, or it is told nothing."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography import x509
from tests.support.certificates import LOOPBACK, greeting, self_signed

from core.errors import OutOfReach
from ingestion.engines.failures import CertificateExpired, CertificateRefused, UnknownAuthority, WrongHost
from ingestion.engines.login import parse_login
from ingestion.engines.port import Timeouts
from ingestion.engines.postgresql.session import connect

ALWAYS = dt.datetime(2115, 1, 1, tzinfo=dt.UTC)
LONG_AGO = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)


def refusal(port: int, **secret: str) -> OutOfReach:
    whole = {"host": "127.0.0.1", "port": str(port), "dbname": "d", "username": "u", "password": "hunter2", **secret}
    with pytest.raises(OutOfReach) as caught:
        connect(parse_login(json.dumps(whole), secret="sales-db"), application="a", timeouts=Timeouts(connect=5))
    return caught.value


@pytest.mark.parametrize(
    ("host", "until", "is_trusted", "kind", "remedy"),
    [
        (LOOPBACK, ALWAYS, False, UnknownAuthority, "sslrootcert"),
        (x509.DNSName("db.internal"), ALWAYS, True, WrongHost, "the secret's host"),
        (LOOPBACK, LONG_AGO, True, CertificateExpired, "renewed"),
    ],
)
def test_a_server_that_cannot_prove_itself_is_refused_by_name_and_hears_no_password(
    host: x509.GeneralName,
    until: dt.datetime,
    is_trusted: bool,
    kind: type[CertificateRefused],
    remedy: str,
    tmp_path: Path,
) -> None:
    certificate, key = self_signed(tmp_path, host=host, until=until)
    with greeting(certificate, key) as (port, told):
        roots = {"sslrootcert": certificate.read_text()} if is_trusted else {}
        error = refusal(port, **roots)
        assert type(error) is kind
        assert remedy in error.remedy
        assert '"sslmode": "require"' in error.remedy, "both ways are told"
        assert "hunter2" not in str(error)
    assert b"".join(told) == b""


def test_a_secret_from_before_the_server_had_to_prove_itself_is_refused_and_never_downgraded(tmp_path: Path) -> None:
    """It has no sslmode: what it once meant (require) has to be said now, and then it holds."""
    certificate, key = self_signed(tmp_path, until=ALWAYS)
    with greeting(certificate, key) as (port, told):
        assert type(refusal(port)) is UnknownAuthority
        assert told == []
        assert not isinstance(refusal(port, sslmode="require"), CertificateRefused)
    assert b"u\0" in told[0], "who says so is believed, and spoken to"
