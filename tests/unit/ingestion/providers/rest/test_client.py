"""Shapes of JSON that APIs have, and what is refused of them."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from unittest.mock import ANY

import pytest
import yaml
from tests.fakes.secrets import MemorySecrets
from tests.support.feeds import ROOT
from tests.support.scripted_server import Answer, Request, ScriptedServer, scripted_server

from core.contract import model
from core.errors import BadContract
from core.feeds.rest.spec import read_spec
from core.time import format_second
from ingestion.providers.answers import Broken, Data, Limited, NoData, NotEntitled, ends_calls
from ingestion.providers.build import Source, build_source
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history, judge_live

START = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
T = int(START.timestamp())


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(lambda _request: Answer("{}")) as server:
        yield server


def source(server: ScriptedServer, *, history: dict[str, Any] | None = None, **settings: Any) -> Source:
    calls = {"history": {"path": "/h", "query": {"start": "{start}", "end": "{end}"}, **history}} if history else {}
    spec = model.Provider("rest", {"url": server.url, **settings, **calls})
    return build_source(spec, every=3600, secret="key", secrets=MemorySecrets(key="k"))


def say(server: ScriptedServer, document: object, status: int = 200) -> None:
    server.answer = lambda _request: Answer(json.dumps(document), status)


def points(answer: object) -> list[tuple[dt.datetime | None, dict[str, object]]]:
    assert isinstance(answer, Data), answer
    return [(point.time, dict(point.values)) for point in answer.points]


COLUMNS = {"records": "hourly", "shape": "columns", "time": "time", "fields": {"temp": "temperature_2m"}}


def test_columns_of_arrays_are_read_as_rows(server: ScriptedServer) -> None:
    say(server, {"hourly": {"time": ["2026-11-20T14:00", "2026-11-20T15:00"], "temperature_2m": [1.50, -2]}})
    answer = source(server, history=COLUMNS).provider.history("x", START, START + 2 * HOUR)
    assert points(answer) == [(START, {"temp": Decimal("1.50")}), (START + HOUR, {"temp": -2})]


def test_a_slot_whose_values_are_null_is_not_there(server: ScriptedServer) -> None:
    say(server, {"hourly": {"time": ["2026-11-20T14:00", "2026-11-20T15:00"], "temperature_2m": [None, 3]}})
    answer = source(server, history=COLUMNS).provider.history("x", START, START + 2 * HOUR)
    assert points(answer) == [(START + HOUR, {"temp": 3})]


def test_columns_of_nulls_are_no_data_and_a_column_that_is_not_there_is_a_contract_gone_wrong(
    server: ScriptedServer,
) -> None:
    provider = source(server, history=COLUMNS).provider
    say(server, {"hourly": {"time": ["2026-11-20T14:00"], "temperature_2m": [None]}})
    assert isinstance(provider.history("x", START, START + HOUR), NoData)
    say(server, {"hourly": {"time": ["2026-11-20T14:00"], "temperature": [None]}})
    assert isinstance(provider.history("x", START, START + HOUR), Broken)


def test_arrays_of_arrays_and_milliseconds_and_an_inclusive_end(server: ScriptedServer) -> None:
    say(server, [[T * 1000, "1.10", "9"], [(T + 3600) * 1000, "1.20", "9"]])
    history = {
        "path": "/klines/{entity}",
        "query": {"startTime": "{start}", "endTime": "{end}"},
        "end": "inclusive",
        "time": "[0]",
        "fields": {"open": "[1]"},
    }
    answer = source(server, time="epoch_milliseconds", history=history).provider.history("B/C", START, START + 2 * HOUR)
    assert points(answer) == [(START, {"open": "1.10"}), (START + HOUR, {"open": "1.20"})]
    assert server.requests[0].path == f"/klines/B%2FC?startTime={T}000&endTime={T + 3600}000"


def test_offsets_of_iso_times_are_understood(server: ScriptedServer) -> None:
    say(server, {"items": [{"at": "2026-11-20T09:00:00-05:00", "v": 1}]})
    history = {"records": "items", "time": "at", "fields": {"v": "v"}}
    assert points(source(server, history=history).provider.history("x", START, START + HOUR)) == [(START, {"v": 1})]


ROWS = {"records": "items", "time": "at", "fields": {"v": "v"}, "no_data": "status == 'none'", "no_data_status": [404]}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"items": [{"at": T - 7200, "v": 1}]}, "records of another interval than asked for"),
        ({"items": [{"at": T + 86400, "v": 1}]}, "records of another interval than asked for"),
        ({"items": [], "error": "maintenance"}, "an error instead of records (maintenance)"),
        ({"error": {"code": 10, "info": "down"}}, "an error instead of records"),
        (
            {"items": [{"at": "noon", "v": 1}]},
            "does not describe ('noon' is no epoch number)",
        ),
        ({"items": [{"v": 1}]}, "does not describe (None is no epoch number)"),
        ({"items": [{"at": 10**30, "v": 1}]}, "is no instant"),
        ({"other": []}, "no records where the contract says they are"),
        ({}, "no records where the contract says they are"),
        (None, "no records where the contract says they are"),
        ({"items": [{"at": T, "w": 1}]}, "records without any of the fields that the contract names"),
    ],
)
def test_what_the_contract_does_not_describe_is_broken(server: ScriptedServer, document: object, reason: str) -> None:
    say(server, document)
    answer = source(server, time="epoch_seconds", history=ROWS).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Broken)
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("document", "status"), [({"items": []}, 200), ({"status": "none"}, 200), ({"error": "unknown"}, 404)]
)
def test_no_data_in_the_ways_that_the_contract_tells(server: ScriptedServer, document: object, status: int) -> None:
    say(server, document, status)
    answer = source(server, history=ROWS).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, NoData)
    assert answer.evidence.status == status


ITEMS = {"records": "items", "time": "at", "fields": {"v": "v", "w": "w"}}


def fitted(answer: object) -> tuple[list[int], list[int], str]:
    assert isinstance(answer, Data), answer
    sound = [int(point.time.timestamp() - T) // 3600 for point in answer.points if point.time]
    return sound, [int(record.slot.timestamp() - T) // 3600 for record in answer.bad], answer.partial


@pytest.mark.parametrize(
    ("items", "sound", "bad"),
    [
        ([{"at": T, "v": 1}, {"at": T + 1800, "v": 2}, {"at": T + 3600, "v": 3}], [0, 1], []),  # a finer cadence
        ([{"at": T + 60, "v": 1}, {"at": T + 3600, "v": 3}], [1], [0]),  # within a slot that has no other
        ([{"at": T, "v": 1}, {"at": T, "v": 1}], [0], []),
        ([{"at": T, "v": 1}, {"at": T, "v": 2}, {"at": T + 3600, "v": 3}], [1], [0]),
        ([{"at": T, "v": None}, {"at": T, "v": 2}], [0], []),
        ([{"at": T + 3600, "v": 2}, {"at": T, "v": 1}], [0, 1], []),  # in another order
        ([{"at": T - 7200, "v": 2}, {"at": T, "v": 1}, {"at": T + 86400, "v": 3}], [0], []),
        ([{"at": T, "v": 1}, {"at": T + 3600, "v": {"w": 1}}, "text", None], [0, 1], []),
    ],
)
def test_each_record_is_judged_alone(server: ScriptedServer, items: Any, sound: list[int], bad: list[int]) -> None:
    say(server, {"items": items})
    answer = source(server, time="epoch_seconds", history=ITEMS).provider.history("x", START, START + 2 * HOUR)
    assert fitted(answer)[:2] == (sound, bad)


@pytest.mark.parametrize("shown", [{}, {"align": "floor"}])
def test_a_record_that_is_kept_whole_is_as_empty_as_its_fields(server: ScriptedServer, shown: dict[str, str]) -> None:
    """Else a slot that has a value and an empty record beside it had none, and renamed fields were absent points."""
    history = {**ITEMS, **shown, "fields": {**ITEMS["fields"], "record": "@"}}  # type: ignore[dict-item]
    provider = source(server, time="epoch_seconds", history=history).provider
    sound = {"at": T, "v": 2}
    say(server, {"items": [sound, {"at": T, "v": None}]})
    assert points(provider.history("x", START, START + HOUR)) == [(START, {"v": 2, "w": None, "record": sound})]
    say(server, {"items": [sound, {**sound, "sent": 2}]})
    [(at, fields)] = points(provider.history("x", START, START + HOUR))
    assert (at, fields["v"]) == (START, 2), "the same value was sent twice"
    say(server, {"items": [{"at": T, "v": None}]})
    assert isinstance(provider.history("x", START, START + HOUR), NoData)
    say(server, {"items": [{"at": T, "value": 2}]})
    answer = provider.history("x", START, START + HOUR)
    assert isinstance(answer, Broken)
    assert answer.reason == "records without any of the fields that the contract names"


@pytest.mark.parametrize(("keep", "value"), [("first", 1), ("last", 2)])
def test_records_within_a_slot_are_taken_where_the_contract_says_so(
    server: ScriptedServer, keep: str, value: int
) -> None:
    """Stations report at 51 minutes past the hour, and again when the weather changes."""
    say(server, {"items": [{"at": T + 3060, "v": 1}, {"at": T + 3300, "v": 2}]})
    history = {**ITEMS, "align": "floor", "keep": keep}
    answer = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + HOUR)
    assert [time_and_fields[1]["v"] for time_and_fields in points(answer)] == [value]


NWS = yaml.safe_load((ROOT / "contracts/examples/nws.yaml").read_text())["source"]["provider"]["rest"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_station_whose_later_page_is_not_given_has_no_other_value_than_with_it(cut: int) -> None:
    """weather.gov gives observations newest first; what a station observes beside, within the hour, comes later."""
    seen = [
        {"properties": {"timestamp": (START + minutes * HOUR / 60).isoformat(), "temperature": {"value": minutes}}}
        for minutes in reversed([54, 72, 96, 114, 131, 150, 174, 196, 210, 220, 234, 252])
    ]
    date = {"Date": "Sat, 21 Nov 2026 00:00:05 GMT"}
    pages = [{"features": seen[:cut], "pagination": {"next": "https://api.weather.gov/2"}}, {"features": seen[cut:]}]
    given = [received(200, date, json.dumps(page).encode(), request="GET") for page in pages]
    lost = [given[0], received(503, date, b"", request="GET")]
    whole, part = (
        judge_history(read_spec(NWS), "KBOS", answers, start=START, end=START + 4 * HOUR, every=3600)
        for answers in (given, lost)
    )
    assert [values["temperature"] for _, values in points(whole)] == [54, 114, 174, 234]
    assert [values for values in points(part) if values not in points(whole)] == []
    assert isinstance(part, Data)
    assert part.partial == "its page 2 was not given"


def test_a_slot_whose_records_lie_anywhere_in_it_is_asked_for_to_its_end(server: ScriptedServer) -> None:
    say(server, {"items": [{"at": T + 3060, "v": 1}, {"at": T + 3300, "v": 2}]})
    history = {**ITEMS, "align": "floor", "end": "inclusive"}
    provider = source(server, time="epoch_seconds", history=history).provider
    assert [values["v"] for _, values in points(provider.history("x", START, START + HOUR))] == [2]
    assert server.requests[-1].path == f"/h?start={T}&end={T + 3599}"


@pytest.mark.parametrize(
    ("document", "headers", "whole", "partial"),
    [
        ({}, {}, False, ""),
        (
            {"next": "/h?page=2"},
            {},
            False,
            "it has another page, and the contract does not say how to follow it (next)",
        ),
        ({"next_page_token": "x"}, {}, False, "it has another page"),  # Alpaca
        ({"pagination": {"next": "https://x"}}, {}, False, "it has another page"),  # weather.gov
        ({"links": {"next": None}, "has_more": False}, {}, False, ""),
        ({"has_more": True}, {}, False, "it has another page"),
        (
            {},
            {"Link": '<https://x/h?page=2>; rel="next", <https://x/h?page=9>; rel="last"'},
            False,
            "it has another page",
        ),
        ({}, {"Link": '<https://x/h?page=1>; rel="prev"'}, False, ""),
        ({"error": "one shard is down"}, {}, False, "it names an error (one shard is down)"),
        ({"error": []}, {}, False, ""),  # Kraken
    ],
)
def test_an_answer_that_is_known_to_lack_something_says_nothing_of_what_it_lacks(
    server: ScriptedServer, document: dict[str, Any], headers: dict[str, str], whole: bool, partial: str
) -> None:
    body = json.dumps({"items": [{"at": T, "v": 1}], **document})
    server.answer = lambda _request: Answer(body, headers=headers)
    answer = source(server, time="epoch_seconds", history=ITEMS).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert (answer.whole, answer.partial[: len(partial) or None]) == (whole, partial)


@pytest.mark.parametrize(
    ("document", "whole", "partial"),
    [
        ({"status": "DELAYED", "total": 1}, False, "it does not say that it is complete"),
        ({"status": "OK", "total": 1}, True, ""),
    ],
)
def test_an_answer_is_whole_where_it_says_so_as_the_contract_tells(
    server: ScriptedServer, document: dict[str, Any], whole: bool, partial: str
) -> None:
    say(server, {"items": [{"at": T, "v": 1}], **document})
    history = {**ITEMS, "complete": "status == 'OK'"}
    answer = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert (answer.whole, answer.partial) == (whole, partial)
    counted = {**ITEMS, "count": "total"}
    say(server, {"items": [{"at": T, "v": 1}], "total": 1 if whole else 7})
    answer = source(server, time="epoch_seconds", history=counted).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert (answer.whole, bool(answer.partial)) == (whole, not whole)


@pytest.mark.parametrize("by_header", [True, False])
def test_pages_are_followed_to_the_last_one_which_makes_the_answer_whole(
    server: ScriptedServer, by_header: bool
) -> None:
    def page(request: Any) -> Answer:
        number = int(request.path.partition("page=")[2] or 0)
        more = f"/h?page={number + 1}" if number < 2 else None
        body = {"items": [{"at": T + 3600 * number, "v": number}], "more": None if by_header else more}
        return Answer(json.dumps(body), headers={"Link": f'<{more}>; rel="next"'} if by_header and more else {})

    server.answer = page
    history = {**ITEMS, "next": "link" if by_header else "more"}
    answer = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 4 * HOUR)
    assert fitted(answer) == ([0, 1, 2], [], "")
    assert isinstance(answer, Data)
    assert answer.whole
    bounded = source(server, time="epoch_seconds", history={**history, "most_pages": 2})
    answer = bounded.provider.history("x", START, START + 4 * HOUR)
    assert fitted(answer) == ([0, 1], [], "it has more pages than the 2 that were read")
    assert isinstance(answer, Data)
    assert not answer.whole


def test_a_page_that_is_not_given_leaves_what_came_and_no_more_is_said(server: ScriptedServer) -> None:
    pages = iter([Answer(json.dumps({"items": [{"at": T, "v": 1}], "more": "/h?page=2"})), Answer("oops", 404)])
    server.answer = lambda _request: next(pages)
    history = {**ITEMS, "next": "more"}
    answer = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 2 * HOUR)
    assert fitted(answer) == ([0], [], "its page 2 was not given")


@pytest.mark.parametrize(
    ("document", "settings"),
    [
        ({"more": 2}, {"next": "more"}),
        ({"next_url": "/h?page=2"}, {"next": "nxt_url"}),
        ({"next_page_token": "abc"}, {"pages": {"by": "cursor", "parameter": "token", "from": "page_token"}}),
    ],
)
def test_a_page_that_names_another_where_the_contract_does_not_look_is_not_the_last(
    server: ScriptedServer, document: dict[str, Any], settings: dict[str, Any]
) -> None:
    say(server, {"items": [{"at": T, "v": 1}], **document})
    provider = source(server, time="epoch_seconds", history={**ITEMS, **settings}).provider
    answer = provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert (answer.whole, answer.partial[:22]) == (False, "it names another page,")


def test_an_empty_page_that_names_another_does_not_make_an_answer_whole(server: ScriptedServer) -> None:
    say(server, {"items": [], "more": "/h?page=2"})
    provider = source(server, time="epoch_seconds", history={**ITEMS, "next": "more"}).provider
    answer = provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, NoData)
    assert not answer.whole


@pytest.mark.parametrize("empty", [1, 2])
def test_empty_pages_in_the_middle_are_followed_to_those_behind_them(server: ScriptedServer, empty: int) -> None:
    first, last = {"items": [{"at": T, "v": 1}], "more": "/h?p=0"}, {"items": [{"at": T + 3600, "v": 2}]}
    between = [{"items": [], "more": f"/h?p={number}"} for number in range(1, empty + 1)]
    pages = iter([first, *between, last])
    server.answer = lambda _request: Answer(json.dumps(next(pages)))
    provider = source(server, time="epoch_seconds", history={**ITEMS, "next": "more"}).provider
    answer = provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert (len(answer.points), answer.whole) == (2, True)


def test_a_next_page_that_is_named_for_ever_is_given_up_after_three_empty_ones(server: ScriptedServer) -> None:
    numbers = itertools.count()
    server.answer = lambda _request: Answer(json.dumps({"items": [], "more": f"/h?p={next(numbers)}"}))
    provider = source(server, time="epoch_seconds", history={**ITEMS, "next": "more"}).provider
    assert provider.history("x", START, START + 2 * HOUR) == NoData(ANY, whole=False)
    assert len(server.requests) == 3


def test_records_of_others_alone_are_no_answer_to_a_call_for_one_by_name(server: ScriptedServer) -> None:
    say(server, {"items": [{"at": T, "v": 1, "of": "X"}]})
    named = {**ITEMS, "entity": "of"}
    live = {**named, "path": "/now/{entity}"}
    provider = source(server, time="epoch_seconds", history={**named, "path": "/h/{entity}"}, live=live).provider
    assert fitted(provider.history("x", START, START + 2 * HOUR)) == ([], [], "all its records are of other entities")
    assert isinstance(provider.live("x"), Broken)
    of_all = source(server, time="epoch_seconds", history=named, live={**live, "path": "/now"}).provider
    assert isinstance(of_all.history("x", START, START + 2 * HOUR), NoData)
    assert isinstance(of_all.live("x"), NoData)


def test_numbers_are_made_of_texts_and_decimals_exactly(server: ScriptedServer) -> None:
    say(server, {"items": [{"at": T, "v": "0.10", "w": 1.10}, {"at": T + 3600, "v": "none", "w": 2}]})
    fields = {"v": "to_number(v)", "w": "to_number(w)"}
    provider = source(server, time="epoch_seconds", history={**ITEMS, "fields": fields}).provider
    assert points(provider.history("x", START, START + 2 * HOUR)) == [
        (START, {"v": Decimal("0.10"), "w": Decimal("1.10")}),
        (START + HOUR, {"v": None, "w": 2}),
    ]


def test_thinned_out_records_say_nothing_of_the_slots_between_them(server: ScriptedServer) -> None:
    """Some APIs give old data by the day, whatever was asked for."""
    say(server, {"items": [{"at": T + day * 86_400, "v": 1} for day in range(9)]})
    answer = source(server, time="epoch_seconds", history=ITEMS).provider.history("x", START, START + 216 * HOUR)
    assert fitted(answer)[2] == "records every 86400 s where every 3600 s were asked for"


def test_a_page_of_html_is_no_word_of_the_api_whatever_status_it_has(server: ScriptedServer) -> None:
    server.answer = lambda _request: Answer("<html>gone</html>", 404)
    assert isinstance(source(server, history=ROWS).provider.history("x", START, START + HOUR), Broken)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "1e99999999999999999999"])
def test_a_sentinel_is_one_record_that_cannot_be_read(server: ScriptedServer, time: str) -> None:
    say(server, {"items": [{"at": time, "v": 1}, {"at": "2026-11-20T14:00:00Z", "v": 2}]})
    answer = source(server, history=ITEMS).provider.history("x", START, START + 2 * HOUR)
    assert fitted(answer)[:2] == ([0], [])
    assert isinstance(answer, Data)
    assert "time cannot be read" in answer.partial


def test_an_epoch_of_a_billion_digits_is_not_written_out(server: ScriptedServer) -> None:
    times = ["1e999999999", str(T), "NaN"]
    items = ", ".join(f'{{"at": {time}, "v": 1e99999999999999999999}}' for time in times)
    server.answer = lambda _request: Answer(f'{{"items": [{items}]}}')
    answer = source(server, time="epoch_seconds", history=ITEMS).provider.history("x", START, START + 2 * HOUR)
    assert fitted(answer)[:2] == ([0], [])


def test_a_live_answer_is_one_record(server: ScriptedServer) -> None:
    live = {"path": "/now/{entity}", "records": "items", "fields": {"v": "v"}}
    provider = source(server, live=live).provider
    say(server, {"items": [{"v": 1}, {"v": 2}]})
    assert isinstance(provider.live("x"), Broken)
    say(server, {"items": [{"v": 1}]})
    assert points(provider.live("x")) == [(None, {"v": 1})]
    say(server, {"items": {"v": 3}})
    assert points(provider.live("x")) == [(None, {"v": 3})]


LIVE = {"path": "/x", "fields": {"price": "price"}}
CSV = {"format": "csv", "time": "Date", "fields": {"v": "Close"}}
NUMBERED = {"pages": {"by": "page", "parameter": "p"}}


@pytest.mark.parametrize("paged", [{}, NUMBERED])
@pytest.mark.parametrize(
    ("body", "status", "is_nothing"),
    [
        ("Exceeded the daily hits limit", 200, False),
        ("Internal server error\n", 200, False),
        ("", 200, False),
        ("\r\n", 200, False),
        ("time,price\n", 200, False),
        ("Date,Close\n", 200, True),
        ("Date,Open,Close", 200, True),
        ("", 204, True),
        ("", 404, True),  # the contract's no_data_status
    ],
)
def test_a_text_where_a_csv_begins_with_its_names_is_no_table_without_records(
    server: ScriptedServer, paged: dict[str, Any], body: str, status: int, is_nothing: bool
) -> None:
    server.answer = lambda _request: Answer(body, status)
    provider = source(server, live={**LIVE, **CSV}, history={**CSV, "no_data_status": [404], **paged}).provider
    assert isinstance(provider.history("x", START, START + HOUR), NoData if is_nothing else Broken)
    if status == 200:
        assert isinstance(provider.live("x"), NoData if is_nothing else Broken)


def test_an_end_without_a_form_ends_pages_and_makes_nothing_whole(server: ScriptedServer) -> None:
    line = f"Date,Close\n{START.isoformat()},1\n"
    for behind, whole in (("", False), ("Date,Close\n", True)):
        server.answer = lambda request, behind=behind: Answer(line if request.path.endswith("p=1") else behind)
        answer = source(server, history={**CSV, **NUMBERED}).provider.history("x", START, START + HOUR)
        assert isinstance(answer, Data)
        assert (len(answer.points), answer.whole, answer.partial) == (1, whole, "")
    server.answer = lambda _request: Answer("")
    history = {"format": "ndjson", "time": "at", "fields": {"v": "v"}, **NUMBERED}
    answer = source(server, history=history).provider.history("x", START, START + HOUR)
    assert isinstance(answer, NoData)
    assert not answer.whole


@pytest.mark.parametrize(
    ("told", "pages", "whole", "partial"),
    [
        ({"count": "total"}, [[0, 1, 2], [2, 3, 4], []], False, "it says that there are 6 records, and has 5"),
        ({"count": "total"}, [[0, 1, 2], [2, 3, 4], [5], []], True, ""),  # all there, though one came twice
        ({}, [[0, 1, 2], [2, 3, 4], []], False, "its pages moved while they were read (1 records came twice)"),
        ({}, [[0, 1, 2], [3, 4, 5], []], True, ""),
    ],
)
def test_a_record_that_two_pages_have_is_counted_once_and_says_that_another_may_be_lost(
    server: ScriptedServer, told: dict[str, str], pages: list[list[int]], whole: bool, partial: str
) -> None:
    """Offsets of a query without an order, as Socrata's and CKAN's are by default."""

    def answer(request: Request) -> Answer:
        page = pages[min(int(request.path.rpartition("=")[2]), len(pages)) - 1]
        return Answer(json.dumps({"total": 6, "items": [{"at": T + 3600 * n, "v": n} for n in page]}))

    server.answer = answer
    history = {"records": "items", "time": "at", "fields": {"v": "v"}, **NUMBERED, **told}
    given = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 6 * HOUR)
    assert isinstance(given, Data)
    assert (given.whole, given.partial) == (whole, partial)


@pytest.mark.parametrize("told", [{}, {"count": "total"}])
@pytest.mark.parametrize(
    ("pages", "slots"),
    [
        ([[(0, 1), (1, 2)], [(2, 3), (2, 3), (3, 4), (4, 5)], []], [0, 1, 2, 3, 4]),
        ([[(0, 1), (1, 2), (2, 3)], [(2, 3), (3, 4), (4, 5)], []], [0, 1, 3, 4]),  # the same, split by a page's end
        ([[(4, 5), (3, 4), (2, 3)], [(2, 3), (1, 2), (0, 1)], []], [0, 1, 3, 4]),
        ([[(0, 1), (1, 2), (2, 3)], [(1, 2), (2, 3), (3, 4)], []], []),  # it moved by two
        ([[(1, 2), (0, 1), (2, 3)], [(2, 3), (4, 5), (3, 4)], []], []),  # and has no order
    ],
)
def test_equal_records_on_both_sides_of_a_pages_end_cost_their_slot_alone(
    server: ScriptedServer, told: dict[str, str], pages: list[list[tuple[int, int]]], slots: list[int]
) -> None:
    """Trades of one second, of the same price and size, are common; the page ends there in the next call as well."""

    def answer(request: Request) -> Answer:
        page = pages[min(int(request.path.rpartition("=")[2]), len(pages)) - 1]
        items = [{"at": T + 3600 * hour + 10, "v": value} for hour, value in page]
        return Answer(json.dumps({"total": sum(map(len, pages)), "items": items}))

    server.answer = answer
    history = {"records": "items", "time": "at", "fields": {"v": "v"}, "align": "floor", **NUMBERED, **told}
    given = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 5 * HOUR)
    assert isinstance(given, Data)
    assert [(point.time - START) // HOUR for point in given.points if point.time] == slots
    assert (given.whole, bool(given.partial)) == ((True, False) if len(slots) == 5 else (False, True))


def test_a_cursor_that_begins_with_the_last_record_moves_nothing(server: ScriptedServer) -> None:
    pages = {"": ([0, 1, 2], "2"), "2": ([2, 3, 4], "")}

    def answer(request: Request) -> Answer:
        numbers, cursor = pages[request.path.partition("&c=")[2]]
        return Answer(json.dumps({"n": cursor, "items": [{"at": T + 3600 * n, "v": n} for n in numbers]}))

    server.answer = answer
    history = {"records": "items", "time": "at", "fields": {"v": "v"}}
    cursor = {"pages": {"by": "cursor", "parameter": "c", "from": "n"}}
    given = source(server, time="epoch_seconds", history=history | cursor).provider
    answered = given.history("x", START, START + 5 * HOUR)
    assert isinstance(answered, Data)
    assert (len(answered.points), answered.whole, answered.partial) == (5, True, "")


@pytest.mark.parametrize("status", [429, 401])
@pytest.mark.parametrize("given", [0, 1])
@pytest.mark.parametrize("told", [{"period": "day"}, NUMBERED])
def test_no_call_follows_one_that_was_refused_and_its_pause_is_kept(
    server: ScriptedServer, status: int, given: int, told: dict[str, Any]
) -> None:
    """Binance bans addresses that go on after a 429 (418)."""

    def answer(_request: Request) -> Answer:
        if len(server.requests) > given:
            return Answer("{}", status, headers={"Retry-After": "600"})
        return Answer(json.dumps({"items": [{"at": T, "v": 1}]}))

    server.answer = answer
    history = {"path": "/h/{start}", "records": "items", "time": "at", "fields": {"v": "v"}, **told}
    outcome = source(server, time={"urls": "date", "records": "epoch_seconds"}, history=history).provider
    given_answer = outcome.history("x", START, START + 72 * HOUR)
    assert len(server.requests) == given + 1
    if given:
        assert [time for time, _ in points(given_answer)] == [START]
    end = ends_calls(given_answer)
    assert isinstance(end, Limited if status == 429 else NotEntitled)
    assert getattr(end, "retry_after", 600) == 600


def test_a_live_value_that_a_cache_gave_is_of_the_slot_that_it_was_made_in(server: ScriptedServer) -> None:
    """CoinGecko's CDN answers with CF-Cache-Status HIT, an Age, and a Date of its own."""
    date = dt.datetime.now(dt.UTC).replace(minute=0, second=10, microsecond=0)
    spec = read_spec({"url": "https://x", "live": LIVE})
    headers = {"Date": format_datetime(date, usegmt=True), "Age": "45"}
    for came_at, made in ((date, date - dt.timedelta(seconds=45)), (date + dt.timedelta(seconds=45), None)):
        answer = judge_live(spec, "x", received(200, headers, b'{"price": 1}', request="", came_at=came_at), every=60)
        assert isinstance(answer, Data)
        assert (answer.provider_time, answer.slot_time) == (date, made)
    now = dt.datetime.now(dt.UTC)
    server.answer = lambda _request: Answer('{"price": 1}', headers={"Age": "45"}, date=format_datetime(now))
    answer = source(server, live=LIVE).provider.live("x")
    assert isinstance(answer, Data), answer
    assert answer.slot_time is not None
    assert dt.timedelta(seconds=-46) <= answer.slot_time - now <= dt.timedelta(seconds=-30)
    assert answer.evidence.answered_at == format_second(answer.slot_time)


