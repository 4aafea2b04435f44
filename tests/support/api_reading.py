"""The reading of an API of any shape by the contract that tells of it, held against what the API knows."""

from __future__ import annotations

from decimal import Decimal

from tests.fakes.secrets import MemorySecrets
from tests.support.api_shapes import Shape, spelt
from tests.support.scripted_server import Answer, Request, ScriptedServer

from core.contract import model
from core.feeds.rest.spec import read_spec
from core.time import at_epoch
from ingestion.providers.answers import Data, NoData
from ingestion.providers.build import build_source
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history

SILENT = "the API has a slot, the answer may speak for absences, and the slot is not among its points"


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


def is_read_exactly(shape: Shape, server: ScriptedServer) -> int:
    """The number of points that were read. Raises ``AssertionError`` where one differs or is wrongly absent."""
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
    elif not any(reason in partial for reason in ("comes twice", "more pages", "of other entities")):
        assert shape.limit or shape.range == "no end", partial
    if answer.whole:
        assert shape.pages != "none" or shape.word
    assert not [spelling for spelling in spelt(shape.secret) if shape.auth != "none" and spelling in repr(answer)]
    if shape.range != "period" and isinstance(answer, Data) and "more pages" not in partial:
        assert judged(shape, said) == (answer.points, answer.bad, answer.whole, partial)
    return len(points)


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
