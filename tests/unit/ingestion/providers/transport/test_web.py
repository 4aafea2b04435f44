"""The manners of every call: where the token goes, what is retried, what is believed."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import certifi
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.secrets import MemorySecrets
from tests.support.scripted_server import Answer, Request, scripted_server

from core.audit.history import Evidence
from core.errors import BadContract, InvalidData
from ingestion.providers import answers
from ingestion.providers.answers import Broken, Limited, NotEntitled
from ingestion.providers.reading.classify import MAX_BODY, PlainRules, Reply, classify
from ingestion.providers.reading.exact_json import read_exact
from ingestion.providers.reading.received import Received
from ingestion.providers.transport.credential import Credential
from ingestion.providers.transport.web import Signing, Web, prepared

SECRET = "s3cret-token"
HEADERS = {"X-Token": "{secret}", "Accept": "application/json"}


def web(url: str, secrets: MemorySecrets | None = None) -> Web:
    credential = Credential(secrets or MemorySecrets(token=SECRET), "token")
    return Web(url, signing=Signing(HEADERS), credential=credential, back_off=0.01)


def ask(client: Web, path: str, query: dict[str, str]) -> Reply | answers.Answer:
    answer = client.ask(path, query)
    return answer if isinstance(answer, Broken) else classify(answer, PlainRules())


def follow(client: Web, url: str) -> Reply | answers.Answer:
    answer = client.follow(url)
    return answer if isinstance(answer, Broken) else classify(answer, PlainRules())


def always(said: Answer) -> Callable[[Request], Answer]:
    return lambda _request: said


def test_the_token_is_in_the_header_and_nowhere_else() -> None:
    with scripted_server(lambda request: Answer(json.dumps({"echo": request.headers["X-Token"]}))) as server:
        reply = ask(web(server.url), "/quote", {"symbol": "BRK B&C"})
        assert isinstance(reply, Reply)
        assert server.requests[0].headers["X-Token"] == SECRET
        assert server.requests[0].path == "/quote?symbol=BRK+B%26C"
        assert SECRET not in reply.evidence.request
        assert SECRET not in reply.evidence.answer  # not even where the provider echoes it
        assert reply.document == {"echo": "***"}


def test_a_newline_that_was_pasted_with_the_token_does_no_harm() -> None:
    with scripted_server(always(Answer("{}"))) as server:
        ask(web(server.url, MemorySecrets(token=SECRET + "\n")), "/", {})
        assert server.requests[0].headers["X-Token"] == SECRET


def test_connections_are_kept_and_cookies_are_not() -> None:
    with scripted_server(always(Answer("{}", headers={"Set-Cookie": "session=1; Path=/"}))) as server:
        client = web(server.url)
        for _ in range(20):
            ask(client, "/", {})
        assert server.connections == 1
        assert all("Cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Fri, 20 Nov 2026 14:30:35 GMT"}, 30.0),
        ({"X-Ratelimit-Reset": "1795185060"}, 55.0),  # 14:31:00, and the Date says 14:30:05
        ({"Retry-After": "7", "X-Ratelimit-Reset": "1795185060"}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"X-Ratelimit-Reset": "0"}, 0.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"X-Ratelimit-Reset": "12"}, 12.0),  # seconds from now
        ({"X-Ratelimit-Reset": "1795185060.5"}, 55.5),
        ({"X-Ratelimit-Reset": "1795185060000"}, 55.0),  # milliseconds
        ({"X-Ratelimit-Reset": "Fri, 20 Nov 2026 14:30:35 GMT"}, 30.0),
        ({"X-Ratelimit-Reset": "2026-11-20T14:30:35Z"}, 30.0),
        ({"Ratelimit-Reset": "9"}, 9.0),
        ({"X-Ratelimit-Reset": "-1"}, None),
    ],
)
def test_a_limit_is_asked_once_and_tells_when_to_come_again(headers: dict[str, str], wait: float | None) -> None:
    with scripted_server(always(Answer('{"error":"API limit reached."}', 429, headers))) as server:
        answer = ask(web(server.url), "/", {})
        assert isinstance(answer, Limited)
        assert answer.retry_after == wait
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        ("{}", 418, {"Retry-After": "60"}),  # Binance, to an address that went on after a 429
        ("{}", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}),  # GitHub's primary limit
        ("{}", 403, {"Retry-After": "60"}),  # GitHub's secondary limit
        ('{"code": 429, "status": "error"}', 200, {"Retry-After": "60"}),  # Twelve Data
        ('{"error": {"code": "429"}}', 200, {"Retry-After": "60"}),
        ('{"cod": 429, "message": "blocked"}', 200, {"Retry-After": "60"}),  # OpenWeather
    ],
)
def test_a_limit_is_known_in_whatever_form_it_comes(body: str, status: int, headers: dict[str, str]) -> None:
    with scripted_server(always(Answer(body, status, headers))) as server:
        answer = ask(web(server.url), "/", {})
        assert isinstance(answer, Limited)
        assert answer.retry_after == 60.0
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_tried_three_times(status: int) -> None:
    with scripted_server(always(Answer("oops", status))) as server:
        answer = ask(web(server.url), "/", {})
        assert isinstance(answer, Broken)
        assert answer.reason == f"status {status}"
        assert len(server.requests) == 3


def test_a_short_retry_after_is_waited_for_and_a_long_one_ends_the_call() -> None:
    slept: list[float] = []
    said = iter([Answer("later", 503, {"Retry-After": "4"}), Answer("later", 503, {"Retry-After": "600"})])
    with scripted_server(lambda _request: next(said)) as server:
        client = Web(server.url, signing=Signing(), credential=None, sleep=slept.append)
        assert isinstance(ask(client, "/", {}), Broken)
        assert len(server.requests) == 2
    assert slept == [4.0]


def test_the_reset_of_a_plan_is_no_pause_that_a_failure_asks_for() -> None:
    said = iter([Answer("oops", 500, {"X-RateLimit-Reset": "3600"}), Answer("{}")])
    with scripted_server(lambda _request: next(said)) as server:
        assert isinstance(ask(web(server.url), "/", {}), Reply)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_each_try_but_the_first_waits_for_a_turn_of_the_plan(turns: int) -> None:
    left = iter([True] * turns + [False])
    with scripted_server(always(Answer("oops", 503))) as server:
        answer = web(server.url).ask("/", {}, turn=lambda: next(left))
        assert not isinstance(answer, Broken)
        assert answer.status == 503
        assert len(server.requests) == 1 + turns


@pytest.mark.parametrize("has_turn", [False, True])
def test_a_secret_that_was_rotated_is_tried_in_a_turn_of_its_own(has_turn: bool) -> None:
    secrets = MemorySecrets(token="old-token")

    def answer(request: Request) -> Answer:
        return Answer("{}", 200 if request.headers["X-Token"] == "new-token" else 401)

    with scripted_server(answer) as server:
        client = web(server.url, secrets)
        assert secrets.read("token") == "old-token"
        secrets.values["token"] = "new-token"
        said = client.ask("/", {}, turn=lambda: has_turn)
        assert isinstance(said, Broken) is not has_turn
        assert len(server.requests) == 1 + has_turn


@pytest.mark.parametrize(("status", "what"), [(401, "token"), (403, "resource")])
def test_refusals_are_told_apart(status: int, what: str) -> None:
    with scripted_server(always(Answer('{"error":"no"}', status))) as server:
        answer = ask(web(server.url), "/", {})
        assert isinstance(answer, NotEntitled)
        assert (answer.what, answer.evidence.status) == (what, status)
        assert len(server.requests) == 1


def test_a_redirect_is_not_followed_for_it_would_carry_the_token_away() -> None:
    with scripted_server(always(Answer("{}"))) as thief:
        moved = Answer("", 302, {"Location": f"{thief.url}/"})
        with scripted_server(always(moved)) as server:
            answer = ask(web(server.url), "/", {})
        assert isinstance(answer, Broken)
        assert answer.reason == "status 302"
        assert thief.requests == []


@pytest.mark.parametrize("body", ["<html></html>", "", "{", "[" * 100_000, b"\xff\xfe", '{"c": 1} x'])
def test_what_is_no_json_is_broken(body: str | bytes) -> None:
    with scripted_server(always(Answer(body))) as server:
        answer = ask(web(server.url), "/", {})
    if body == "":
        assert isinstance(answer, Reply)
        assert answer.document is None
    else:
        assert isinstance(answer, Broken)
        assert answer.reason.startswith("no JSON")


def test_an_answer_without_end_is_cut_off() -> None:
    with scripted_server(always(Answer(b"1" * (MAX_BODY + 10)))) as server:
        answer = ask(web(server.url), "/", {})
    assert isinstance(answer, Broken)
    assert "more than" in answer.reason


@pytest.mark.parametrize(
    "drip", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[1, 1, 1, 1, 1, 1,", b"HTTP/1.1 200"]
)
def test_an_answer_that_drips_is_over_at_its_deadline(drip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every time-out of a socket from passing, in the body and before it."""
    monkeypatch.setattr("ingestion.providers.transport.web.WHOLE_SECONDS", 0.3)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            listening.settimeout(5)
            with contextlib.suppress(OSError):
                while not over.is_set():
                    connection, _ = listening.accept()
                    connection.recv(4096)
                    connection.sendall(drip)
                    while not over.wait(0.02):
                        connection.sendall(b" ")

        dripping = threading.Thread(target=serve, daemon=True)
        dripping.start()
        started = time.monotonic()
        answer = ask(web(f"http://127.0.0.1:{listening.getsockname()[1]}"), "/", {})
        assert time.monotonic() - started < 60
        over.set()
        listening.close()
        dripping.join(5)
    assert isinstance(answer, Broken)
    assert answer.evidence.status == 0