def test_history_is_asked_for_beyond_caches_and_live_points_are_not(server: ScriptedServer) -> None:
    """Two answers of one cache are one answer (RFC 9111, 5.2.1.4: no-cache)."""
    pages = {"records": "items", "time": "at", "fields": {"v": "v"}, "next": "next"}
    say(server, {"items": [{"at": T, "v": 1}], "next": "/h?page=2"})
    provider = source(server, live=LIVE, history=pages).provider
    provider.history("x", START, START + HOUR)
    provider.live("x")
    said = [{name.lower(): value for name, value in each.headers.items()} for each in server.requests]
    assert [each.get("cache-control") for each in said] == ["no-cache", "no-cache", None]


def test_an_open_api_needs_no_secret(server: ScriptedServer) -> None:
    live = {"path": "/now", "fields": {"v": "v"}}
    spec = model.Provider("rest", {"url": server.url, "live": live})
    built = build_source(spec, every=3600, secret="key", secrets=MemorySecrets())
    say(server, {"v": 1})
    assert isinstance(built.provider.live("x"), Data)
    assert built.credential is None


def test_what_was_not_told_cannot_be_asked(server: ScriptedServer) -> None:
    with pytest.raises(BadContract, match=r"rest\.live"):
        source(server, history=ROWS).provider.live("x")
    with pytest.raises(BadContract, match="is no provider"):
        build_source(model.Provider("soap"), every=60, secret="key", secrets=MemorySecrets())


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ('{"error": "\\ud83d"}', {}),
        ('{"items": "\\ud83d"}', {"records": "sort_by(items, &at)"}),
        ('{"items": [{"at": "\\ud83d", "v": 1}]}', {}),
        ('{"items": [{"at": 1795132800, "v": 1}], "count": "\\ud83d"}', {"count": "count"}),
        ('{"error": "' + "x" * 10_000 + '"}', {}),
    ],
)
def test_why_an_answer_is_not_believed_is_a_text_that_a_mail_can_hold(
    server: ScriptedServer, body: str, settings: dict[str, Any]
) -> None:
    server.answer = lambda _request: Answer(body)
    provider = source(server, time="epoch_seconds", history={**ITEMS, **settings}).provider
    answer = provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Broken | Data)
    reason = answer.reason if isinstance(answer, Broken) else answer.partial
    assert reason
    assert len(reason.encode()) < 300


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("token", {"pages": {"by": "cursor", "parameter": "token", "from": "token"}}),
        ("more", {"next": "more"}),
    ],
)
def test_a_next_page_named_by_half_a_character_is_not_given_and_ends_nothing_else(
    server: ScriptedServer, said: str, settings: dict[str, Any]
) -> None:
    server.answer = lambda _request: Answer(f'{{"items": [{{"at": {T}, "v": 1}}], "{said}": "/h?page=\\ud83d"}}')
    provider = source(server, time="epoch_seconds", history={**ITEMS, **settings}).provider
    answer = provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert (len(answer.points), answer.whole, bool(answer.partial)) == (1, False, True)


