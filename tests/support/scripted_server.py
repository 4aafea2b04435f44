"""HTTP server with scripted answers, for those that no simulator gives."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATE = "Fri, 20 Nov 2026 14:30:05 GMT"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``date`` "" leaves the Date header out."""

    body: bytes | str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    date: str = DATE


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]


class ScriptedServer:
    """A running server: ``answer`` decides each answer, ``requests`` keeps what was asked."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.answer = answer
        self.url = ""


@contextlib.contextmanager
def scripted_server(answer: Callable[[Request], Answer]) -> Iterator[ScriptedServer]:
    """Serve on a free port of loopback until the end of the block."""
    scripted = ScriptedServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            scripted.connections += 1
            super().setup()

        def do_GET(self) -> None:
            request = Request(self.path, dict(self.headers.items()))
            scripted.requests.append(request)
            answer = scripted.answer(request)
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response_only(answer.status)
            for name, value in {**({"Date": answer.date} if answer.date else {}), **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
