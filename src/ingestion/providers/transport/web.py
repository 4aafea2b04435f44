"""HTTP calls of a provider, with time-outs, retries and bounded bodies. What an answer means is ``reading``'s.

One adapter per provider, its connections shared by the calling threads. Retried are lost connections and 5xx, with
back-off, at most ``TRIES`` times and within ``WHOLE_SECONDS`` in all, however slowly an answer drips; a limit never,
for its pause is the caller's decision. Each try is a call that a provider may count, so that each but the first waits
for a ``turn``. Redirects are not followed: they would carry the token to another host. The secret travels in headers,
or in one parameter of the query; no answer and no evidence holds it.

What is the same for every call (the pool of connections with its proxy and certificates, the headers) is made by
requests once, and the calls go through its pool: as much as that would each of them cost again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, unquote_plus, urldefrag, urlencode, urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import default_headers
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError

from core.audit.history import Evidence
from core.errors import BadContract
from ingestion.providers.answers import Broken, always
from ingestion.providers.reading.classify import MAX_BODY
from ingestion.providers.reading.headers import retry_after
from ingestion.providers.reading.received import End, Received, received
from ingestion.providers.transport.credential import Credential
from ingestion.providers.transport.deadline import Deadline, bounded
from ingestion.providers.transport.masking import BLOT, SHORTEST_SECRET, basic, blotted, silence_urls

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 3.0, 8.0, 15.0
TRIES = 3
BACK_OFF = 0.3  # seconds before the second try, about
LONGEST_PAUSE = 5.0  # a longer pause asked for by a 503 is not waited for
LONGEST_SHOWN = 200  # characters of an address that is not followed
_RETRIED = (500, 502, 503, 504)
_TIMEOUT = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
_PORTS = {"https": 443, "http": 80}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Signing:
    """The places of a call that hold the secret: headers with ``{secret}``, a parameter of the query, or basic."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    basic: bool = False

    def headers_with(self, secret: str) -> dict[str, str]:
        """The headers of a call."""
        filled = {name: value.replace("{secret}", secret) for name, value in self.headers.items()}
        return {**filled, "Authorization": f"Basic {basic(secret)}"} if self.basic else filled


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Call:
    url: str
    query: Mapping[str, str]
    body: object
    fresh: bool