def test_a_next_page_is_followed_on_its_own_host_alone() -> None:
    with scripted_server(always(Answer("{}"))) as thief, scripted_server(always(Answer('{"a": 1}'))) as server:
        client = web(server.url)
        refused = follow(client, f"{thief.url}/more?cursor=1")
        followed = follow(client, "/more?cursor=1")
        assert isinstance(refused, Broken)
        assert isinstance(followed, Reply)
        assert thief.requests == []
        assert [request.path for request in server.requests] == ["/more?cursor=1"]


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("/more?cursor=1#top", f"/more?cursor=1&key={SECRET}"),
        ("/more#top", f"/more?key={SECRET}"),
        ("/more?cursor=%FF%FE&key=old&q=a%20b", f"/more?cursor=%FF%FE&q=a%20b&key={SECRET}"),
        ("/more?k%65y=old", f"/more?key={SECRET}"),
    ],
)
def test_a_next_page_is_asked_for_as_it_is_named_with_the_secret_in_its_query(named: str, asked: str) -> None:
    with scripted_server(always(Answer("{}"))) as server:
        credential = Credential(MemorySecrets(token=SECRET), "token")
        Web(server.url, signing=Signing(query="key"), credential=credential).follow(named)
        assert [request.path for request in server.requests] == [asked]


