"""Whatever one entity, one answer or one feed of a batch is, the others' lines are those that they have alone."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.stream import MemoryStream
from tests.support.feeds import OPENING, Acquisition, PatientClock, contracts_in

from core.errors import BadContract, InvalidData, NotGranted, OutOfReach, PipelineBug
from core.feeds.rest.spec import read_spec
from core.feeds.turns import Plan
from core.time import iso
from ingestion.providers.reading.received import received
from ingestion.providers.rest.client import Rest
from ingestion.pull.batch import Message, PullReport, pull_batch
from ingestion.pull.feed_client import FeedClient
from ingestion.pull.pace import Pace
from ingestion.request.message import PointsDue

GOOD_DATE = "Fri, 20 Nov 2026 14:30:02 GMT"
PRICE = {"c": 189.5, "code": 0, "temp": 20, "tags": ["a", "b"]}
ENTITIES = ("AAPL", "AMD", "ZM")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# ---------------------------------------------------------------- one batch in memory


@dataclass(frozen=True)
class Odd:
    """The one that is not as it should be: an answer of an entity, or what a feed's every call raises."""

    dataset: str
    entity: str
    body: bytes = b""
    date: str = GOOD_DATE
    status: int = 200
    error: Exception | None = None


@cache
def client_of_quotes() -> FeedClient:
    contracts = contracts_in()
    return Acquisition(contracts=contracts, dataset="quotes", url="http://127.0.0.1:1", token="token").runtime.client(
        "quotes"
    )


def client(dataset: str, live: Mapping[str, Any], ask: Callable[..., Any], clock: Any) -> FeedClient:
    """The feed of quotes under another name, whose provider is described and answers from memory."""
    like = client_of_quotes()
    spec = read_spec({"url": "https://x.example", "live": live})
    web: Any = SimpleNamespace(ask=ask)
    together = live.get("entities_per_call", 1)
    source = replace(like.live, provider=Rest(web, spec, every=60), entities_per_call=together)
    contract = replace(like.contract, dataset=dataset)
    pace = Pace(clock, Plan(600))
    return replace(
        like, contract=contract, live=source, live_pace=pace, stream=MemoryStream(), metrics=MemoryMetrics(), notes=None
    )


def run(
    feeds: Mapping[str, Mapping[str, Any]], entities: Collection[str], odd: Odd | None, *, item: object = None
) -> tuple[set[tuple[str, str]], PullReport]:
    """Who has a line afterwards, as (dataset, entity), and the report; ``item`` is the odd one's of a shared answer."""
    clock = PatientClock().clock

    def answering(dataset: str) -> Callable[..., Any]:
        def ask(path: str, query: Mapping[str, str], _body: object, **_: object) -> Any:
            is_odd = odd is not None and odd.dataset == dataset and path == f"/{odd.entity}"
            if odd is not None and odd.dataset == dataset and odd.error is not None:
                raise odd.error
            if is_odd and odd is not None:
                return received(odd.status, {"Date": odd.date}, odd.body, request="GET odd")
            body: object = PRICE
            if "ids" in query:
                asked = query["ids"].split(",")
                items = [{"id": name, **PRICE} for name in asked]
                body = {"items": items if item is None else [items[0], item, *items[2:]]}
            return received(200, {"Date": GOOD_DATE}, json.dumps(body).encode(), request="GET x")

        return ask

    clients = {dataset: client(dataset, live, answering(dataset), clock) for dataset, live in feeds.items()}
    messages = [
        Message(dataset, json.dumps(PointsDue(dataset, int(OPENING.timestamp()), tuple(entities)).to_data()))
        for dataset in feeds
    ]
    log = client_of_quotes().log
    report = pull_batch(messages, client_of=clients.__getitem__, clock=clock, log=log, until=clock.monotonic() + 50)
    lines = {
        (dataset, line["symbol"])
        for dataset, of_feed in clients.items()
        for line in of_feed.stream.lines  # type: ignore[attr-defined]
    }
    return lines, report


# ---------------------------------------------------------------- what may come