class Web:
    """The HTTP client of one provider."""

    def __init__(
        self,
        base: str,
        *,
        signing: Signing,
        credential: Credential | None,
        connections: int = 16,
        back_off: float = BACK_OFF,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._base = base.rstrip("/")
        self._signing = signing
        self._credential = credential
        parts = urlsplit(self._base)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise BadContract("reach a provider", self._base, "is no https URL", "Tokens travel encrypted: use https")
        silence_urls()
        # An adapter alone: what a session does besides is for redirects and cookies, of which there are none here.
        self._adapter = bounded(HTTPAdapter(pool_connections=2, pool_maxsize=connections))
        self._pool: HTTPConnectionPool | None = None
        self._is_whole = False  # whether a call names its whole URL, as a proxy of plain HTTP wants it
        self._headers: tuple[str, Mapping[str, str]] = ("", {})  # of the last secret
        self._back_off = back_off
        self._sleep = sleep
        self._now = now

    def ask(
        self,
        path: str,
        query: Mapping[str, str],
        body: object = None,
        *,
        turn: Callable[[], bool] = always,
        fresh: bool = False,
    ) -> Received | Broken:
        """The answer at ``path`` (already escaped); a call with a JSON ``body`` is a POST. ``Broken``: none came.

        ``turn`` waits for the turn of one more call, False where there is none in time: then there is no other try.
        ``fresh``: no cache on the way may give what it keeps without asking (RFC 9111, 5.2.1.4).
        A secret that is refused is read again, once. Raises ``InvalidData`` where it has no value.
        """
        return self._signed(_Call(self._base + path, query, body, fresh), turn)

    def follow(self, url: str, *, turn: Callable[[], bool] = always, fresh: bool = False) -> Received | Broken:
        """The answer at a URL that an answer named: of the same origin, for the token travels with it.

        A link by http, as an application behind an end of TLS writes it, is asked for by https.
        """
        try:
            whole, _ = urldefrag(urljoin(self._base + "/", url))  # a parameter behind a fragment is not sent
            parts, base = urlsplit(whole), urlsplit(self._base)
            is_ours = _origin(parts) == _origin(base) or _origin(parts._replace(scheme=base.scheme)) == _origin(base)
        except ValueError:  # half an IPv6 address, or a port that is none
            return self._unfollowed(url, "its next page has an address that is none")
        if "@" in parts.netloc or parts.scheme not in (base.scheme, "http") or not is_ours:
            return self._unfollowed(whole, "its next page is on another host")
        whole = urlunsplit(parts._replace(scheme=base.scheme, netloc=base.netloc))
        return self._signed(_Call(self._without_secret(whole), {}, None, fresh), turn)

    def place(self, of: str, url: str = "") -> str:
        """The URL of a reference in the answer at ``of``, a path or a URL, by RFC 3986; one that is none as it is."""
        asked = of if urlsplit(of).scheme else self._base + of
        try:
            return urljoin(asked, url)
        except ValueError:  # half an IPv6 address
            return url

    def _unfollowed(self, url: str, reason: str) -> Broken:
        """The refusal of a next page, whose URL may hold the secret anywhere."""
        shown = blotted(_without_query(url)[:LONGEST_SHOWN].encode("utf-8", "replace"), self._secret()).decode()
        return Broken(reason, Evidence(f"GET {shown}", 0, "", ""))

    def _secret(self) -> str:
        return self._credential.value() if self._credential else ""

    def _signed(self, call: _Call, turn: Callable[[], bool]) -> Received | Broken:
        secret = self._secret()
        answer = self._tried(call, secret, turn)
        if isinstance(answer, Received) and answer.status == 401 and self._credential:
            renewed = self._credential.renewed(secret)
            if renewed is not None:
                if not turn():
                    return Broken("no call in time with the secret as it is now", answer.evidence)
                return self._tried(call, renewed, turn)
        return answer

    def _tried(self, call: _Call, secret: str, turn: Callable[[], bool]) -> Received | Broken:
        """The first answer that is worth having, or the last one of all tries."""
        left = WHOLE_SECONDS
        for failures in range(1, TRIES + 1):
            started = time.monotonic()
            answer, may_pass = self._once(call, secret, seconds=left)
            pause = self._pause(answer, failures)
            left -= time.monotonic() - started + pause
            if not may_pass or failures == TRIES or pause > LONGEST_PAUSE or left <= 0:
                break
            self._sleep(pause)  # before the turn: one that is taken is used at once
            if not turn():
                break
        return answer

    def _pause(self, answer: Received | Broken, failures: int) -> float:
        """The seconds before another try: as the provider asks, else longer with every failure."""
        asked = None
        if isinstance(answer, Received):
            asked = retry_after(answer.headers, answer.provider_time or datetime.now(UTC))
        return self._back_off * 2 ** (failures - 1) * random.uniform(0.5, 1.5) if asked is None else asked

    def _once(self, call: _Call, secret: str, *, seconds: float) -> tuple[Received | Broken, bool]:
        """The answer of one call, and whether the next one may get a better one."""
        method = "GET" if call.body is None else "POST"
        try:
            plain = prepared(call.url, call.query)
        except (requests.RequestException, UnicodeError):  # what an answer named may be no text that a URL can hold
            return self._unfollowed(call.url, "its next page has an address that is none"), False
        asked = blotted(f"{method} {self._with_secret(plain, BLOT)}".encode(), secret).decode()
        target = self._with_secret(plain, urlencode({"": secret})[1:])
        try:
            with Deadline(seconds) as deadline:
                response = self._send(method, target, call, secret)
                came_at = self._now()
                try:
                    content = _body(response, deadline)
                    end = _end_of(response, content)
                finally:
                    response.close()
        except (requests.RequestException, HTTPError, OSError) as error:
            return Broken(f"no answer ({type(error).__name__})", Evidence(asked, 0, "", "")), isinstance(
                error, HTTPError
            )
        masked = blotted(content, secret)
        answer = received(response.status, response.headers, masked, request=asked, came_at=came_at, end=end)
        if len(secret) < SHORTEST_SECRET:
            answer = replace(answer, body=content)
        return answer, answer.status in _RETRIED

    def _send(self, method: str, url: str, call: _Call, secret: str) -> BaseHTTPResponse:
        """One call. Raises what requests and urllib3 raise."""
        pool, headers = self._pool or self._connected(), self._headers_with(secret)
        sent: dict[str, Any] = {}
        if call.fresh:
            headers = {"Cache-Control": "no-cache", **headers}
        if call.body is not None:
            prepared = requests.Request(method, self._base, headers=headers, json=call.body).prepare()
            headers, sent = dict(prepared.headers), {"body": prepared.body}
        return pool.urlopen(
            method,
            url if self._is_whole else url[url.index("/", url.index("//") + 2) :],
            headers=headers,
            redirect=False,
            assert_same_host=False,  # a proxy's pool is asked for the URL of another one
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=_TIMEOUT,
            **sent,
        )

    def _connected(self) -> HTTPConnectionPool:
        """The pool of connections to the provider, by the environment's proxies and certificates."""
        request = requests.Request("GET", self._base).prepare()
        settings: dict[str, Any] = dict(requests.Session().merge_environment_settings(self._base, {}, None, None, None))
        proxies, verify, cert = (settings[name] for name in ("proxies", "verify", "cert"))
        adapter: Any = self._adapter
        pool = adapter.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        adapter.cert_verify(pool, request.url, verify, cert)  # by the bundle of certifi, unless the environment has one
        self._is_whole = urlsplit(adapter.request_url(request, proxies)).scheme != ""
        self._pool = pool
        return pool  # type: ignore[no-any-return]

    def _headers_with(self, secret: str) -> Mapping[str, str]:
        """The headers of each call with this secret, as requests sends them."""
        of, headers = self._headers
        if not headers or of != secret:
            given = {**default_headers(), **self._signing.headers_with(secret)}
            headers = dict(requests.Request("GET", self._base, headers=given).prepare().headers)
            self._headers = secret, headers
        return headers

    def _with_secret(self, url: str, value: str) -> str:
        if not self._signing.query:
            return url
        return _with_query(url, f"{self._signing.query}={value}")

    def _without_secret(self, url: str) -> str:
        """The URL without the secret's parameter, which some APIs repeat in their links."""
        if not self._signing.query:
            return url
        parts = urlsplit(url)
        pairs = parts.query.split("&")  # not parsed and written again: a cursor goes back as it came
        others = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != self._signing.query]
        return url if len(others) == len(pairs) else urlunsplit(parts._replace(query="&".join(others)))


