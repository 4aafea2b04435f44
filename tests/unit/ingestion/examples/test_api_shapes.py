"""APIs of random shapes, each read by a contract made from the same choices: values exact, nothing taken for absent."""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.fakes.secrets import MemorySecrets
from tests.support.api_shapes import Shape, spelt
from tests.support.scripted_server import Answer, Request, ScriptedServer, scripted_server

from core.contract import model
from core.feeds.rest.spec import read_spec
from core.time import at_epoch
from ingestion.providers.answers import Data, NoData
from ingestion.providers.build import build_source
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history

FIRST, CASES = int(os.environ.get("API_SHAPES_FROM", "0")), int(os.environ.get("API_SHAPES", "100"))
LOCAL = "%Y-%m-%d %H:%M:%S"
SILENT = "the API has a slot, the answer may speak for absences, and the slot is not among its points"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted_server(lambda _request: Answer("{}")) as server:
        yield server


def read(shape: Shape, server: ScriptedServer, said: list[Answer] | None = None) -> object:
    def answer(request: Request) -> Answer:
        given = shape.answer(request)
        if said is not None:
            said.append(given)
        return given

    server.answer = answer
    spec = model.Provider("rest", shape.settings(server.url))
    source = build_source(spec, every=shape.every, secret="key", secrets=MemorySecrets(key=shape.secret))
    return source.provider.history(shape.name, at_epoch(shape.start), at_epoch(shape.end))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CASES))
def test_an_api_of_any_shape_is_read_exactly(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    caplog.set_level(logging.DEBUG)
    is_read_exactly(Shape(seed), server)
    assert not [spelling for spelling in spelt(Shape(seed).secret) if spelling in caplog.text]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("minutes", [0, 30, 60, 90])
def test_a_time_that_clocks_show_twice_is_asked_for_from_its_first_to_its_second(
    server: ScriptedServer, seed: int, minutes: int
) -> None:
    shape = Shape(seed)
    shape.zone, shape.every, shape.url_form, shape.record_form = "Europe/London", 300, LOCAL, "iso"
    shape.pages, shape.range, shape.word, shape.limit, shape.posts = "none", "both", "", 0, False
    shape.start = int(dt.datetime(2026, 10, 25, 0, 0, tzinfo=dt.UTC).timestamp()) + 60 * minutes
    shape.end, shape.now = shape.start + 6 * 300, shape.start + 40 * 300
    shape.know()
    is_read_exactly(shape, server)


def is_read_exactly(shape: Shape, server: ScriptedServer) -> None:
    said: list[Answer] = []
    answer = read(shape, server, said)
    assert isinstance(answer, Data | NoData), (answer, vars(shape))
    points = (
        {int(point.time.timestamp()): point.values["v"] for point in answer.points} if isinstance(answer, Data) else {}
    )
    known = {
        slot: value
        for slot, value in shape.truth[shape.name].items()
        if shape.start <= slot < shape.end and value is not None
    }
    partial = answer.partial if isinstance(answer, Data) else ""
    assert {slot: Decimal(str(value)) for slot, value in points.items()} == {slot: known[slot] for slot in points}
    assert not (isinstance(answer, Data) and answer.bad)
    if not partial:
        assert set(points) == set(known), SILENT
    elif "comes twice" not in partial and "more pages" not in partial:
        assert shape.limit or shape.range == "no end", partial
    if answer.whole:
        assert shape.pages != "none" or shape.word
    assert not [spelling for spelling in spelt(shape.secret) if shape.auth != "none" and spelling in repr(answer)]
    if shape.range != "period" and isinstance(answer, Data) and "more pages" not in partial:
        assert judged(shape, said) == (answer.points, answer.bad, answer.whole, partial)


def judged(shape: Shape, said: list[Answer]) -> tuple[object, ...]:
    """What is made of the same answers when they were saved."""
    spec = read_spec(shape.settings("https://saved.example"))
    saved = []
    for answer in said:
        body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
        saved.append(received(answer.status, {**answer.headers, "date": answer.date}, body, request="saved"))
    start, end = at_epoch(shape.start), at_epoch(shape.end)
    verdict = judge_history(spec, shape.name, saved, start=start, end=end, every=shape.every)
    assert isinstance(verdict, Data)
    return verdict.points, verdict.bad, verdict.whole, verdict.partial
