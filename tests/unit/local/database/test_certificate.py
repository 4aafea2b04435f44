"""The certificate, as a client that verifies sees it."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from local.database.certificate import write_certificate


def handshake(certificate: Path, key: Path, *, trusted: Path, name: str) -> str | None:
    """The TLS version that client and server agree on."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with serving.wrap_socket(theirs, server_side=True) as wrapped:
                wrapped.recv(1)
        except (ssl.SSLError, OSError):
            theirs.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        with ssl.create_default_context(cafile=str(trusted)).wrap_socket(ours, server_hostname=name) as wrapped:
            return wrapped.version()
    finally:
        ours.close()
        server.join()


def test_a_client_that_trusts_it_verifies_loopback_by_address_and_name(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    write_certificate(certificate, key)
    assert key.stat().st_mode & 0o077 == 0
    for name in ("127.0.0.1", "localhost"):
        assert handshake(certificate, key, trusted=certificate, name=name) == "TLSv1.3"


def test_another_certificate_is_not_trusted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_certificate(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path / "a.crt", tmp_path / "a.key", trusted=tmp_path / "b.crt", name="localhost")