def _body(response: BaseHTTPResponse, deadline: Deadline) -> bytes:
    """At most one byte more than ``MAX_BODY``. What has come is taken at once: waiting for more may take for ever."""
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BODY and (part := response.read1(64 * 1024, decode_content=True)):
        parts.append(part)
        size += len(part)
        if deadline.is_over:
            raise requests.ReadTimeout(f"no whole answer in {WHOLE_SECONDS} s")
    if deadline.is_over:
        raise requests.ReadTimeout(f"no whole answer in {WHOLE_SECONDS} s")
    return b"".join(parts)[: MAX_BODY + 1]


def _end_of(response: BaseHTTPResponse, content: bytes) -> End:
    """Whether the body, read to its end, is known to be whole. What its length or its chunks say has been held."""
    decoder = getattr(response, "_decoder", None)
    streams = [getattr(part, "_obj", None) for part in getattr(decoder, "_decoders", [decoder])]
    if content and any(getattr(stream, "eof", True) is False for stream in streams):
        return "cut"
    is_framed = getattr(response, "chunked", False) or getattr(response, "length_remaining", None) is not None
    is_compressed = decoder is not None
    return "told" if is_framed or is_compressed else "unknown"


def prepared(url: str, query: Mapping[str, str]) -> str:
    """The URL as requests writes it: escaped, its host in ASCII, without a fragment.

    Raises ``requests.RequestException`` or ``UnicodeError`` where it is none.
    """
    return _with_query(_without_fragment(url), urlencode(query))


@lru_cache(maxsize=2048)  # the paths of a plan's entities, minute after minute
def _without_fragment(url: str) -> str:
    return urldefrag(requests.Request("GET", url).prepare().url or url)[0]


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    """The origin of a URL (RFC 6454, 4), however its host and its port are written. Raises ``ValueError``."""
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url