_BASE = "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("base", "named", "asked"),
    [
        (_BASE, "https://api.example.com:443/v1/x?p=2", "https://api.example.com/v1/x?p=2"),
        (_BASE, "HTTPS://API.example.com/v1/x?p=2", "https://api.example.com/v1/x?p=2"),
        (_BASE, "http://api.example.com/v1/x?p=2", "https://api.example.com/v1/x?p=2"),
        (_BASE, "http://api.example.com:80/v1/x?p=2", ""),
        ("https://api.example.com:443", "//api.example.com/x", "https://api.example.com:443/x"),
        ("https://api.example.com:8443", "http://api.example.com:8443/x", "https://api.example.com:8443/x"),
        ("https://api.example.com:8443", "https://api.example.com/x", ""),
        ("http://127.0.0.1:1", "https://127.0.0.1:1/x", ""),
        (_BASE, "https://api.example.com:99999/x", ""),
        (_BASE, "https://me@api.example.com/x", ""),
        (_BASE, "ftp://api.example.com/x", ""),
        (_BASE, "https://api.example.com.thief.org/x", ""),
    ],
)
def test_a_next_page_of_the_same_origin_is_asked_for_however_it_is_written(base: str, named: str, asked: str) -> None:
    client, calls = web(base), []

    def once(call: Any, *_: object, **__: object) -> tuple[Broken, bool]:
        calls.append(call.url)
        return Broken("", Evidence("", 0, "", "")), False

    client._once = once  # type: ignore[method-assign]
    assert isinstance(client.follow(named), Broken)
    assert calls == [asked] * bool(asked)


