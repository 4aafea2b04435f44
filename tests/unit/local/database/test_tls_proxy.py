"""The TLS proxy in front of a server that sends everything back in capitals."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from local.database.certificate import write_certificate
from local.database.tls_proxy import TlsProxy

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)
HOST = "127.0.0.1"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    write_certificate(tmp_path / "server.crt", tmp_path / "server.key")
    return tmp_path / "server.crt"


async def shouting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1024):
        writer.write(data.upper())
    writer.close()


def proxied(certificate: Path, talk: Callable[[int], Awaitable[None]]) -> None:
    """Run ``talk`` with the port of a proxy in front of the shouting server."""

    async def run() -> None:
        server = await asyncio.start_server(shouting, HOST, 0)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
        proxy = await TlsProxy.open(HOST, 0, behind=server.sockets[0].getsockname()[1], tls=tls)
        await asyncio.wait_for(talk(proxy.port), 10)
        proxy.close()
        server.close()

    asyncio.run(run())


def test_a_client_that_asks_for_tls_gets_it_and_its_stream_is_decrypted(certificate: Path) -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(SSL_REQUEST)
        assert await reader.readexactly(1) == b"S"
        await writer.start_tls(ssl.create_default_context(cafile=str(certificate)), server_hostname="localhost")
        writer.write(b"hello, database")
        assert await reader.readexactly(15) == b"HELLO, DATABASE"
        writer.close()

    proxied(certificate, talk)


def test_a_client_that_asks_for_kerberos_is_refused_it_and_goes_on_plainly(certificate: Path) -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(GSSENC_REQUEST)
        assert await reader.readexactly(1) == b"N"
        writer.write(b"start me up")
        assert await reader.readexactly(11) == b"START ME UP"
        writer.close()

    proxied(certificate, talk)


def test_a_session_ends_at_both_ends(certificate: Path) -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"plain and simple")
        assert await reader.readexactly(16) == b"PLAIN AND SIMPLE"
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()

    proxied(certificate, talk)