names = st.sampled_from(["c", "code", "temp", "tags", "error", "status", "id", "x"])
texts = st.sampled_from(["429", "n/a", "NaN", "-1e999999999999", "\ud800", ""])
numbers = st.one_of(st.integers(), st.floats(), st.just(10**200), texts)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)
nested = st.builds(
    lambda levels, name, value: f'{{"{name}": {"[" * levels}{value}{"]" * levels}}}'.encode(),
    st.sampled_from([150, 250, 600, 900, 3000]),
    names,
    st.sampled_from(["1", "NaN", '"a"']),
)
bodies = st.one_of(
    st.just(json.dumps(PRICE).encode()),
    values.map(lambda value: json.dumps(value).encode()),
    nested,
    st.binary(max_size=20),
)
dates = st.one_of(
    st.just(GOOD_DATE),
    st.builds(
        lambda at: f"Mon, {at.day:02} {MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT",
        st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)),  # noqa: DTZ001
    ),
    st.sampled_from(["", "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0100 00:00:00 +1400", "yesterday"]),
)
FIELDS = ["c", "code", "temp", "tags", "@", "*", "tags[0]"]
operands = st.sampled_from([*FIELDS, "to_number(c)", "length(tags)", "keys(@)", "`-100`", "`429`", "'a'"])
expressions = st.one_of(
    st.builds("{} {} {}".format, operands, st.sampled_from(["<", ">=", "==", "!="]), operands),
    st.builds("{}({}) > `1`".format, st.sampled_from(["max", "sum", "avg", "abs", "ceil", "length"]), operands),
    st.builds("sort_by({}, &c)[0].c < `1`".format, operands),
    st.builds("contains({}, {})".format, operands, operands),
    st.builds("length({}[?@ < {}]) > `5`".format, operands, operands),
)
rules = st.dictionaries(st.sampled_from(["limited", "refused", "broken", "no_data"]), expressions, max_size=3)
errors = st.sampled_from(
    [
        NotGranted("read secret", "key", "AccessDenied", "Grant it"),
        PipelineBug("read secret", "key", "InvalidRequestException: marked for deletion"),
        InvalidData("read secret", "key", "has no value"),
        OutOfReach("read secret", "key", "no answer"),
        BadContract("ask", "key", "is none"),
        *(RuntimeError("x"), RecursionError(), KeyError("attribute"), MemoryError()),
    ]
)


@settings(max_examples=40, deadline=None)
@given(bodies, dates, st.sampled_from([200, 200, 200, 204, 404, 500]), rules)
def test_an_answer_takes_no_line_from_another_entity_or_feed(
    body: bytes, date: str, status: int, told: dict[str, str]
) -> None:
    live = {"path": "/{entity}", "fields": {"c": "c"}, **told}
    feeds = {"first": live, "second": live}
    odd = Odd("first", ENTITIES[1], body, date, status)
    of_odd, report = run({"first": live}, [odd.entity], odd)
    assume(not {"limited", "token_refused"} & report.skipped.keys())  # those end a round for good
    is_sound = bool(run({"first": live}, ENTITIES[:1], None)[0])  # by these rules
    others = set(itertools.product(feeds, ENTITIES)) - {(odd.dataset, odd.entity)} if is_sound else set()
    lines, report = run(feeds, ENTITIES, odd)
    assert lines == others | of_odd
    assert report.failed == ()


@settings(max_examples=20, deadline=None)
@given(errors)
def test_a_feed_whose_calls_fail_takes_no_line_from_another(error: Exception) -> None:
    live = {"path": "/{entity}", "fields": {"c": "c"}}
    lines, report = run({"first": live, "second": live}, ENTITIES, Odd("first", "", error=error))
    assert lines == {("second", entity) for entity in ENTITIES}
    assert report.failed == (("first",) if isinstance(error, OutOfReach | BadContract) else ())


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(names, values, max_size=4) | values,
    st.sampled_from(["items", "items[?c > `0`]", "items[?temp < `1000`]", "items[?code != `429`]"]),
)
def test_a_record_takes_no_line_from_the_others_of_its_answer(item: object, records: str) -> None:
    live = {
        "path": "/all",
        "query": {"ids": "{entities}"},
        "entities_per_call": 10,
        "entity": "id",
        "records": records,
        "fields": {"c": "c"},
    }
    assume(not isinstance(item, dict) or item.get("id") not in ENTITIES)
    lines, report = run({"first": live}, ENTITIES, None, item={} if item is None else item)
    assert lines == {("first", ENTITIES[0]), ("first", ENTITIES[2])}
    assert report.failed == ()


def test_a_provider_that_hangs_takes_no_time_from_another_feed() -> None:
    live = {"path": "/{entity}", "fields": {"c": "c"}}
    clock = PatientClock().clock
    other_is_asked = threading.Event()
    waited: list[bool] = []

    def hang(*_: object, **__: object) -> Any:
        waited.append(other_is_asked.wait(30))
        return received(200, {"Date": GOOD_DATE}, b"{}", request="GET x")

    def good(*_: object, **__: object) -> Any:
        other_is_asked.set()
        return received(200, {"Date": GOOD_DATE}, json.dumps(PRICE).encode(), request="GET x")

    clients = {"first": client("first", live, hang, clock), "second": client("second", live, good, clock)}
    due = {name: PointsDue(name, int(OPENING.timestamp()), ENTITIES).to_data() for name in clients}
    messages = [Message(name, json.dumps(data)) for name, data in due.items()]
    log = client_of_quotes().log
    report = pull_batch(messages, client_of=clients.__getitem__, clock=clock, log=log, until=clock.monotonic() + 50)
    assert waited == [True] * 3
    assert (report.written, report.skipped) == (3, {"broken": 3})


@pytest.mark.parametrize("year", [1, 100, 999, 2026, 9999])
def test_an_instant_is_iso_in_any_year(year: int) -> None:
    at = datetime(year, 1, 1, tzinfo=UTC)
    assert datetime.fromisoformat(iso(int(at.timestamp()))) == at
