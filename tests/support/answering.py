"""An HTTP server that says exactly what a test wants, for answers that no simulator gives."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATE = "Fri, 20 Nov 2026 14:30:05 GMT"


@dataclass(frozen=True)
class Said:
    """``date`` "" leaves the header out."""

    body: bytes | str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    date: str = DATE


@dataclass(frozen=True)
class Heard:
    path: str
    headers: dict[str, str]


class Answering:
    """``heard`` keeps what was asked; ``say`` decides each answer."""

    def __init__(self, say: Callable[[Heard], Said]) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.say = say
        self.url = ""


@contextlib.contextmanager
def answering(say: Callable[[Heard], Said]) -> Iterator[Answering]:
    """Serve on a free port of loopback until the end of the block."""
    server_log = Answering(say)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            server_log.connections += 1
            super().setup()

        def do_GET(self) -> None:
            heard = Heard(self.path, dict(self.headers.items()))
            server_log.heard.append(heard)
            said = server_log.say(heard)
            body = said.body.encode() if isinstance(said.body, str) else said.body
            self.send_response_only(said.status)
            for name, value in {**({"Date": said.date} if said.date else {}), **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server_log.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server_log
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
