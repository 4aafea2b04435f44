"""The emulator's HTTP/1.1, spoken byte by byte."""

from __future__ import annotations

import asyncio
import contextvars
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from local.emulator.serving import HEAD_LIMIT, serve

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]
seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")


class Application:
    """Answers with what it was asked; paths choose the other ways to answer."""

    def __init__(self) -> None:
        self.lifespan: list[str] = []
        self.left: list[str] = []
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for name in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{name}"
                self.lifespan.append(name)
                await send({"type": f"lifespan.{name}.complete"})
            return
        body = (await receive())["body"]
        before = seen.get()
        seen.set(scope["path"])
        if scope["path"] == "/raises":
            raise ValueError("as asked")
        if scope["path"] == "/slow":
            await self.may_answer.wait()
        if scope["path"] == "/stays":
            self.left.append((await receive())["type"])
            return
        if scope["path"] == "/parts":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for part in (b"first ", b"", b"second"):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        told = {name: scope[name] for name in ("method", "path", "http_version")} | {
            "query": scope["query_string"].decode(),
            "raw_path": scope["raw_path"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode(),
            "before": before,
        }
        status = 204 if scope["path"] == "/none" else 200
        answer = b"" if status == 204 else json.dumps(told).encode()
        head = {"type": "http.response.start", "status": status, "headers": [(b"X-Kind", b"echo")]}
        await send(head if scope["method"] != "HEAD" else head | {"headers": [(b"Content-Length", b"7")]})
        await send({"type": "http.response.body", "body": answer})


def talk(with_it: Talk, application: Application | None = None) -> Any:
    """What ``with_it`` returns, which speaks to a server of its own."""

    async def main() -> Any:
        told, ended = application or Application(), asyncio.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = asyncio.create_task(serve(told, listener, ended.wait()))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await asyncio.wait_for(with_it(reader, writer), 60)
        finally:
            writer.close()
            ended.set()
            await server
            assert told.lifespan == ["startup", "shutdown"]

    return asyncio.run(main())


async def answered(reader: asyncio.StreamReader, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    elif not is_head:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, body


def test_requests_of_a_connection_are_read_as_they_were_written_however_they_arrive() -> None:
    first = b"PUT /a%20b/c?x=1&y HTTP/1.1\r\nHost: here\r\nX-Two: 1\r\nx-two:  2\t\r\nContent-Length: 5\r\n\r\nhello"
    second = b"GET /d HTTP/1.1\r\nHost: here\r\n\r\n"

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[Any]:
        for byte in first[:-2]:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(first[-2:] + second + second)  # more than one at once
        return [await answered(reader) for _ in range(3)]

    (status, headers, body), *others = talk(speak)
    assert (status, headers["x-kind"], int(headers["content-length"])) == (200, "echo", len(body))
    assert json.loads(body) == {
        "method": "PUT", "path": "/a b/c", "raw_path": "/a%20b/c", "query": "x=1&y", "http_version": "1.1",
        "headers": [["host", "here"], ["x-two", "1"], ["x-two", "2"], ["content-length", "5"]],
        "body": "hello", "before": "nothing",
    }  # fmt: skip
    assert [(json.loads(body)["path"], json.loads(body)["before"]) for _, _, body in others] == [("/d", "nothing")] * 2


def test_a_body_in_chunks_is_put_together_and_one_that_waits_is_asked_for() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bytes, Any, Any]:
        writer.write(b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        ahead = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"body")
        whole = await answered(reader)
        writer.write(b"PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo")
        await writer.drain()
        writer.write(b"dy\r\n6;name=value\r\n of it\r\n0\r\n")
        await writer.drain()
        writer.write(b"\r\n")
        return ahead, whole, await answered(reader)

    ahead, whole, chunked = talk(speak)
    assert ahead == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert [json.loads(body)["body"] for _, _, body in (whole, chunked)] == ["body", "body of it"]


def test_an_answer_has_the_framing_that_its_request_and_status_ask_for() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[Any]:
        answers = []
        for method, path in (("HEAD", "/a"), ("GET", "/none"), ("GET", "/parts"), ("GET", "/after")):
            writer.write(f"{method} {path} HTTP/1.1\r\n\r\n".encode())
            answers.append(await answered(reader, is_head=method == "HEAD"))
        return answers

    head, none, parts, after = talk(speak)
    assert (head[0], head[1]["content-length"], head[2]) == (200, "7", b"")
    assert (none[0], set(none[1]), none[2]) == (204, {"x-kind"}, b"")
    assert (parts[1]["transfer-encoding"], parts[2]) == ("chunked", b"first second")
    assert json.loads(after[2])["path"] == "/after"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /a HTTP/1.0\r\n\r\n", 200),
        (b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
        (b"GET /raises HTTP/1.1\r\n\r\n", 500),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET /a HTTP/2\r\n\r\n", 400),
        (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n", 400),
        (b"x" * (HEAD_LIMIT + 1), 400),
    ],
    ids=["1.0", "close", "raises", "nonsense", "length", "version", "chunk", "endless"],
)
def test_a_connection_is_closed_after_what_ends_it(request_: bytes, status: int) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Any, bytes]:
        writer.write(request_)
        return await answered(reader), await reader.read()

    (answer, headers, _), rest = talk(speak)
    assert (answer, headers["connection"], rest) == (status, "close", b"")


def test_the_application_hears_that_its_client_has_left_and_a_request_under_way_is_answered_before_the_end() -> None:
    application = Application()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /stays HTTP/1.1\r\n\r\n")
        await writer.drain()
        host, port = writer.get_extra_info("peername")
        other_reader, other = await asyncio.open_connection(host, port)
        other.write(b"GET /slow HTTP/1.1\r\n\r\n")
        await other.drain()
        writer.close()
        while not application.left:
            await asyncio.sleep(0.001)
        application.may_answer.set()
        assert (await answered(other_reader))[0] == 200
        other.close()

    talk(speak, application)
    assert application.left == ["http.disconnect"]


def test_an_application_that_does_not_start_is_not_served() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    async def ending(scope: Any, receive: Any, send: Any) -> None:
        raise OSError("no disk")

    async def main(application: Any, listener: socket.socket) -> None:
        await serve(application, listener, asyncio.get_running_loop().create_future())

    for application in (failing, ending):
        with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(RuntimeError, match=r"startup"):
            asyncio.run(main(application, listener))
