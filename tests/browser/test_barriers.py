"""Barriers on the page, as axe-core finds them: in light, in dark, on a phone. Each page is kept as a picture too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import Opener, Tab
from tests.support.pages import planted

from auditor.page.document import pages

AXE = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
ADDRESSES = {
    "home": "#/",
    "dataset": "#/dataset/trades",
    "points": "#/dataset/trades/at/2026-11-25/AMD",
    "point": "#/point/trades/AMD/2026-11-25T15%3A03%3A00Z",
    "table": "#/table/fact_trades",
}
SHOWN = {"light": list(ADDRESSES), "dark": ["home", "dataset"], "phone": ["home", "points"]}


def barriers(tab: Tab) -> dict[str, Any]:
    """What axe-core calls serious or critical, with the first elements that it is about."""
    violations = tab.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return {
        violation["id"]: [node["html"][:200] for node in violation["nodes"][:3]]
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize("mode", SHOWN)
def test_nothing_serious_stands_in_anybodys_way(open_page: Opener, mode: str) -> None:
    tab = open_page(pages(planted(), "page.html"), mode)
    tab.page.add_script_tag(content=AXE)
    found = {}
    for name in SHOWN[mode]:
        tab.go(ADDRESSES[name])
        tab.page.wait_for_selector(".lead, .point, .cards, .heat .cell")
        tab.screenshot(f"{mode}-{name}")
        found[name] = barriers(tab)
    assert found == {name: {} for name in SHOWN[mode]}


def test_a_barrier_that_is_put_up_is_found(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    tab.page.add_script_tag(content=AXE)
    tab.page.evaluate("document.querySelector('#banner h1').style.color = '#f0e0d8'")
    tab.page.evaluate("document.querySelector('.cards a').replaceChildren()")
    assert {"color-contrast", "link-name"} <= set(barriers(tab))