@pytest.mark.parametrize("url", ["https://[x", "//[::1/h?page=2", "https://x\u2100/h", f"https://thief/{SECRET}/more"])
def test_a_next_page_that_is_no_address_is_not_followed_and_not_shown_with_the_secret(url: str) -> None:
    answer = web("https://api.example.com/v1").follow(url)
    assert isinstance(answer, Broken)
    assert answer.reason.startswith("its next page")
    assert SECRET not in answer.evidence.request


def test_a_next_page_beside_the_base_path_is_asked_for_as_any_other_is() -> None:
    said = iter([Answer("", 503), Answer('{"a": 1}')])
    with scripted_server(lambda _request: next(said)) as server:
        assert isinstance(follow(web(f"{server.url}/v2"), "/v3/more"), Reply), "tried again, within the same deadline"


_PARTS = st.text("abz019-._~ %+&=?/:;,@!$'()*äß\u20ac", max_size=12)


@given(st.lists(_PARTS, max_size=3), st.dictionaries(_PARTS.filter(bool), _PARTS, max_size=3), st.booleans())
def test_a_url_is_the_one_that_requests_would_ask_for(parts: list[str], query: dict[str, str], fixed: bool) -> None:
    path = "".join(f"/{quote(part, safe='')}" for part in parts) + ("?fixed=a%20b" if fixed else "")
    url = f"https://api.example.com/v1{path}"
    theirs = requests.Request("GET", url, params=query).prepare().url
    assert prepared(url, query) == theirs


def test_headers_are_those_that_requests_would_send() -> None:
    with scripted_server(always(Answer("{}"))) as server:
        ask(web(server.url), "/quote", {"symbol": "A"})
        web(server.url).ask("/quote", {}, {"b": [1, "ä"]})
        session = requests.Session()
        session.trust_env = False
        signed = {"X-Token": SECRET, "Accept": "application/json"}
        session.get(f"{server.url}/quote", params={"symbol": "A"}, headers=signed)
        session.post(f"{server.url}/quote", json={"b": [1, "ä"]}, headers=signed)
        got, posted, get, post = ((r.path, r.headers) for r in server.requests)
        assert (got, posted) == (get, post)


def test_certificates_are_those_of_certifi_unless_the_environment_names_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    pool: Any = web("https://api.example.com")._connected()
    assert (pool.cert_reqs, pool.ca_certs) == ("CERT_REQUIRED", certifi.where())
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    pool = web("https://api.example.com")._connected()
    assert (pool.cert_reqs, pool.ca_certs) == ("CERT_REQUIRED", str(bundle))


