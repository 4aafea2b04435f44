"""A real browser, Debian's chromium, and pages in it that must neither complain nor ask anybody for anything."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BUILD = Path(__file__).parents[2] / "build" / "page"  # screenshots
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
PATIENCE = 120_000  # milliseconds: a busy machine
MODES: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


def browser_program() -> str | None:
    """Where chromium is; None: this machine has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; the tests are skipped on a machine that has none, unless one is required.

    No longer than a module: while it is there this thread has a running event loop, which other tests may not have.
    """
    program = browser_program()
    if program is None:
        assert os.environ.get("STARMEND_BROWSER") != "required", "there has to be a browser: .ci/run installs chromium"
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the path (Debian: apt-get install chromium)")
    from playwright import sync_api  # not by every process that collects the tests

    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS, timeout=PATIENCE)
        yield started
        started.close()


@dataclass
class Tab:
    """A tab of the browser on a page that was written to a file; what it asked for and complained of."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def go(self, address: str = "#/") -> None:
        """Go to an address within the page."""
        self.page.goto(f"{self.url}{address}")

    def texts(self, selector: str) -> list[str]:
        """The visible texts of all elements that a selector names."""
        texts: list[str] = self.page.locator(selector).all_inner_texts()
        return texts

    def text(self, selector: str = "main") -> str:
        """The visible text of the one element that a selector names, in one line."""
        return " ".join(self.page.locator(selector).inner_text().split())

    def tab_to(self, selector: str, *, most: int = 60) -> None:
        """Press the tab key until the focus is on an element that a selector names."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
                return
        raise AssertionError(f"the tab key does not lead to {selector}")

    def screenshot(self, name: str) -> None:
        """Keep a picture of all of it, to be looked at."""
        BUILD.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(BUILD / f"{name}.png"), full_page=True)


Opener = Callable[..., Tab]
SOON = dt.timedelta(minutes=5)


def set_clock(tab: Tab, page: str, after: dt.timedelta) -> None:
    """Let the reader's clock stand so long after the page was made; its timers run on."""
    made = re.search(r'"made":(\d+)', page)
    assert made, "a page says when it was made"
    tab.page.clock.set_fixed_time(dt.datetime.fromtimestamp(int(made[1]), dt.UTC) + after)


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Opener]:
    """Opens files of a page in a mode, some time after it was made.

    Afterwards nothing was complained of, and nothing but they was asked for.
    """
    tabs: list[tuple[Tab, Any]] = []

    def open_files(files: dict[str, str], mode: str = "light", after: dt.timedelta = SOON) -> Tab:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        context = browser.new_context(**MODES[mode])
        context.set_default_timeout(PATIENCE)
        tab = Tab(context.new_page(), (tmp_path / next(iter(files))).as_uri())
        tab.page.on("console", lambda message: tab.complaints.append(message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("request", lambda request: tab.requests.append(request.url))
        tabs.append((tab, context))
        set_clock(tab, next(iter(files.values())), after)
        tab.go()
        return tab

    yield open_files
    known = {path.as_uri() for path in tmp_path.rglob("*") if path.is_file()}
    for tab, context in tabs:
        asked = {url.partition("#")[0] for url in tab.requests} - known
        context.close()
        assert tab.complaints == []
        assert {url for url in asked if not url.startswith("data:")} == set()
