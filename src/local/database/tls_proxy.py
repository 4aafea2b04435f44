"""TLS proxy in front of PostgreSQL.

PostgreSQL's wheels are built without OpenSSL, so TLS ends here: a client's SSLRequest is answered and its stream
decrypted, then everything goes to the server's own port unchanged. A client that asks for no TLS is relayed as it is.
The server therefore never sees TLS (``pg_stat_ssl`` is empty, SCRAM goes without channel binding).

Message formats: PostgreSQL documentation, "Frontend/Backend Protocol", section "Message Formats".
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Coroutine
from typing import cast

from core.errors import present

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)
_REQUEST_BYTES = 8


class TlsProxy:
    """Listens on ``host:port`` (0: any free port) and relays clients to the server at port ``behind``."""

    def __init__(self, server: asyncio.Server, port: int) -> None:
        self._server = server
        self.port = port

    @classmethod
    async def open(cls, host: str, port: int, *, behind: int, tls: ssl.SSLContext) -> TlsProxy:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Client(host, behind, tls), host, port)
        return cls(server, server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept no more clients; open sessions stay until the server ends them."""
        self._server.close()


class _Half(asyncio.Protocol):
    """An end of a relay: sends what it receives out at the other end, no faster than that end takes it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Half | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        # PostgreSQL's protocol knows no half-open sessions: one end gone, the session is over.
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Client(_Half):
    """The end towards the client: settles TLS first, then relays."""

    def __init__(self, host: str, behind: int, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._host = host
        self._behind = behind
        self._tls = tls
        self._greeting = b""
        self._encrypting = False
        self._tasks: set[asyncio.Task[None]] = set()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
            return
        self._greeting += data
        self._answer_greeting()

    def _answer_greeting(self) -> None:
        if self._encrypting or len(self._greeting) < _REQUEST_BYTES or self.transport is None:
            return
        request, self._greeting = self._greeting, b""
        if request == _SSL_REQUEST:
            self._encrypting = True
            self.transport.write(b"S")
            self._do(self._encrypt())
        elif request == _GSSENC_REQUEST:
            self.transport.write(b"N")
        else:
            self.transport.pause_reading()
            self._do(self._relay(request))

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _encrypt(self) -> None:
        plain = present(self.transport, "encrypt", "the client's connection")
        try:
            encrypted = await asyncio.get_running_loop().start_tls(plain, self, self._tls, server_side=True)
        except (OSError, ssl.SSLError):
            plain.abort()  # the client does not like the certificate, or has gone
            return
        self.transport = cast(asyncio.Transport, encrypted)
        self._encrypting = False
        # A client sends on right behind its handshake's last message. When both come at once, the first of it is here
        # before we are: taken then, it would have paused the transport below this one, and nobody would resume that.
        self._answer_greeting()

    async def _relay(self, first: bytes) -> None:
        client = present(self.transport, "relay", "the client's connection")
        try:
            _, server = await asyncio.get_running_loop().create_connection(_Half, self._host, self._behind)
        except OSError:
            client.abort()  # as a server that is not there would
            return
        server.other, self.other = self, server
        behind = present(server.transport, "relay", "the server's connection")
        behind.write(first)
        if client.is_closing():
            behind.close()
        else:
            client.resume_reading()
