"""The page as the function writes it: the same as the command's, kept in the lake, with nothing else written."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.athena import SCHEMA, MemoryAthena
from tests.support.feed_simulation import FeedSimulation, feed_simulation
from tests.support.feeds import contracts_in

from auditor.page import publish
from auditor.page.document import pages
from auditor.page.publish import FOLDER, KEY, NAME, publish_page
from auditor.page.reading import listings, newest
from auditor.page.reading.freshness import newest_by
from auditor.page.reading.gather import gather
from auditor.page.reading.listings import ListedOnce
from auditor.page.reading.newest import newest_stored
from auditor.page.reading.sources import Range, Sources
from core.errors import OutOfReach
from core.ports import ObjectReader
from core.time import NO_PLACE

OPENS = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def traded() -> Iterator[FeedSimulation]:
    """Twenty minutes of which every point was observed."""
    with feed_simulation(OPENS) as made:
        made.trade(OPENS, 20)
        made.pass_time(minutes=10)
        yield made


class Watched:
    """A store whose writes are kept apart, and may fail."""

    def __init__(self, store: ObjectReader, *, fails: str = "") -> None:
        self._store = store
        self._fails = fails
        self.written: dict[str, tuple[str, bytes]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, key: str, body: bytes, *, content_type: str, **_: Any) -> None:
        if self._fails and key.endswith(self._fails):
            raise OutOfReach("write object", key, "timed out", "Try again")
        self.written[key] = (content_type, body)


class Counted(Watched):
    """One whose listings are noted, too."""

    def __init__(self, store: ObjectReader) -> None:
        super().__init__(store)
        self.listed: list[str] = []

    def list(self, prefix: str, *, after: str = "") -> Any:
        self.listed.append(prefix)
        return self._store.list(prefix, after=after)


def published(traded: FeedSimulation, **more: Any) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    records = Watched(traded.lake.records, **more)
    services = replace(traded.services(), records=records, project="starmend")
    return publish_page({}, services, environment="test"), records.written


def test_the_page_that_is_kept_is_the_one_that_the_command_writes(traded: FeedSimulation) -> None:
    said, written = published(traded)
    services = traded.services()
    sources = Sources(services, newest=lambda tables: newest_stored(services, tables))
    span = Range.of(None, None, int(traded.now.timestamp()))
    report = gather(sources, span, project="starmend", environment="test")
    assert written == {KEY: ("text/html; charset=utf-8", pages(report, NAME)[NAME].encode())}
    assert said == {"page": KEY, "verdict": report.banner.title, "complete": False, "unread": 0}
    assert json.dumps(said), "a function's answer is JSON"


def test_points_that_are_too_many_for_it_are_there_before_the_page_that_names_them(
    traded: FeedSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "MOST_POINTS", 0)
    _, written = published(traded)
    assert list(written) == [f"{FOLDER}report.points/quotes.js", KEY]
    assert written[f"{FOLDER}report.points/quotes.js"][0] == "text/javascript; charset=utf-8"


def test_a_page_that_cannot_be_written_is_an_error_and_one_of_which_a_part_cannot_be_read_is_none(
    traded: FeedSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutOfReach):
        published(traded, fails=NAME)

    def unreachable(*_: Any) -> Any:
        raise OutOfReach("list objects", "warehouse", "timed out", "Try again")

    monkeypatch.setattr(publish, "newest_stored", unreachable)
    said, written = published(traded)
    assert said["unread"] == 1
    assert b"timed out" in written[KEY][1]


def test_a_page_asks_for_each_listing_once_and_for_a_week_of_windows_in_one(traded: FeedSimulation) -> None:
    """Eight stories of missing points look at the same journals, causes and receipts."""
    records = Counted(traded.lake.records)
    publish_page({}, replace(traded.services(), records=records), environment="test")
    assert [prefix for prefix in records.listed if records.listed.count(prefix) > 1] == []
    assert "completeness/dataset=quotes/" in records.listed
    assert len(records.listed) < 75, "each costs what a PUT does"


def test_long_listings_are_not_kept_and_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MOST_KEPT", 3)
    store = MemoryObjects()
    for number in range(5):
        store.write(f"a/{number}", b"")
    records = Counted(store)
    once = ListedOnce(records)  # type: ignore[arg-type]
    for prefix, after in (("a/", ""), ("a/", "a/2"), ("a/", "a/1"), ("b/", "")):
        names = [info.key for info in store.list(prefix, after=after)]
        assert [[info.key for info in once.list(prefix, after=after)] for _ in range(2)] == [names, names]
    assert records.listed.count("a/") == 5, "of two, two, and one"
    assert records.listed.count("b/") == 1


def all_but(ahead: str) -> Callable[[str, dt.datetime], bool]:
    return lambda entity, _: entity != ahead


def test_the_newest_instant_is_found_in_the_partitions_of_the_newest_times_and_in_those_that_changed_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of eleven partitions two and two are looked at; the newest row lies in any of them; others change later."""
    monkeypatch.setattr(newest, "PARTITIONS", 2)
    order = random.Random(18)
    with feed_simulation(OPENS) as feed:
        names = [entity.name for entity in feed.feed.entities]
        table = feed.contracts.table("fact_quote")
        assert newest_stored(feed.services(), [table]) == {"fact_quote": None}
        for number in range(6):
            ahead = order.choice(names)  # the one entity whose last points arrive
            feed.loses = all_but(ahead)
            feed.trade(OPENS + dt.timedelta(minutes=3 * number), 3)
            rows = [row["minute"] for row in feed.rows("fact_quote")]
            assert newest_stored(feed.services(), [table]) == {"fact_quote": max(rows).replace(tzinfo=dt.UTC)}, number
        held = max(rows).replace(tzinfo=dt.UTC)
        for entity in names[:9]:  # what is made again may push it out of sight: what is shown is never newer than it
            if any(row["symbol"] == entity for row in feed.rows("fact_quote")):
                feed.change_a_price(entity, OPENS)
        assert newest_stored(feed.services(), [table])["fact_quote"] <= held  # type: ignore[operator]


def test_athena_is_asked_for_the_newest_instant_of_the_rows_that_have_a_place_in_time() -> None:
    table = contracts_in().table("fact_quote")
    for times, instant in (([NO_PLACE], None), ([OPENS.replace(tzinfo=None), NO_PLACE], OPENS)):
        rows = pa.table({"symbol": ["A"] * len(times), "minute": times, "month": ["-"] * len(times)}, SCHEMA)
        athena = MemoryAthena(lambda rows=rows: rows)  # type: ignore[misc]
        assert newest_by(athena, [table]) == {"fact_quote": instant}
