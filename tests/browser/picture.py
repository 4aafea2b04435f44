"""The picture of the page in README: ``python -m tests.browser.picture`` draws it anew."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright import sync_api
from tests.browser.conftest import ARGUMENTS, PATIENCE, browser_program
from tests.support.pages import planted

from auditor.page.document import pages
from auditor.page.report import Report

PICTURE = Path(__file__).parents[2] / "docs" / "page.webp"
SIZE = {"width": 1280, "height": 860}
QUALITY = 0.82
# The browser itself makes a small picture of its screenshot.
ENCODE = """async ([png, quality]) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""
# How far two pictures are apart: the mean over tiles that are too coarse to tell one font from another, 0 to 1.
COMPARE = """async ([one, other, across, down]) => {
  const pixels = [];
  for (const webp of [one, other]) {
    const image = new Image();
    image.src = "data:image/webp;base64," + webp;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: across, height: down});
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, across, down);
    pixels.push(context.getImageData(0, 0, across, down).data);
  }
  return pixels[0].reduce((sum, value, at) => sum + Math.abs(value - pixels[1][at]), 0) / pixels[0].length / 255;
}"""


def draw(browser: Any, report: Report) -> bytes:
    """The first screen of a report's page, as WebP."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(pages(report, "page.html")["page.html"], encoding="utf-8")
        context = browser.new_context(viewport=SIZE, color_scheme="light")
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        tab.clock.set_fixed_time(report.made_at)  # a page of the past would say that it is out of date
        tab.goto(file.as_uri())
        tab.wait_for_selector(".cards")
        png = base64.b64encode(tab.screenshot()).decode()
        picture = base64.b64decode(tab.evaluate(ENCODE, [png, QUALITY]))
        context.close()
    return picture


def apart(browser: Any, one: bytes, other: bytes) -> float:
    """How far two pictures are apart, 0 (the same) to 1."""
    context = browser.new_context()
    tab = context.new_page()
    texts = [base64.b64encode(picture).decode() for picture in (one, other)]
    distance = float(tab.evaluate(COMPARE, [*texts, 64, 43]))
    context.close()
    return distance


def main() -> None:
    """Draw the picture and keep it."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program(), args=ARGUMENTS, timeout=PATIENCE)
        PICTURE.write_bytes(draw(browser, planted()))
        browser.close()
    sys.stdout.write(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
