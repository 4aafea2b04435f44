"""The picture in README is of the page as it is drawn now."""

from __future__ import annotations

from typing import Any

from tests.browser.picture import PICTURE, apart, draw
from tests.support.pages import large, planted

ALIKE = 0.03  # two machines' fonts are nearer than this, another page is not
REPOSITORY = PICTURE.parents[1]


def test_the_picture_in_readme_is_of_the_page_as_it_is(browser: Any) -> None:
    assert f"({PICTURE.relative_to(REPOSITORY)})" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert PICTURE.stat().st_size < 150_000
    distance = apart(browser, PICTURE.read_bytes(), draw(browser, planted()))
    assert distance < ALIKE, "draw it anew: python -m tests.browser.picture"


def test_another_page_is_not_taken_for_it(browser: Any) -> None:
    other = draw(browser, large(feeds=9, entities=18, days=2, noise=0, tables=0))
    assert apart(browser, PICTURE.read_bytes(), other) > ALIKE
