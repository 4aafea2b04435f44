"""What the browser counts of the points, held against the points themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import Opener
from tests.support.lake import shipped_contracts
from tests.support.pages import NOW, dataset, planted

from auditor.feeds.expect import expect
from auditor.feeds.points import NOT_OWED, OBSERVED, Coverage
from auditor.page.coverage import CODES, STATES, WindowSeen, shape_feed
from auditor.page.document import pages
from auditor.windows import HOUR, windows_between
from core.contract.model import Entity

DAYS, ENTITIES = 4, 9
COUNTED = """async () => {
  const points = await pointsOf("quotes"), counted = [];
  for (const column of datasetNamed("quotes").grid.columns) {
    for (let hour = column[0]; hour < column[1]; hour += 3600) {
      for (let row = 0; row < datasetNamed("quotes").grid.rows.length; row++) {
        counted.push([hour, row, countWithin(points, row, hour, hour + 3600)]);
      }
    }
  }
  return [counted, datasetNamed("quotes").grid.rows.map((_, row) => sum(cellsOf(datasetNamed("quotes").grid, row)))];
}"""


def spoilt(seed: int) -> tuple[Coverage, list[WindowSeen]]:
    """Some days of a feed of the exchange, every point of which may be in any state, in stretches of any length."""
    random = np.random.default_rng(seed)
    entities = tuple(Entity(f"E{number}") for number in range(ENTITIES))
    feed = replace(shipped_contracts().feed("quotes"), entities=entities)
    calendar = shipped_contracts().calendar("XNYS")
    windows = windows_between(feed, calendar, NOW - DAYS * 86_400, NOW)
    coverage = Coverage(expect(feed, calendar, windows))
    coverage.cells[:] = OBSERVED
    slots = coverage.cells.shape[1]
    for _ in range(60):
        row, first = int(random.integers(ENTITIES)), int(random.integers(slots))
        length = int(random.integers(1, [3, 200][int(random.random() < 0.2)]))
        coverage.cells[row, first : first + length] = random.choice([NOT_OWED, *CODES.values()])
    return coverage, [WindowSeen(window, "certified", 1) for window in windows]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_browser_counts_every_hour_of_every_entity_as_it_is(open_page: Opener, seed: int) -> None:
    coverage, seen = spoilt(seed)
    view = shape_feed("quotes", "fact_quote", 60, coverage, seen, due_before=0)
    assert view is not None
    report = replace(planted(), datasets=(dataset("quotes", view),))
    counted, totals = open_page(pages(report, "page.html")).page.evaluate(COUNTED)
    slots = coverage.expectation.grid.slots

    def counts(row: int, part: Any) -> list[int]:
        return [int((coverage.cells[row][part] == CODES[name]).sum()) for name in STATES]

    assert len(counted) >= DAYS * ENTITIES
    for hour, row, numbers in counted:
        assert numbers == counts(row, (slots >= hour) & (slots < hour + HOUR)), (hour, row)
    assert totals == [counts(row, slice(None)) for row in range(ENTITIES)]
