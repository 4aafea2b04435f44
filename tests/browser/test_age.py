"""The age of a page: by the reader's clock it says itself when it is out of date, and then nothing on it is green."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest
from tests.browser.conftest import Opener, Tab, set_clock
from tests.browser.test_barriers import ADDRESSES, AXE, barriers
from tests.support.pages import STATES_PLANTED, planted

from auditor.page.condition import banner
from auditor.page.document import pages
from auditor.page.report import VALID, Report

MINUTE, WEEKEND = dt.timedelta(minutes=1), dt.timedelta(days=2, hours=15)
GREENS = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const style = getComputedStyle(element);
  return [style.color, style.backgroundColor, style.borderLeftColor].some((colour) => {
    const [red, green, blue, seen] = (colour.match(/[\\d.]+/g) || []).map(Number);
    return seen !== 0 && green > 1.08 * red && green > 1.08 * blue;
  });
}).map((element) => element.outerHTML.slice(0, 120))"""


def whole() -> Report:
    """A page on which everything was well."""
    views = tuple(view for view in planted().datasets if view.name == STATES_PLANTED["complete"])
    return replace(
        planted(), datasets=views, alarms=(), banner=banner([(each.facts, each.conditions) for each in views])
    )


def greens(tab: Tab) -> list[str]:
    """Elements that are green to the eye."""
    found: list[str] = tab.page.evaluate(GREENS)
    return found


# What differs between the modes of a page that is not old, test_barriers has in all three.
IN_EVERY_MODE = ["light", *(pytest.param(mode, marks=pytest.mark.long) for mode in ("dark", "phone"))]


@pytest.mark.parametrize("mode", IN_EVERY_MODE)
def test_a_page_made_on_friday_is_not_green_on_monday(open_page: Opener, mode: str) -> None:
    page = pages(whole(), "page.html")
    fresh = open_page(page, mode)
    assert "Complete: the one dataset" in fresh.text("#banner h1")
    assert greens(fresh), "what is well is green"
    old = open_page(page, mode, after=WEEKEND)
    assert old.text("#banner h1") == "Out of date. Fri 27 Nov 17:20: Complete: the one dataset"
    assert old.page.title().startswith("Out of date")
    assert "This page is out of date since Fri 27 Nov 18:50" in old.text("#stale")
    for address in ("#/", "#/dataset/quotes", "#/table/fact_quote", "#/dataset/quotes/at/2026-11-25"):
        old.go(address)
        assert old.page.locator("#stale").count() == 1, address
        assert greens(old) == [], address
    old.screenshot(f"{mode}-out-of-date")


def test_it_is_out_of_date_just_from_the_promise_of_the_next_on(open_page: Opener) -> None:
    page = pages(whole(), "page.html")
    last = open_page(page, after=VALID)
    assert last.page.locator("#stale").count() == 0
    assert open_page(page, after=VALID + dt.timedelta(seconds=1)).page.locator("#stale").count() == 1


def test_a_page_that_stays_open_grows_old_and_says_so_where_somebody_looks(open_page: Opener) -> None:
    page = pages(whole(), "page.html")
    tab = open_page(page)
    tab.go("#/dataset/quotes")
    assert tab.page.locator("#stale").count() == 0
    set_clock(tab, page["page.html"], WEEKEND)
    tab.page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    assert tab.page.locator("h1").inner_text().startswith("quotes"), "he stays where he is"
    assert greens(tab) == []
    tab.go("#/")
    assert "Out of date" in tab.text("#banner h1")


def test_a_clock_that_is_before_the_page_cannot_tell_how_old_it_is(open_page: Opener) -> None:
    page = pages(whole(), "page.html")
    assert open_page(page, after=-4 * MINUTE).page.locator("#stale").count() == 0, "clocks differ a little"
    wrong = open_page(page, after=-WEEKEND)
    assert "nobody can tell how old it is" in wrong.text("#stale")
    assert greens(wrong) == []


def test_whoever_runs_no_scripts_reads_until_when_it_is_valid() -> None:
    text = re.sub("<script.*", "", pages(planted(), "page.html")["page.html"], flags=re.DOTALL)
    assert "Valid until 2026-11-27 18:50 UTC" in text


@pytest.mark.parametrize("mode", IN_EVERY_MODE)
def test_nothing_serious_stands_in_anybodys_way_on_an_old_page(open_page: Opener, mode: str) -> None:
    tab = open_page(pages(planted(), "page.html"), mode, after=WEEKEND)
    tab.page.add_script_tag(content=AXE)
    for name in ("home", "dataset"):
        tab.go(ADDRESSES[name])
        tab.page.wait_for_selector("#stale")
        assert barriers(tab) == {}, name
