"""HTTP GET of JSON documents from a provider, with time-outs, retries, limits and bounded bodies.

One session per provider, its connections shared by the calling threads. Retried are lost connections and 5xx, with
back-off, at most ``TRIES`` times and within ``WHOLE_SECONDS`` in all, however slowly an answer drips; a limit never,
for its pause is the caller's decision. Redirects are not followed: they would carry the token to another host.
"""

from __future__ import annotations

import http.cookiejar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util.retry import Retry

from core.audit.history import Evidence
from core.errors import BadContract
from core.time import format_second
from ingestion.providers.answers import Broken, Limited, NotEntitled
from ingestion.providers.reading.exact_json import read_exact
from ingestion.providers.reading.wholeness import limit_in, next_link
from ingestion.providers.transport.credential import Credential
from ingestion.providers.transport.deadline import Deadline, bounded
from ingestion.providers.transport.limits import is_limit, provider_clock, requested_pause

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 3.0, 8.0, 15.0
TRIES = 3
LONGEST_PAUSE = 5.0  # a longer pause asked for by a 503 is not waited for
MAX_BODY = 8 * 1024 * 1024
EVIDENCE_CHARACTERS = 400
_RETRIED = (500, 502, 503, 504)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx (or accepted) answer whose body is JSON or empty. ``next_link`` is its Link header's next page."""

    status: int
    document: object
    provider_time: datetime | None
    evidence: Evidence
    next_link: str = ""


class _Retries(Retry):
    """urllib3's retries, but a 429 is never one, and a long Retry-After ends them."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code in _RETRIED and super().is_retry(method, status_code, has_retry_after)

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):  # type: ignore[no-untyped-def]
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_PAUSE:
            raise MaxRetryError(_pool, url or "", None)
        return super().increment(method, url, response, error, _pool, _stacktrace)


class Web:
    """The HTTP client of one provider. ``headers`` may hold ``{secret}``; nothing else may."""

    def __init__(
        self,
        base: str,
        *,
        headers: Mapping[str, str],
        credential: Credential | None,
        connections: int = 16,
        back_off: float = 0.3,
    ) -> None:
        self._base = base.rstrip("/")
        self._headers = dict(headers)
        self._credential = credential
        parts = urlsplit(self._base)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise BadContract("reach a provider", self._base, "is no https URL", "Tokens travel encrypted: use https")
        self._session = _session(self._base, connections, back_off)

    def get(
        self, path: str, query: Mapping[str, str], *, accepted: tuple[int, ...] = ()
    ) -> Reply | NotEntitled | Limited | Broken:
        """The JSON document at ``path`` (already escaped); statuses in ``accepted`` count as good ones.

        Raises ``InvalidData`` where the secret has no value.
        """
        secret = self._credential.value() if self._credential else ""
        reply = self._once(self._base + path, query, secret, accepted)
        if isinstance(reply, NotEntitled) and reply.what == "token" and self._credential:
            renewed = self._credential.renewed(secret)
            if renewed is not None:
                return self._once(self._base + path, query, renewed, accepted)
        return reply

    def follow(self, url: str, *, accepted: tuple[int, ...] = ()) -> Reply | NotEntitled | Limited | Broken:
        """The JSON document at a URL that an answer named: of the same host, for the token travels with it."""
        whole = urljoin(self._base + "/", url)
        if urlsplit(whole)[:2] != urlsplit(self._base)[:2]:
            return Broken("its next page is on another host", Evidence(f"GET {_without_query(whole)}", 0, "", ""))
        secret = self._credential.value() if self._credential else ""
        return self._once(whole, {}, secret, accepted)

    def _once(
        self, url: str, query: Mapping[str, str], secret: str, accepted: tuple[int, ...]
    ) -> Reply | NotEntitled | Limited | Broken:
        headers = {name: value.replace("{secret}", secret) for name, value in self._headers.items()}
        prepared = self._session.prepare_request(requests.Request("GET", url, params=dict(query), headers=headers))
        asked = f"GET {prepared.url}"
        try:
            with (
                Deadline(WHOLE_SECONDS) as deadline,
                self._session.send(
                    prepared, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True
                ) as response,
            ):
                body = _body(response, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            return Broken(f"no answer ({_cause(error)})", Evidence(asked, 0, "", ""))
        text = body[: EVIDENCE_CHARACTERS * 4].decode("utf-8", "replace")
        if secret:
            text = text.replace(secret, "***")
        clock = provider_clock(response.headers)
        answered_at = format_second(clock) if clock else ""
        evidence = Evidence(asked, response.status_code, text[:EVIDENCE_CHARACTERS], answered_at)
        return _classify(response, body, clock, evidence, accepted)


def _classify(
    response: requests.Response, body: bytes, clock: datetime | None, evidence: Evidence, accepted: tuple[int, ...]
) -> Reply | NotEntitled | Limited | Broken:
    status = response.status_code
    if status not in accepted:
        if is_limit(status, response.headers):
            return Limited(_pause(response, clock), evidence)
        if status in (401, 403):
            return NotEntitled("token" if status == 401 else "resource", evidence)
        if not 200 <= status < 300:
            return Broken(f"status {status}", evidence)
    if len(body) > MAX_BODY:
        return Broken(f"more than {MAX_BODY} bytes", evidence)
    try:
        document = read_exact(body) if body.strip() else None
    except ValueError:
        # Whatever the status is accepted for, a page of HTML is no word of the API's.
        return Broken(f"no JSON ({response.headers.get('Content-Type', 'no content type')})", evidence)
    if limit_in(document):
        return Limited(_pause(response, clock), evidence)
    return Reply(status, document, clock, evidence, next_link(response.headers.get("Link", "")))


def _pause(response: requests.Response, clock: datetime | None) -> float | None:
    return requested_pause(response.headers, clock or datetime.now(UTC))


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
        allowed_methods=("GET",),
        backoff_factor=back_off,
        backoff_jitter=back_off,
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    session.mount(base, bounded(HTTPAdapter(pool_connections=2, pool_maxsize=connections, max_retries=retry)))
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