def test_a_proxy_of_the_environment_is_asked_for_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(always(Answer('{"a": 1}'))) as proxy:
        for name in ("http_proxy", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("no_proxy", "elsewhere.example")
        assert isinstance(ask(web("http://localhost:9"), "/quote", {"a": "b"}), Reply)
        assert [request.path for request in proxy.requests] == ["http://localhost:9/quote?a=b"]


def test_nobody_there_is_broken_without_an_answer() -> None:
    with scripted_server(always(Answer("{}"))) as server:
        url = server.url
    answer = ask(web(url), "/", {"a": "b"})
    assert isinstance(answer, Broken)
    assert answer.reason == "no answer (NewConnectionError)"
    assert answer.evidence.status == 0


@pytest.mark.parametrize("date", ["", "yesterday", "2026-11-20"])
def test_a_missing_or_odd_date_is_no_clock(date: str) -> None:
    with scripted_server(always(Answer("{}", date=date))) as server:
        reply = ask(web(server.url), "/", {})
    assert isinstance(reply, Reply)
    assert reply.provider_time is None


@pytest.mark.parametrize(
    "url", ["http://finnhub.io/api/v1", "ftp://127.0.0.1", "finnhub.io", "http://localhost.evil.io"]
)
def test_tokens_travel_encrypted(url: str) -> None:
    with pytest.raises(BadContract, match="https"):
        web(url)


def test_a_secret_without_a_value_asks_nobody() -> None:
    with scripted_server(always(Answer("{}"))) as server:
        with pytest.raises(InvalidData, match="starmend secret set"):
            ask(web(server.url, MemorySecrets()), "/", {})
        assert server.requests == []


@pytest.mark.parametrize("value", ["two\nlines", "tökén", "nul\0", "  "])
def test_a_secret_that_no_header_can_carry_is_refused_without_being_shown(value: str) -> None:
    with scripted_server(always(Answer("{}"))) as server:
        with pytest.raises(InvalidData, match="starmend secret set token") as refused:
            ask(web(server.url, MemorySecrets(token=value)), "/", {})
        assert server.requests == []
    assert not value.strip() or value not in str(refused.value)


def test_numbers_keep_their_digits() -> None:
    assert read_exact(b'{"a": 189.50, "b": 1e-7, "c": 12345678901234567890.123456789}') == {
        "a": Decimal("189.50"),
        "b": Decimal("1E-7"),
        "c": Decimal("12345678901234567890.123456789"),
    }


_LINES = b"t,v\n0,187.25\n3600,191.75\n"
_ZIPPED = gzip.compress(_LINES)


@pytest.mark.parametrize(
    ("headers", "sent", "end"),
    [
        ("", _LINES, "unknown"),
        ("", _LINES[:-8], "unknown"),
        ("Content-Encoding: gzip", _ZIPPED, "told"),
        ("Content-Encoding: gzip", _ZIPPED + _ZIPPED, "told"),  # RFC 1952, 2.2: members one after the other
        ("Content-Encoding: gzip", _ZIPPED[:-8], "cut"),  # without its CRC and length
        ("Content-Encoding: gzip", _ZIPPED[:-12], "cut"),
        ("Content-Encoding: deflate", zlib.compress(_LINES), "told"),
        ("Content-Encoding: deflate", zlib.compress(_LINES)[:-4], "cut"),
        ("Content-Encoding: gzip, gzip", gzip.compress(_ZIPPED), "told"),
        (f"Content-Length: {len(_LINES)}", _LINES, "told"),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(_LINES), _LINES), "told"),
        ("Content-Encoding: gzip\r\nContent-Length: 0", b"", "told"),
    ],
)
def test_an_answer_says_whether_its_end_is_known(headers: str, sent: bytes, end: str) -> None:
    """RFC 9112, 6.3 and 8: a body without a length ends with its connection; a stream of gzip has an end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connected, _ = listening.accept()
            with connected:
                connected.recv(65_536)
                connected.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}".rstrip().encode() + b"\r\n\r\n")
                connected.sendall(sent)

        server = threading.Thread(target=serve)
        server.start()
        web = Web(f"http://127.0.0.1:{listening.getsockname()[1]}", signing=Signing(), credential=None)
        answer = web.ask("/x", {})
        server.join()
    assert isinstance(answer, Received), answer
    assert answer.end == end
