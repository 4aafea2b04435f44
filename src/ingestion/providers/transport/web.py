"""HTTP calls of a provider, with time-outs, retries and bounded bodies. What an answer means is ``reading``'s.

One session per provider, its connections shared by the calling threads. Retried are lost connections and 5xx, with
back-off, at most ``TRIES`` times and within ``WHOLE_SECONDS`` in all, however slowly an answer drips; a limit never,
for its pause is the caller's decision. Redirects are not followed: they would carry the token to another host. The
secret travels in headers, or in one parameter of the query; no answer and no evidence holds it.
"""

from __future__ import annotations

import http.cookiejar
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util.retry import Retry

from core.audit.history import Evidence
from core.errors import BadContract
from ingestion.providers.answers import Broken
from ingestion.providers.reading.classify import MAX_BODY
from ingestion.providers.reading.received import Received, received
from ingestion.providers.transport.credential import Credential
from ingestion.providers.transport.deadline import Deadline, bounded
from ingestion.providers.transport.masking import BLOT, SHORTEST_SECRET, basic, blotted, silence_urls

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 3.0, 8.0, 15.0
TRIES = 3
LONGEST_PAUSE = 5.0  # a longer pause asked for by a 503 is not waited for
_RETRIED = (500, 502, 503, 504)
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


class _Retries(Retry):
    """urllib3's retries, but a 429 is never one, and a long Retry-After ends them."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code in _RETRIED and super().is_retry(method, status_code, has_retry_after)

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):  # type: ignore[no-untyped-def]
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_PAUSE:
            raise MaxRetryError(_pool, url or "", None)
        return super().increment(method, url, response, error, _pool, _stacktrace)


class Web:
    """The HTTP client of one provider."""

    def __init__(
        self,
        base: str,
        *,
        signing: Signing,
        credential: Credential | None,
        connections: int = 16,
        back_off: float = 0.3,
    ) -> None:
        self._base = base.rstrip("/")
        self._signing = signing
        self._credential = credential
        parts = urlsplit(self._base)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise BadContract("reach a provider", self._base, "is no https URL", "Tokens travel encrypted: use https")
        silence_urls()
        self._session = _session(self._base, connections, back_off)

    def ask(self, path: str, query: Mapping[str, str], body: object = None) -> Received | Broken:
        """The answer at ``path`` (already escaped); a call with a JSON ``body`` is a POST. ``Broken``: none came.

        A secret that is refused is read again, once. Raises ``InvalidData`` where it has no value.
        """
        return self._signed(self._base + path, query, body)

    def follow(self, url: str) -> Received | Broken:
        """The answer at a URL that an answer named: of the same host, for the token travels with it."""
        whole = urljoin(self._base + "/", url)
        if urlsplit(whole)[:2] != urlsplit(self._base)[:2]:
            return Broken("its next page is on another host", Evidence(f"GET {_without_query(whole)}", 0, "", ""))
        return self._signed(self._without_secret(whole), {}, None)

    def _signed(self, url: str, query: Mapping[str, str], body: object) -> Received | Broken:
        secret = self._credential.value() if self._credential else ""
        answer = self._once(url, query, body, secret)
        if isinstance(answer, Received) and answer.status == 401 and self._credential:
            renewed = self._credential.renewed(secret)
            if renewed is not None:
                return self._once(url, query, body, renewed)
        return answer

    def _once(self, url: str, query: Mapping[str, str], body: object, secret: str) -> Received | Broken:
        method = "GET" if body is None else "POST"
        headers = self._signing.headers_with(secret)
        plain = requests.Request(method, url, params=dict(query)).prepare().url or url
        asked = blotted(f"{method} {self._with_secret(plain, BLOT)}".encode(), secret).decode()
        whole: Any = self._with_secret(plain, urlencode({"": secret})[1:])
        prepared = self._session.prepare_request(requests.Request(method, whole, headers=headers, json=body))
        try:
            with (
                Deadline(WHOLE_SECONDS) as deadline,
                self._session.send(
                    prepared, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True
                ) as response,
            ):
                content = _body(response, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            return Broken(f"no answer ({_cause(error)})", Evidence(asked, 0, "", ""))
        masked = blotted(content, secret)
        answer = received(response.status_code, response.headers, masked, request=asked)
        if len(secret) >= SHORTEST_SECRET:
            return answer
        return Received(answer.status, answer.headers, content, answer.evidence)

    def _with_secret(self, url: str, value: str) -> str:
        if not self._signing.query:
            return url
        return f"{url}{'&' if urlsplit(url).query else '?'}{self._signing.query}={value}"

    def _without_secret(self, url: str) -> str:
        """The URL without the secret's parameter, which some APIs repeat in their links."""
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        others = [(name, value) for name, value in pairs if name != self._signing.query]
        return url if len(others) == len(pairs) else urlunsplit(parts._replace(query=urlencode(others)))


def _body(response: requests.Response, deadline: Deadline) -> bytes:
    """At most one byte more than ``MAX_BODY``. What has come is taken at once: waiting for more may take for ever."""
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BODY and (part := response.raw.read1(64 * 1024, decode_content=True)):
        parts.append(part)
        size += len(part)
        if deadline.is_over:
            raise requests.ReadTimeout(f"no whole answer in {WHOLE_SECONDS} s")
    if deadline.is_over:
        raise requests.ReadTimeout(f"no whole answer in {WHOLE_SECONDS} s")
    return b"".join(parts)[: MAX_BODY + 1]


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _session(base: str, connections: int, back_off: float) -> requests.Session:
    session = requests.Session()
    retry = _Retries(
        total=TRIES - 1,
        status_forcelist=_RETRIED,
        allowed_methods=("GET", "POST"),
        backoff_factor=back_off,
        backoff_jitter=back_off,
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    origin = urlunsplit((*urlsplit(base)[:2], "", "", ""))  # a next page may lie on another path
    session.mount(origin, bounded(HTTPAdapter(pool_connections=2, pool_maxsize=connections, max_retries=retry)))
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    # Proxies and certificates of the environment are read once here, not for every call.
    settings = session.merge_environment_settings(base, {}, None, None, None)
    session.proxies, session.verify, session.cert = settings["proxies"], settings["verify"], settings["cert"]
    session.trust_env = False
    return session


def _cause(error: Exception) -> str:
    """The name of the error's cause; the text of these errors may hold the whole URL."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ if reason is not None else type(error).__name__
