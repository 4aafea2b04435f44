"""The example contracts against the APIs that they are about: parsed exactly, healed, and a hole is absent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.support.feeds import ROOT, Acquisition, contracts_in
from tests.support.public_apis import APIS, DAY, HOUR, Api, answering
from tests.support.scripted_server import Answer, ScriptedServer, scripted_server

from core.audit.history import HistoryOutcome, HistoryRequest
from core.feeds.calendar import expected_between, is_expected, ranges, slots_in
from core.time import at_epoch, iso
from ingestion.pull.history import pull_history

EXAMPLES = ROOT / "contracts/examples"
FRIDAY = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
# (field of the line, digits of the truth, slots of a window, the API's time after it)
FIELDS: dict[str, tuple[str, int, int, int]] = {
    "open_meteo": ("temperature", 1, 30, 6 * HOUR),
    "coingecko": ("price", 2, 30, 6 * HOUR),
    "binance": ("price", 8, 120, HOUR),
    "alpha_vantage": ("open", 4, 30, 2 * DAY),
    "polygon": ("open", 2, 120, 2 * DAY),
    "twelve_data": ("price", 5, 120, HOUR),
    "tiingo": ("price", 2, 120, HOUR),
    "eia": ("demand", 0, 30, 3 * DAY),
    "nws": ("temperature", 2, 14, 6 * HOUR),
    "openweather": ("temperature", 2, 30, 6 * HOUR),
    "kraken": ("price", 5, 120, HOUR),
    "census": ("sales", 0, 8, 60 * DAY),
}


class Example:
    """One contract, and its API with a hole in the middle of the window."""

    def __init__(self, name: str, server: ScriptedServer) -> None:
        contracts = contracts_in(EXAMPLES)
        self.name = name
        self.feed = contracts.feed(name)
        self.field, self.scale, count, later = FIELDS[name]
        self.calendar = contracts.calendar(self.feed.calendar)
        start = int(FRIDAY.timestamp())
        if self.feed.calendar == "months":
            start = int(dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp())
        days = 300 if self.feed.calendar == "months" else 9
        owed = expected_between(self.calendar, every=self.feed.every, start=start, end=start + days * DAY)
        self.slots = owed[:count]
        self.entity = self.feed.entities[0].name
        end = self.slots[-1] + self.feed.every
        expected = lambda slot: is_expected(self.calendar, slot)  # noqa: E731
        self.api = Api(at_epoch(end + later), self.feed.every, expected)
        self.hole = self.slots[count // 2]
        self.api.holes.add((self.entity, self.hole))
        server.answer = answering(name, self.api, lambda: server.url)
        urls = {f"{name}.history": server.url}
        self.acquisition = Acquisition(
            contracts=contracts, dataset=name, url=server.url, token=self.api.secret, urls=urls
        )

    def ask(self, wanted: list[int] | None = None, *, values_only: bool = False) -> HistoryOutcome:
        slots, every = wanted or self.slots, self.feed.every
        request = HistoryRequest(
            self.name,
            self.entity,
            slots[0],
            slots[-1] + every,
            values_only=values_only,
            wanted=tuple(ranges(slots, every=every)),
        )
        clock = self.acquisition.time.clock
        client = self.acquisition.runtime.client(self.name)
        return pull_history(request, client=client, clock=clock, until=clock.monotonic() + 500)

    def truth(self, slots: list[int]) -> dict[int, Decimal]:
        return {slot: self.api.value(self.entity, slot, self.scale) for slot in slots if slot != self.hole}

    def lines(self) -> dict[int, Decimal]:
        times = {iso(slot): slot for slot in range(self.slots[0], self.slots[-1] + self.feed.every, self.feed.every)}
        return {times[time]: Decimal(str(line[self.field])) for (_, time), line in self.acquisition.points().items()}

    def of(self, pairs: Any) -> set[int]:
        return {slot for slot in slots_in(pairs, every=self.feed.every) if slot in self.slots}


@pytest.fixture(params=sorted(APIS))
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    with scripted_server(lambda _request: Answer("{}")) as server:
        yield Example(request.param, server)


def test_every_example_has_its_api() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == set(APIS) == set(FIELDS)


def test_history_is_parsed_exactly_and_the_hole_is_absent(example: Example) -> None:
    outcome = example.ask()
    assert outcome.result == "answered", outcome
    assert example.lines() == example.truth(example.slots)
    assert example.of(outcome.healed) == set(example.slots) - {example.hole}
    assert example.of(outcome.absent) == {example.hole}, outcome.reason
    assert outcome.bad == ()
    acquisition = example.acquisition
    written = [outcome, acquisition.log.__dict__, acquisition.stream.lines, acquisition.notes.__dict__]
    assert not [part for part in written if example.api.secret in repr(part)]


def test_a_sample_has_the_numbers_of_the_truth_however_the_api_writes_them(example: Example) -> None:
    outcome = example.ask(values_only=True)
    known = {slot: Decimal(values[example.field]) for slot, values in outcome.values.items()}
    assert known == example.truth(example.slots)
    assert example.acquisition.points() == {}


def test_a_dropped_point_is_healed_alone(example: Example) -> None:
    dropped = example.slots[len(example.slots) // 3]
    outcome = example.ask([dropped])
    assert example.lines() == example.truth([dropped])
    assert example.of(outcome.healed) == {dropped}
    assert example.of(outcome.absent) == set()


def test_live_points_are_those_that_the_api_has_now(example: Example) -> None:
    slot = example.slots[3]
    example.api.at = at_epoch(slot + 40)
    example.acquisition.request(at_epoch(slot))
    report = example.acquisition.pull()
    lines = example.acquisition.points()
    if "live" not in (example.feed.provider.settings):
        assert lines == {}
        return
    assert report.failed == ()
    shown = slot - HOUR if example.name == "nws" else slot  # the newest observation is of the hour before
    assert {key: Decimal(str(line[example.field])) for key, line in lines.items()} == {
        (entity.name, iso(shown)): example.api.value(entity.name, shown, example.scale)
        for entity in example.feed.entities
    }
