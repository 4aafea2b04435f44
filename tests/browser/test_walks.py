"""Walks of somebody who looks at the page: from the banner to a missing minute, from a table to its certificates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.conftest import Opener, Tab
from tests.support.feed_simulation import FeedSimulation, feed_simulation
from tests.support.pages import large, planted

from auditor.page import document
from auditor.page.document import pages
from auditor.page.reading.gather import gather
from auditor.page.reading.sources import Range, Sources
from auditor.stories.tell import tell

OPENS = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
LOST = OPENS + dt.timedelta(minutes=7)


@pytest.fixture(scope="module")
def healed() -> Iterator[tuple[FeedSimulation, dict[str, str]]]:
    """An hour of a real feed that lost a minute, which no audit could heal, and its page."""
    with feed_simulation(OPENS) as feed:
        feed.loses = lambda entity, slot: entity == "AMD" and slot == LOST
        feed.trade(OPENS, 60)
        feed.pass_time(minutes=10)
        feed.market.fail("forbidden", symbol="AMD", endpoint="candle")
        feed.heal(run="audit-of-noon")
        span = Range.of(int(OPENS.timestamp()), int(OPENS.timestamp()) + 3600, int(feed.now.timestamp()))
        sources = Sources(
            feed.services(), newest=lambda tables: dict.fromkeys(table.name for table in tables), workers=2
        )
        yield feed, pages(gather(sources, span, project="starmend", environment="test"), "page.html")


def follow(tab: Tab, how: str, selector: str) -> None:
    """Follow a link by mouse, finger or keyboard, and wait until the page has another address."""
    before = tab.page.url
    if how == "keyboard":
        tab.tab_to(selector)
        tab.page.keyboard.press("Enter")
    elif how == "touch":
        tab.page.locator(selector).first.tap()
    else:
        tab.page.locator(selector).first.click()
    tab.page.wait_for_function("(before) => location.href !== before", arg=before)


BY = [("light", "mouse"), ("phone", "touch"), ("light", "keyboard")]


@pytest.mark.parametrize(("mode", "how"), BY)
def test_from_the_banner_to_a_missing_minute_and_its_story(
    open_page: Opener, healed: tuple[FeedSimulation, dict[str, str]], mode: str, how: str
) -> None:
    feed, files = healed
    tab = open_page(files, mode)
    follow(tab, how, "#banner .doing a")
    tab.page.wait_for_selector(".heat tr:not(.sum) .cell.gap")
    follow(tab, how, ".heat tr:not(.sum) .cell.gap" if how != "keyboard" else ".heat .cell.gap")
    if how == "keyboard":  # the sum of all entities: down to the one that misses it
        tab.page.wait_for_selector(".heat tr:not(.sum) .cell.gap")
        tab.tab_to(".heat .cell.gap")
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("Enter")
    else:
        tab.page.wait_for_selector(".point.missing")
        follow(tab, how, ".runs .run" if how == "touch" else ".point.missing")
    tab.page.wait_for_selector("#verdict")
    story = tell(feed.services(), feed.contracts.table("fact_quote"), {}, entity="AMD", at=LOST.isoformat())
    text = tab.text()
    assert story.sentence in text
    assert story.verdict == "alarmed"
    for event in story.events:
        assert " ".join(event.text.split()) in text
    for sentence in story.next:
        assert " ".join(sentence.split()) in text
    assert "starmend why fact_quote --entity AMD --at 2026-11-20T15:07:00Z" in text


@pytest.mark.parametrize(("mode", "how"), BY)
def test_from_a_table_to_its_certificates_and_what_proves_them(
    open_page: Opener, healed: tuple[FeedSimulation, dict[str, str]], mode: str, how: str
) -> None:
    tab = open_page(pages(planted(), "page.html"), mode)
    follow(tab, how, "#tables a[href='#/table/fact_quote_hourly']")
    follow(tab, how, "#certificates a[href*='fact_quote?certificates']")
    tab.page.wait_for_selector("#certificates table")
    assert tab.page.evaluate("document.getElementById('certificates').getBoundingClientRect().top < innerHeight")
    assert "starmend verify --dataset quotes --from 2026-11-27T15:00:00Z --to 2026-11-27T16:00:00Z" in tab.text(
        "#certificates"
    )


def test_an_entity_is_found_by_its_name_and_the_worst_come_first(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    tab.go("#/dataset/trades")
    assert tab.texts(".heat tbody th")[:3] == ["all 11", "ZM", "AMD"]
    tab.page.get_by_role("searchbox").fill("nv")
    assert tab.texts(".heat tbody th") == ["NVDA"]


def test_the_values_of_a_cell_are_told_at_a_pointer_and_at_the_focus(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    tab.go("#/dataset/trades")
    tab.page.locator(".heat tr:not(.sum) .cell.gap").first.hover()
    assert "ZM, Wed 25 Nov 16:00: 55 of 60 present (55 observed), 5 missing" in tab.text(".map .readout")
    tab.tab_to(".heat .cell")
    tab.page.keyboard.press("ArrowLeft")
    assert "all, Wed 25 Nov 14:00: 330 of 330 present" in tab.text(".map .readout")


def test_points_beside_the_page_are_loaded_when_somebody_goes_there(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MOST_POINTS", 0)
    files = pages(large(feeds=2, entities=20, days=2, noise=0.01, tables=0), "page.html")
    tab = open_page(files)
    assert len(tab.requests) == 1
    tab.go("#/dataset/feed_01")
    tab.page.locator(".heat tr:not(.sum) .cell.gap").first.click()
    tab.page.wait_for_selector(".point")
    assert [url.rpartition("/")[2] for url in tab.requests[1:]] == ["feed_01.js"]


def test_on_a_phone_the_page_is_no_wider_than_the_phone_and_shows_the_first_gap(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"), "phone")
    for address in (
        "#/",
        "#/dataset/trades",
        "#/dataset/sales",
        "#/table/fact_trades",
        "#/dataset/trades/at/2026-11-25/AMD",
    ):
        tab.go(address)
        tab.page.wait_for_selector("h1")
        wide: Any = tab.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], address
    tab.go("#/dataset/trades")
    gap = tab.page.locator(".heat .cell.gap").first.bounding_box()
    assert gap is not None
    assert 0 <= gap["x"] <= 390 - gap["width"]


def test_names_of_bars_do_not_touch_each_other_at_any_width(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    for wide, many in ((260, 16), (260, 3), (326, 24), (700, 60), (1180, 200), (1180, 2)):
        names = [f"27 Nov {number // 60:02d}:{number % 60:02d}" for number in range(many)]
        every, widest = tab.page.evaluate(
            "([names, wide]) => [namedEvery(names, wide), ruler.measureText(names[0]).width]", [names, wide]
        )
        assert every * wide / many >= widest + 8, (wide, many)
        assert every == 1 or (every - 1) * wide / many < widest + 16, "no more are left out than must be"
