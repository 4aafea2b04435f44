"""Feeds proposed from answers, held against contracts that were written after documents, and against random APIs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.api_shapes import Shape
from tests.support.feeds import contracts_in
from tests.support.proposed import loaded
from tests.support.public_apis import APIS
from tests.support.scripted_server import Answer, Request, scripted_server
from tests.unit.ingestion.examples.test_public_apis import EXAMPLES, Example

from cli.sampling import asked_of
from core.contract.model import Feed
from core.feeds.rest.settings import Call, RestSpec
from core.feeds.rest.spec import read_spec
from core.proposing.feed import Asked, propose_feed
from ingestion.providers.answers import Broken, Evidence
from ingestion.providers.reading.classify import Reply
from ingestion.providers.reading.exact_json import read_exact
from ingestion.providers.rest.records import Reader

TODAY = dt.date(2026, 11, 29)
Points = set[tuple[dt.datetime | None, Decimal]]


def points(spec: RestSpec, call: Call, document: object, name: str) -> Points:
    """The times and values that a call reads of a document, of one field."""
    reply = Reply(document, None, Evidence("", 200, "", ""))
    values = {"entity": "x", "key": "XXBTZUSD"}
    of_entities = Reader(call, spec.times(call).in_records, values, [name]).of_entities(reply)
    assert not isinstance(of_entities, Broken), of_entities
    records = [record for each in of_entities.values() for record in each]
    read = [(record.time, record.values.get(name)) for record in records]
    return {
        (time, Decimal(str(value))) for time, value in read if value is not None and not isinstance(value, Exception)
    }


def all_points(feed: Feed, document: object) -> list[Points]:
    """What each field of a proposal reads of the document that it was proposed from."""
    spec = read_spec(feed.provider.settings)
    call = spec.history or spec.live
    assert call is not None
    numbers = [name for name in call.fields if field_type(feed, name) in ("decimal", "bigint")]
    return [points(spec, call, document, name) for name in numbers]


def field_type(feed: Feed, name: str) -> str:
    return feed.table.field(name).type.name


def proposed_feed(document: object, folder: Path, asked: Asked = Asked()) -> Feed:  # noqa: B008 - a frozen value
    contracts = loaded(propose_feed("sample", document, asked, today=TODAY), folder)
    return contracts.feed("sample")


def in_utc(spec: RestSpec) -> RestSpec:
    """The same API without its zone: no answer says it, and the proposal takes UTC."""
    return replace(spec, time=replace(spec.time, zone="UTC"))


@pytest.mark.parametrize("name", sorted(APIS))
def test_of_each_documented_api_the_records_times_and_values_are_read_as_by_the_contract_written_by_hand(
    name: str, tmp_path: Path
) -> None:
    bodies: list[bytes | str] = []
    with scripted_server(lambda _request: Answer("{}")) as server:
        example = Example(name, server)
        answer = server.answer

        def keeping(request: Request) -> Answer:
            answered = answer(request)
            bodies.append(answered.body)
            return answered

        server.answer = keeping
        example.ask()
    document = read_exact(bodies[0] if isinstance(bodies[0], bytes) else bodies[0].encode())
    written = read_spec(contracts_in(EXAMPLES).feed(name).history.settings)
    assert written.history is not None
    expected = points(in_utc(written), written.history, document, example.field)
    assert len(expected) > 3
    assert expected in all_points(proposed_feed(document, tmp_path), document)


# A month, and a range in one parameter: what an address has of those is no start and no end.
@pytest.mark.parametrize("name", sorted(APIS.keys() - {"alpha_vantage", "census"}))
def test_of_each_documented_address_the_range_is_asked_for_in_the_form_of_the_contract_written_by_hand(
    name: str,
) -> None:
    with scripted_server(lambda _request: Answer("{}")) as server:
        Example(name, server).ask()
        asked = asked_of(f"https://api.example.org{server.requests[0].path}", [])
    written = read_spec(contracts_in(EXAMPLES).feed(name).history.settings)
    assert written.history is not None
    texts = [asked.path, *asked.query.values()]
    of_theirs = [written.history.path, *written.history.query.values()]
    assert asked.form == written.times(written.history).urls
    assert {end for end in ("{start}", "{end}") if end in texts or end in asked.path.split("/")} == {
        end for end in ("{start}", "{end}") if any(end in str(text) for text in of_theirs)
    }


def test_an_answer_that_has_the_end_that_was_asked_for_is_one_of_an_inclusive_range_and_of_a_day_its_hours() -> None:
    hours = [{"time": f"2026-11-2{day}T{hour:02}:00", "t": Decimal("1.5")} for day in (0, 1) for hour in range(24)]
    asked = asked_of("https://api.example.org/h?start_date=2026-11-20&end_date=2026-11-21", {"hourly": hours})
    text = propose_feed("weather", {"hourly": hours}, asked, today=TODAY)
    assert "time: {urls: date, records: iso}" in text
    assert "end: inclusive" in text
    assert "end: inclusive" not in propose_feed("weather", {"hourly": hours[:24]}, asked, today=TODAY)
    assert "complete_within: 2 days" in text, "nobody asks for an hour before its day is over"


@pytest.mark.parametrize("seed", [*range(24), 145])
def test_of_an_api_of_random_shape_every_point_of_an_answer_is_read(seed: int, tmp_path: Path) -> None:
    shape = Shape(seed)
    shape.format = "json"
    if shape.zone != "UTC" and shape.record_form not in ("iso", "iso_offset"):
        shape.zone = "UTC"  # whose clock it is no answer says
    records = [("x", slot, value) for slot, value in shape.truth[shape.name].items()]
    document = read_exact(shape._body(records[:60], {"total": 60, "done": True, "page": 1}).encode())
    expected = {
        (dt.datetime.fromtimestamp(slot, dt.UTC), value) for _, slot, value in records[:60] if value is not None
    }
    assert expected in all_points(proposed_feed(document, tmp_path), document)
