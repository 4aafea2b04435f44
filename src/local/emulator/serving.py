"""HTTP/1.1 for the emulator: an ASGI application behind a socket that listens already.

MiniStack comes with Hypercorn, which takes more of the processor than MiniStack itself: what a stack does is small
requests, by the ten thousand, over connections that stay. Here a request is read whole before the application sees it,
and head and body of its answer leave in a write. No TLS, no HTTP/2, no WebSockets, for nobody in a stack speaks them;
connections stay until their client closes them (RFC 9112).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

log = logging.getLogger("starmend.emulator")

Message = dict[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
Header = tuple[bytes, bytes]
ASGI = {"version": "3.0", "spec_version": "2.3"}
HEAD_LIMIT = 1 << 16  # bytes of a request's line and headers
END_OF_HEAD = b"\r\n\r\n"
BODILESS = frozenset({204, 304})
GRACE = 1.0  # seconds that requests under way have when the server ends


class Malformed(Exception):
    """What a client sent is no request."""


async def serve(application: Application, listener: socket.socket, until: Awaitable[Any]) -> None:
    """Answer on the listener until the awaitable ends, within the application's lifespan.

    Raises ``RuntimeError`` where the application does not start.
    """
    lifespan = _Lifespan(application)
    await lifespan.start()
    connections: set[_Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(application, connections), sock=listener, backlog=512)
    await until
    server.close()
    under_way = [connection.task for connection in connections if connection.task is not None]
    if under_way:
        await asyncio.wait(under_way, timeout=GRACE)
    await lifespan.end()


class _Lifespan:
    """Start and end of the application, as ASGI has them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._asked: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self._application({"type": "lifespan", "asgi": ASGI, "state": {}}, self._asked.get, self._said.put)

    async def start(self) -> None:
        await self._ask("startup")

    async def end(self) -> None:
        await self._ask("shutdown")

    async def _ask(self, name: str) -> None:
        await self._asked.put({"type": f"lifespan.{name}"})
        answer = asyncio.create_task(self._said.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise RuntimeError(f"the application ended instead of its {name}") from self._task.exception()
        if answer.result()["type"] != f"lifespan.{name}.complete":
            raise RuntimeError(f"the application's {name} failed: {answer.result().get('message')}")


class _Connection(asyncio.Protocol):
    """A client's connection: its requests one after the other; ``task`` answers the one under way."""

    def __init__(self, application: Application, connections: set[_Connection]) -> None:
        self._application = application
        self._connections = connections
        self._context = contextvars.copy_context()
        self._received = bytearray()
        self._request: _Request | None = None  # whose body is not here yet
        self._gone = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: Any = None
        self._client: tuple[str, int] = ("", 0)
        self._server: tuple[str, int] = ("", 0)
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._client = transport.get_extra_info("peername")[:2]
        self._server = transport.get_extra_info("sockname")[:2]
        self._connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._connections.discard(self)
        self._gone.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self.task is None:
            self._go_on()

    def _go_on(self) -> None:
        """Begin with the next request as soon as all of it is here."""
        try:
            if self._request is None:
                self._request = self._head()
            if self._request is None:
                return
            body = self._request.body(self._received)
        except Malformed as error:
            log.warning("not a request: %s", error)
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()
            return
        if body is None:
            return
        request, self._request = self._request, None
        exchange = self._answer(request, body)
        # Of what the application keeps for a request none is there for the next.
        self.task = asyncio.get_running_loop().create_task(exchange, context=self._context.copy())

    def _head(self) -> _Request | None:
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            if len(self._received) > HEAD_LIMIT:
                raise Malformed("a head without an end")
            return None
        head = bytes(self._received[:end])
        del self._received[: end + len(END_OF_HEAD)]
        request = _Request(head)
        if request.waits_for_go_ahead:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return request

    async def _answer(self, request: _Request, body: bytes) -> None:
        scope = {**request.scope, "client": self._client, "server": self._server}
        exchange = _Exchange(request, body, self._transport, self._gone, self._writable)
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except Exception:
            log.exception("%s %s", request.scope["method"], request.scope["path"])
        finally:
            stays = exchange.finish()
            self.task = None
        if not stays:
            self._transport.close()
        elif self._received and not self._gone.is_set():
            self._go_on()


class _Request:
    """A request's line and headers; ``scope`` is ASGI's, but for the connection's two ends."""

    def __init__(self, head: bytes) -> None:
        line, *lines = head.lstrip(b"\r\n").split(b"\r\n")
        try:
            method, target, version = line.split(b" ")
            headers = [
                (name.lower(), value.strip(b" \t")) for name, _, value in (each.partition(b":") for each in lines)
            ]
            path, _, query = target.partition(b"?")
            text = path.decode("ascii")
            self.scope: Message = {
                "type": "http",
                "asgi": ASGI,
                "http_version": version.removeprefix(b"HTTP/").decode("ascii"),
                "method": method.decode("ascii").upper(),
                "scheme": "http",
                "path": unquote(text) if "%" in text else text,
                "raw_path": path,
                "query_string": query,
                "root_path": "",
                "headers": headers,
                "state": {},
                "extensions": {},
            }
            named = dict(headers)
            self._length = int(named.get(b"content-length", b"0"))
        except ValueError as error:
            raise Malformed(repr(head[:200])) from error
        if not version.startswith(b"HTTP/1.") or self._length < 0:
            raise Malformed(repr(line[:200]))
        self._chunks: list[bytes] | None = [] if named.get(b"transfer-encoding", b"").lower() == b"chunked" else None
        self.waits_for_go_ahead = named.get(b"expect", b"").lower() == b"100-continue"
        wish = named.get(b"connection", b"").lower()
        self.stays = wish != b"close" if version == b"HTTP/1.1" else wish == b"keep-alive"

    def body(self, received: bytearray) -> bytes | None:
        """Take the body from what was received; None where not all of it is here yet."""
        if self._chunks is not None:
            return self._chunked(received, self._chunks)
        if len(received) < self._length:
            return None
        with memoryview(received) as view:
            body = bytes(view[: self._length])
        del received[: self._length]
        return body

    @staticmethod
    def _chunked(received: bytearray, chunks: list[bytes]) -> bytes | None:
        while (line := received.find(b"\r\n")) >= 0:
            try:
                size = int(received[:line].partition(b";")[0], 16)
            except ValueError as error:
                raise Malformed("a chunk without its size") from error
            begin, end = line + 2, line + 2 + size
            if size == 0:
                finish = received.find(b"\r\n", begin)  # of trailers nobody sends any
                if finish < 0:
                    return None
                del received[: finish + 2]
                return b"".join(chunks)
            if len(received) < end + 2:
                return None
            chunks.append(bytes(received[begin:end]))
            del received[: end + 2]
        return None


class _Exchange:
    """What the application has of a request: ASGI's two functions."""

    def __init__(
        self, request: _Request, body: bytes, transport: Any, gone: asyncio.Event, writable: asyncio.Event
    ) -> None:
        self._request = request
        self._body: bytes | None = body
        self._transport = transport
        self._gone = gone
        self._writable = writable
        self._begun: tuple[int, list[Header]] | None = None  # not sent yet
        self._is_chunked = False
        self._is_sent = False  # the head
        self._is_over = False
        self._stays = request.stays

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._gone.is_set() or self._is_over:
            return
        if message["type"] == "http.response.start":
            self._begun = message["status"], [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            return
        self._send_body(bytes(message.get("body", b"")), is_last=not message.get("more_body", False))
        if not self._writable.is_set():
            await self._writable.wait()

    def finish(self) -> bool:
        """Whether the connection may go on: the application has answered, and all of it."""
        if not self._is_over and not self._is_sent and not self._gone.is_set():
            self._stays, self._begun = False, (500, [])
            self._send_body(b"", is_last=True)
        return self._stays and self._is_over and not self._gone.is_set()

    def _send_body(self, body: bytes, *, is_last: bool) -> None:
        parts: list[bytes] = []
        if not self._is_sent:
            if self._begun is None:
                raise RuntimeError("a body before its head")
            status, headers = self._begun
            parts.append(self._head(status, headers, length=len(body) if is_last else None))
            self._is_sent = True
            self._is_bodiless = self._request.scope["method"] == "HEAD" or status in BODILESS
        if not self._is_bodiless:
            if not self._is_chunked:
                parts.append(body)
            elif body:
                parts += [b"%x\r\n" % len(body), body, b"\r\n"]
            if self._is_chunked and is_last:
                parts.append(b"0\r\n\r\n")
        self._is_over = is_last
        self._transport.write(b"".join(parts))

    def _head(self, status: int, headers: Iterable[Header], *, length: int | None) -> bytes:
        """``length`` of a body that is here as a whole; None of one that comes in parts."""
        lines = [_status_line(status)]
        names = set()
        for name, value in headers:
            lower = name.lower()
            names.add(lower)
            lines.append(b"%b: %b\r\n" % (lower, value))
            if lower == b"connection" and value.lower() == b"close":
                self._stays = False
        if not names & {b"content-length", b"transfer-encoding"} and self._request.scope["method"] != "HEAD":
            if length is None:
                self._is_chunked = True
                lines.append(b"transfer-encoding: chunked\r\n")
            elif status not in BODILESS:
                lines.append(b"content-length: %d\r\n" % length)
        if not self._stays and b"connection" not in names:
            lines.append(b"connection: close\r\n")
        return b"".join((*lines, b"\r\n"))


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode("ascii")
