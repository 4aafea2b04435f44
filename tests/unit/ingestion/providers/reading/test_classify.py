"""The class of a saved answer, by the contract's rules first and HTTP's last; and judged like one of a call."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.scripted_server import DATE

from core.feeds.rest.spec import read_spec
from core.time import at_epoch
from ingestion.providers.answers import NotEntitled
from ingestion.providers.reading.classify import Reply, class_of, classify
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history, judge_live

RULES: dict[str, Any] = {
    "limited": "Note != null",
    "refused": "code == `403`",
    "broken": "stale == `true`",
    "no_data": "code == `404`",
    "no_data_status": [404],
    "limited_status": [509],
    "refused_status": [402],
}
CALL = {"path": "/h", "query": {"f": "{start}", "t": "{end}"}, "records": "d", "time": "t", "fields": {"v": "v"}}
SETTINGS = {"url": "https://x", "time": "epoch_seconds", "live": {**CALL, "query": {}}, "history": {**CALL, **RULES}}
SPEC = read_spec(SETTINGS)


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (200, '{"d": []}', {}, "reply"),
        (200, "", {}, "reply"),
        (200, '{"Note": "5 calls"}', {}, "limited"),
        (200, '{"code": 429}', {"Retry-After": "7"}, "limited"),
        (400, '{"Note": "5 calls"}', {}, "limited"),
        (509, "<html>", {}, "limited"),
        (429, "{}", {}, "limited"),
        (200, '{"code": 403}', {}, "refused"),
        (402, "<html>", {}, "refused"),
        (403, "{}", {}, "refused"),
        (401, '{"code": 404}', {}, "no data"),  # the contract's word outranks HTTP's
        (200, '{"stale": true}', {}, "broken"),
        (404, '{"message": "none"}', {}, "no data"),
        (404, "", {}, "no data"),
        (404, "<html>gone</html>", {}, "broken"),
        (500, '{"code": 404}', {}, "broken"),  # a server that failed is not believed
        (301, "", {}, "broken"),
        (200, "<html>", {}, "broken"),
    ],
)
def test_rules_of_the_contract_come_first_and_html_is_nobodys_word(
    status: int, body: str, headers: dict[str, str], expected: str
) -> None:
    assert SPEC.history is not None
    answer = classify(received(status, headers, body.encode(), request="GET https://x/h"), SPEC.history)
    assert ("reply" if isinstance(answer, Reply) else class_of(answer)[0]) == expected


def test_every_class_says_why() -> None:
    saved = received(200, {"Date": DATE}, b'{"d": [{"t": 3600, "v": "1.50"}]}', request="saved")
    said = class_of(judge_history(SPEC, "x", [saved], start=at_epoch(0), end=at_epoch(7200), every=3600))
    assert said == ("data", "")
    assert class_of(NotEntitled("token", saved.evidence)) == ("refused", "the token is refused")
    page = received(200, {"date": DATE}, b'{"d": [], "next": "/2"}', request="saved")
    said = class_of(judge_history(SPEC, "x", [page], start=at_epoch(0), end=at_epoch(7200), every=3600))
    assert said == ("data", "it has another page, and the contract does not say how to follow it (next)")
    said = class_of(judge_live(SPEC, "x", saved, every=3600))
    assert said == ("broken", "a record of another slot than the provider's clock shows")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("t;v\n3600;1.5\n7200;\n", "reply"),
        ("\ufefft;v\r\n3600;1.5\r\n", "reply"),
        ("t;v\n", "reply"),
        ("<html><body>down</body></html>", "broken"),
        ('{"error": "no such series"}', "reply"),  # a document, in which no records are
        ("t;v\n3600;1.5;9\n", "broken"),
        ("t;t\n1;2\n", "broken"),
        ('t;v\n3600;"1.5\n', "broken"),
    ],
)
def test_a_csv_is_read_whole_or_not_at_all(body: str, expected: str) -> None:
    spec = read_spec({**SETTINGS, "history": {**CALL, "format": "csv", "delimiter": ";", "records": "@"}})
    assert spec.history is not None
    answer = classify(received(200, {"Date": DATE}, body.encode(), request="saved"), spec.history)
    assert ("reply" if isinstance(answer, Reply) else class_of(answer)[0]) == expected
    saved = received(200, {"Date": DATE}, body.encode(), request="saved")
    judged = class_of(judge_history(spec, "x", [saved], start=at_epoch(0), end=at_epoch(86_400), every=3600))[0]
    assert judged == {"reply": "data" if "3600" in body else "no data"}.get(
        expected if "error" not in body else "", "broken"
    )