@pytest.mark.parametrize(
    ("settings", "end", "partial"),
    [
        (
            {"next": "more"},
            Answer('{"error": "unknown"}', 404),
            "its page 2 was not given",
        ),  # as of a cursor that expired
        (
            {"pages": {"by": "cursor", "parameter": "after", "from": "more"}},
            Answer('{"error": "unknown"}', 404),
            "its page 2 was not",
        ),
        ({"next": "more"}, Answer('{"status": "none"}'), ""),
        ({"pages": {"by": "page", "parameter": "page"}}, Answer('{"error": "unknown"}', 404), ""),
    ],
)
def test_no_data_is_the_end_of_numbered_pages_and_of_a_page_that_was_named_only_where_it_says_so_itself(
    server: ScriptedServer, settings: dict[str, Any], end: Answer, partial: str
) -> None:
    pages = iter([Answer(json.dumps({"items": [{"at": T, "v": 1}], "more": "/h?page=2"})), end])
    server.answer = lambda _request: next(pages)
    history = {**ROWS, **settings, "time": "at"}
    answer = source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 2 * HOUR)
    assert isinstance(answer, Data)
    assert answer.partial.startswith(partial) if partial else answer.partial == ""
    assert answer.whole == (not partial)


@pytest.mark.parametrize(
    ("first", "second"),
    [("?page=2", "/v1/h?page=2"), ("/v1/h?page=2", "/v1/h?page=2"), ("h/2", "/v1/h/2"), ("./h?page=2", "/v1/h?page=2")],
)
def test_a_reference_to_the_next_page_is_one_from_the_page_that_names_it(
    server: ScriptedServer, first: str, second: str
) -> None:
    """RFC 3986, section 5.1.3: the base is the address that the answer came from."""
    pages = iter([{"items": [], "more": first}, {"items": [], "more": "?page=3"}, {"items": [{"at": T, "v": 1}]}])
    asked = []

    def answer(request: Any) -> Answer:
        asked.append(request.path)
        return Answer(json.dumps(next(pages)))

    server.answer = answer
    history = {**ITEMS, "next": "more", "path": "/v1/h"}
    source(server, time="epoch_seconds", history=history).provider.history("x", START, START + 2 * HOUR)
    assert [path.partition("&")[0] for path in asked[1:]] == [second, second.partition("?")[0] + "?page=3"]
