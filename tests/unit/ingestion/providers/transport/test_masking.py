"""A secret in a query is in the query alone: in no log, evidence, reason or record, whatever the API echoes."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fakes.secrets import MemorySecrets
from tests.support.api_shapes import spelt
from tests.support.scripted_server import Answer, Request, scripted_server

from core.contract import model
from core.time import at_epoch
from ingestion.providers.build import build_source

# No word of our own, such as a class's name, which would be seen in every answer.
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40).map("7q".__add__)
ECHOES: dict[str, Callable[[str, Request], Answer]] = {
    "url": lambda _, request: Answer(json.dumps({"data": [], "asked": request.path})),
    "plain": lambda secret, _: Answer(json.dumps({"data": [{"at": 0, "v": {"key": secret}}], "error": secret})),
    "record": lambda secret, _: Answer(json.dumps({"data": [{"at": 3600, "v": secret}, {"at": secret, "v": 1}]})),
    "html": lambda secret, _: Answer(f"<p>no such key: {html.escape(secret)} {quote_plus(secret)}</p>", 404),
    "go": lambda secret, _: Answer(
        json.dumps({"message": secret}).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"), 400
    ),
    "refused": lambda secret, _: Answer(json.dumps({"message": f"{quote(secret)} is no key"}), 403),
    "next": lambda secret, _: Answer(
        json.dumps({"data": [{"at": 0, "v": 1}], "next": f"/more?key={quote_plus(secret)}"})
    ),
    "elsewhere": lambda secret, _: Answer(
        json.dumps({"data": [{"at": 0, "v": 1}], "next": f"https://x.example/{secret}"})
    ),
    "closed": lambda *_: Answer("{}", headers={"Content-Length": "99"}),
    "failing": lambda secret, _: Answer(secret, 503),
}
SPEC = {
    "span": "1 day",
    "time": "epoch_seconds",
    "auth": {"query": "key"},
    "history": {
        "path": "/h",
        "query": {"from": "{start}", "to": "{end}"},
        "records": "data",
        "time": "at",
        "fields": {"v": "v"},
        "next": "next",
    },
}


@pytest.mark.parametrize("echo", sorted(ECHOES))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(secret=secrets)
@example(secret="a<b>c&d'e\"f/g\\h")
def test_a_secret_of_the_query_is_seen_by_the_provider_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, echo: str, secret: str
) -> None:
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("ingestion.providers.transport.web.TRIES", 2)
    monkeypatch.setattr("ingestion.providers.transport.web.READ_SECONDS", 0.2)
    with scripted_server(lambda request: ECHOES[echo](secret, request)) as server:
        spec = model.Provider("rest", {**SPEC, "url": server.url})
        source = build_source(spec, every=3600, secret="key", secrets=MemorySecrets(key=secret))
        answer = source.provider.history("x", at_epoch(0), at_epoch(7200))
        asked = [request.path for request in server.requests]
    assert asked
    assert all(f"key={quote_plus(secret)}" in path and path.count("key=") == 1 for path in asked)
    assert "key=***" in answer.evidence.request or "x.example" in answer.evidence.request
    shown = [repr(answer), caplog.text]
    assert [text for text in shown for spelling in spelt(secret) if spelling in text] == []
