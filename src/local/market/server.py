"""The market as an HTTP server on loopback, and as an object in the process that runs it."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import json
import socket
import struct
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.market.apis.finnhub import PATHS, Finnhub
from local.market.apis.replies import PAGE, BadRequest, Reply
from local.market.apis.weather import PATH as WEATHER_PATH
from local.market.apis.weather import Weather
from local.market.clock import Clock
from local.market.commands import carry_out, describe
from local.market.faults import Fault, Faults
from local.market.limits import Limits
from local.market.prices import Candle, candle
from local.market.request_log import Request, RequestLog
from local.market.sessions import Sessions, Span, minute_of

HOST = "127.0.0.1"
DEFAULT_TOKEN = "market-token"


class Market:
    """A running market. Everything may be changed while it serves, from any thread.

    ``clock`` is in real time, and trading never stops until :meth:`trade_during` sets sessions. Finnhub's calls are
    below ``api_url``, the weather service's below ``url``; both want ``token``.
    """

    def __init__(self, *, port: int = 0, seed: int = 0, token: str = DEFAULT_TOKEN) -> None:
        self.seed = seed
        self.token = token
        self.clock = Clock()
        self.requests = RequestLog()
        self.finnhub = Finnhub(seed=seed)
        self.weather = Weather(seed=seed)
        self._faults = Faults()
        self._limits = Limits()
        self._closing = threading.Event()
        self._server = _Server((HOST, port), _Handler)
        self._server.market = self
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self.api_url = f"{self.url}/api/v1"

    @classmethod
    def start(cls, *, port: int = 0, seed: int = 0, token: str = DEFAULT_TOKEN) -> Market:
        """Serve from a thread of this process until :meth:`stop`."""
        market = cls(port=port, seed=seed, token=token)
        threading.Thread(target=market._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return market

    def stop(self) -> None:
        """Take no more calls and close every connection."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def fail(self, kind: str, **which: Any) -> int:
        """Fail from now on in this way (see :mod:`local.market.faults`); the number heals it."""
        return self._faults.add(Fault(kind, **which))

    def heal(self, number: int | None = None) -> None:
        """End one fault, or all."""
        self._faults.heal(number)

    @property
    def is_undisturbed(self) -> bool:
        """Whether its answers follow from seed and clock alone: no fault is on, no limit, and trading never stops."""
        return not self._faults.any() and not self._limits.any() and self.finnhub.sessions.always_open

    def limits(
        self, *, per_minute: int | None = None, per_second: int | None = None, retry_after: bool = False
    ) -> None:
        """Calls allowed per token; without arguments: as many as one likes."""
        self._limits.set(per_minute=per_minute, per_second=per_second, retry_after=retry_after)

    def trade_during(self, spans: Collection[Span] | None) -> None:
        """The sessions [open, close) in which there is trade; ``None``: always."""
        self.finnhub.sessions = Sessions(None if spans is None else list(spans))

    def list_symbols(self, *symbols: str) -> None:
        """Make more symbols known."""
        self.finnhub.list_symbols(symbols)

    def candle(self, symbol: str, at: dt.datetime) -> Candle:
        """The candle of this minute without any fault, for tests to compare with."""
        return candle(symbol, minute_of(at), seed=self.seed)

    def __enter__(self) -> Market:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Reply | None, dt.datetime]:
        """The reply (None: reset the connection) and the time that its Date header shows."""
        now = self.clock.now()
        api, endpoint, query = self._route(path, query)
        if api is None:
            return Reply.of({"error": "Not found"}, 404), now
        header = "X-Api-Key" if api is self.weather else "X-Finnhub-Token"
        token = headers.get(header) or query.get("token") or ""
        reply, shown, symbol = self._reply(api, endpoint, query, token, now)
        self.requests.add(
            Request(
                at=now,
                path=path,
                endpoint=endpoint,
                symbol=symbol,
                status=reply.status if reply else None,
                token_in="header" if headers.get(header) else "query" if query.get("token") else None,
            )
        )
        return reply, shown

    def _route(self, path: str, query: Mapping[str, str]) -> tuple[Finnhub | Weather | None, str, Mapping[str, str]]:
        # The official client joins its base URL and its paths with one slash too many.
        path = path.replace("//", "/")
        if path in PATHS:
            return self.finnhub, PATHS[path], query
        if match := WEATHER_PATH.fullmatch(path):
            return self.weather, "latest" if match["latest"] else "observations", {**query, "station": match["station"]}
        return None, "", query

    def _reply(
        self, api: Finnhub | Weather, endpoint: str, query: Mapping[str, str], token: str, now: dt.datetime
    ) -> tuple[Reply | None, dt.datetime, str]:
        """The reply (None: reset the connection), the time of its Date header, and its symbol or station."""
        about = query.get("symbol") or query.get("station") or ""
        if token != self.token:
            return api.refusal(401), now, about
        within, headers = self._limits.take(token, now)
        if not within:
            return _with(api.refusal(429), headers), now, about
        try:
            call = api.call(endpoint, query, now)
        except BadRequest as error:
            return _with(Reply.of({"error": str(error)}, 422), headers), now, about
        faults = self._faults.hitting(call)
        self._closing.wait(sum(fault.seconds for fault in faults if fault.kind == "slow"))
        # A slow answer is an answer of the time when it is given.
        now = self.clock.now()
        call = replace(call, at=now)
        shown = now + dt.timedelta(seconds=sum(fault.seconds for fault in faults if fault.kind == "skew"))
        for fault in faults:
            if fault.kind == "reset":
                return None, shown, about
            if refused := _refuse(api, fault):
                return _with(refused, headers), shown, about
        reply = api.answer(call, faults)
        if any(fault.kind == "truncated" for fault in faults):
            reply = Reply(reply.status, reply.body[: len(reply.body) // 2])
        return _with(reply, headers), shown, about


def _refuse(api: Finnhub | Weather, fault: Fault) -> Reply | None:
    """The reply of a fault that refuses the call; None for faults that only change the data."""
    statuses = {"limited": 429, "error": fault.status, "unauthorized": 401, "forbidden": 403}
    if fault.kind == "html":
        return PAGE
    if fault.kind not in statuses:
        return None
    reply = api.refusal(statuses[fault.kind])
    return reply if fault.retry_after is None else _with(reply, {"Retry-After": str(fault.retry_after)})


def _with(reply: Reply, headers: Mapping[str, str]) -> Reply:
    return Reply(reply.status, reply.body, reply.content_type, {**headers, **reply.headers})


def _titled(headers: Message) -> dict[str, str]:
    """Header names are the same in any case; we write them as in X-Api-Key."""
    return {name.title(): value for name, value in headers.items()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1_024
    market: Market

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no error of ours; a real one is still printed by the default."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "market"
    sys_version = ""
    # Head and body in one packet, sent at once: else every answer waits for the caller's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit("http://market" + self.path)
        if parts.path.startswith("/_control"):
            self._send(Reply.of(describe(self.server.market, parts.path)), self.server.market.clock.now())
            return
        reply, shown = self.server.market.serve(parts.path, dict(parse_qsl(parts.query)), _titled(self.headers))
        if reply is None:
            # With a linger time of zero a close sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self._send(reply, shown)

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            reply = Reply.of(carry_out(self.server.market, json.loads(text)))
        except (ValueError, TypeError, KeyError) as error:
            reply = Reply.of({"error": str(error)}, 400)
        self._send(reply, self.server.market.clock.now())

    def _send(self, reply: Reply, shown: dt.datetime) -> None:
        self.send_response_only(reply.status)
        self.send_header("Date", email.utils.format_datetime(shown, usegmt=True))
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the market's own log of requests is for the tests."""
