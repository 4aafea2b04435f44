"""The class of a saved answer, by the contract's rules first and HTTP's last; and judged like one of a call."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.scripted_server import DATE

from core.feeds.rest.spec import read_spec
from core.time import at_epoch
from ingestion.providers.answers import NotEntitled
from ingestion.providers.reading.classify import Reply, class_of, classify
from ingestion.providers.reading.received import End, received
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


def judged(body: bytes, *, end: End = "told", content_type: str = "", **call: Any) -> Any:
    history = {"path": "/h", "query": {"f": "{start}", "t": "{end}"}, "time": "t", "fields": {"v": "v"}, **call}
    spec = read_spec({"url": "https://x", "time": "epoch_seconds", "history": history})
    saved = received(200, {"Date": DATE, "Content-Type": content_type}, body, request="saved", end=end)
    return judge_history(spec, "x", [saved], start=at_epoch(0), end=at_epoch(7200), every=3600)


@pytest.mark.parametrize("charset", ["ISO-8859-1", "windows-1252", "utf-16-le", "UTF-8", "no-such", ""])
def test_a_text_is_read_by_its_charset_and_spoils_no_other_cell(charset: str) -> None:
    """ "Z\u00fcrich" in a column that nobody takes made each answer of a station broken."""
    text = "t,ort,v\n0,Z\u00fcrich,1.5\n3600,Bern,2.5\n"
    known = charset if charset not in ("no-such", "") else "latin-1"
    answer = judged(text.encode(known), content_type=f"text/csv; charset={charset}", format="csv")
    assert [point.values["v"] for point in answer.points] == ["1.5", "2.5"]
    taken = judged(text.encode(known), content_type=f"text/csv; charset={charset}", format="csv", fields={"v": "ort"})
    places = [point.values["v"] for point in taken.points]
    assert places == (["Z\u00fcrich", "Bern"] if known == charset else ["Bern"])
    document = b'[{"t": 0, "ort": "Z\xfcrich", "v": 1}]'
    said = judged(document, content_type="application/json; charset=ISO-8859-1", fields={"v": "ort"})
    assert [point.values["v"] for point in said.points] == ["Z\u00fcrich"]


@pytest.mark.parametrize(
    ("body", "end", "values"),
    [
        ("t,v\n0,187.25\n3600,19", "unknown", ["187.25"]),
        ("t,v\n0,187.25\n3600,191.75", "unknown", ["187.25", "191.75"]),  # no line's end is no cut
        ("t,v\n0,187.25\n3600,19\n", "unknown", ["187.25", "19"]),
        ("t,v\n0,187.25\n3600,19", "told", ["187.25", "19"]),
        ("v,t,unit\n1,0,USD\n2,3600,USD", "unknown", ["1", "2"]),
        ("v,t,unit\n1,0,USD\n2,3600,U", "unknown", ["1", "2"]),  # of a column that nobody takes
        ("t,v\n0,187.25\n3600,19", "cut", None),
    ],
)
def test_a_number_that_a_lost_connection_cut_is_no_value(body: str, end: End, values: list[str] | None) -> None:
    answer = judged(body.encode(), end=end, format="csv")
    assert class_of(answer)[0] == ("broken" if values is None else "data")
    if values is not None:
        assert ([point.values["v"] for point in answer.points], answer.partial) == (values, "")


@pytest.mark.parametrize("marker", [float("nan"), "NaN"])
def test_a_bare_nan_is_nothing_where_the_contract_says_so(marker: object) -> None:
    body = b'[{"t": 0, "v": NaN}, {"t": 3600, "v": 2}]'
    assert [point.values["v"] for point in judged(body, nulls=[marker]).points] == [2]
    assert judged(body, nulls=[marker]).bad == ()
    assert [point.values["v"] for point in judged(b'[{"t": 0, "v": "NaN"}]', nulls=[-9999, "M"]).points] == ["NaN"]


@pytest.mark.parametrize(
    ("document", "fields", "expected"),
    [
        ('{"code": "418", "value": 3.5}', {"v": "value"}, "reply"),  # ISO 3166: Laos
        ('{"code": "418", "currency": "LAK"}', {"code": "code", "v": "currency"}, "reply"),
        ('{"code": 429, "message": "You have run out of API credits", "status": "error"}', {"v": "values"}, "limited"),
        ('{"code": 429, "message": "no"}', {"v": "value", "message": "message"}, "limited"),
        ('{"error": {"code": 429}}', {"v": "value"}, "limited"),
    ],
)
def test_a_record_whose_code_is_418_is_no_limit(document: str, fields: dict[str, str], expected: str) -> None:
    spec = read_spec({"url": "https://x", "live": {"path": "/x", "fields": fields}})
    assert spec.live is not None
    answer = classify(received(200, {"Date": DATE}, document.encode(), request="saved"), spec.live)
    assert ("reply" if isinstance(answer, Reply) else class_of(answer)[0]) == expected
