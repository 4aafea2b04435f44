"""The heat map's arithmetic: what is counted, where it is shown, and what is said of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.support.lake import shipped_contracts

from auditor.feeds.expect import expect
from auditor.feeds.points import ABSENT, LATE, MISSING, NOT_OWED, OBSERVED, REPAIRED, Coverage
from auditor.page.coverage import (
    MOST_GAPS,
    MOST_HOURS,
    STATES,
    Counts,
    FeedView,
    Points,
    Status,
    WindowSeen,
    shape_feed,
)
from auditor.windows import Window, windows_between
from core.contract.model import Entity, Feed, TradingCalendar

MINUTE = 60
SYMBOLS = ("AAPL", "AMD", "AMZN", "GOOG", "INTC", "META", "MSFT", "NFLX", "NVDA", "TSLA", "ZM")
CODES = {"observed": OBSERVED, "late": LATE, "repaired": REPAIRED, "absent": ABSENT, "missing": MISSING}


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


class Feeding:
    """The windows of a range, all of whose points were observed, to be spoiled."""

    def __init__(self, start: str, end: str, *, entities: tuple[Entity, ...] = ()) -> None:
        feed = shipped_contracts().feed("quotes")
        self.feed: Feed = replace(feed, entities=entities) if entities else feed
        calendar: TradingCalendar = shipped_contracts().calendar("XNYS")
        self.windows = windows_between(self.feed, calendar, at(start), at(end))
        self.expectation = expect(self.feed, calendar, self.windows)
        self.coverage = Coverage(self.expectation)
        self.coverage.cells[self.coverage.cells != NOT_OWED] = OBSERVED
        self.status: Callable[[Window], Status] = lambda _: "unaudited"

    def spoil(self, entity: str, minute: str, code: int = MISSING, *, minutes: int = 1) -> None:
        first = int(np.searchsorted(self.expectation.grid.slots, at(minute)))
        row = self.expectation.grid.entities.index(entity)
        self.coverage.cells[row, first : first + minutes] = code

    def shaped(self, *, first: int = 0, due_before: int = 0) -> FeedView:
        seen = [
            WindowSeen(window, self.status(window), place + 1 if self.status(window) == "certified" else 0)
            for place, window in enumerate(self.windows)
        ]
        view = shape_feed(
            "quotes", "fact_quote", self.feed.every, self.coverage, seen, first=first, due_before=due_before
        )
        assert view is not None
        return view


def an_hour() -> Feeding:
    return Feeding("2026-11-20T15:00", "2026-11-20T16:00")


@pytest.mark.parametrize("seed", range(8))
def test_every_cell_counts_each_of_its_points_once_and_the_sums_agree(seed: int) -> None:
    random = np.random.default_rng(seed)
    feeding = Feeding("2026-11-19T14:00", "2026-11-20T18:00")
    cells = feeding.coverage.cells
    cells[:] = random.choice(list(CODES.values()), size=cells.shape).astype(np.uint8)
    view = feeding.shaped()
    for row, entity in zip(view.rows, SYMBOLS, strict=True):
        assert row.name == entity
        for place, column in enumerate(view.columns):
            inside = (feeding.expectation.grid.slots >= column.start) & (feeding.expectation.grid.slots < column.end)
            naive = Counter(cells[SYMBOLS.index(entity), inside].tolist())
            assert {name: getattr(row.cells[place], name) for name in STATES} == {
                name: naive[code] for name, code in CODES.items()
            }
    for place in range(len(view.columns)):
        assert view.all.cells[place] == sum((row.cells[place] for row in view.rows), Counts())
    assert view.total.expected == cells.size
    assert view.total.present == int((cells >= REPAIRED).sum())


def test_shares_are_of_what_is_expected_and_add_up() -> None:
    shares = Counts(observed=30, late=6, repaired=12, absent=3, missing=9).shares()
    assert shares == {"observed": 0.5, "late": 0.1, "repaired": 0.2, "absent": 0.05, "missing": 0.15}
    assert Counts().shares() == dict.fromkeys(STATES, 0)


def test_hours_of_several_days_are_columns_of_the_hours_in_which_the_exchange_trades() -> None:
    view = Feeding("2026-11-25T00:00", "2026-12-01T00:00").shaped()  # Thanksgiving, and a half day after it
    by_day: dict[str, list[str]] = {}
    for column in view.columns:
        by_day.setdefault(column.day, []).append(column.hour[:2])
    assert by_day == {
        "Wed 25 Nov": ["14", "15", "16", "17", "18", "19", "20"],
        "Fri 27 Nov": ["14", "15", "16", "17"],
        "Mon 30 Nov": ["14", "15", "16", "17", "18", "19", "20"],
    }
    assert [cell.expected for cell in view.rows[0].cells[:7]] == [30, 60, 60, 60, 60, 60, 60]
    assert view.start == at("2026-11-25T14:30")
    assert view.end == at("2026-11-30T21:00")


def test_more_hours_than_fit_are_shown_by_the_day_and_count_the_same() -> None:
    feeding = Feeding("2026-11-02T00:00", "2026-11-21T00:00")
    feeding.spoil("AMD", "2026-11-05T15:10", minutes=3)
    feeding.status = lambda one: "certified" if one.start < at("2026-11-05T00:00") else "unaudited"
    view = feeding.shaped()
    assert len(feeding.windows) > MOST_HOURS
    assert view.unit == "day"
    assert [column.day for column in view.columns][:4] == ["Mon 2 Nov", "Tue 3 Nov", "Wed 4 Nov", "Thu 5 Nov"]
    assert [column.status for column in view.columns][:4] == ["certified", "certified", "certified", "unaudited"]
    assert view.columns[0].certificates == (1, 2, 3, 4, 5, 6, 7)
    assert view.rows[1].cells[3] == Counts(observed=387, missing=3)
    assert view.total.expected == 15 * 390 * 11
    assert view.windows == len(feeding.windows)


def test_a_day_is_no_better_than_its_worst_window() -> None:
    feeding = Feeding("2026-11-02T00:00", "2026-11-21T00:00")
    feeding.status = lambda one: "alarmed" if one.start == at("2026-11-03T16:00") else "certified"
    columns = {column.day: column for column in feeding.shaped().columns}
    assert columns["Tue 3 Nov"].status == "alarmed"
    assert (columns["Tue 3 Nov"].certified, columns["Tue 3 Nov"].windows) == (6, 7)


def test_hours_before_the_feed_began_are_left_out() -> None:
    feeding = Feeding("2026-11-20T00:00", "2026-11-21T00:00")
    feeding.spoil("ZM", "2026-11-20T14:30", minutes=5)
    view = feeding.shaped(first=1)
    assert [column.hour for column in view.columns] == ["15:00", "16:00", "17:00", "18:00", "19:00", "20:00"]
    assert view.total == Counts(observed=6 * 60 * 11)
    assert view.gaps == ()


def test_every_entity_has_a_row_in_the_contracts_order() -> None:
    names = [f"E{number:03d}" for number in range(100)]
    feeding = Feeding("2026-11-20T15:00", "2026-11-20T16:00", entities=tuple(Entity(name) for name in names))
    for name in ("E099", "E050"):
        feeding.spoil(name, "2026-11-20T15:00", minutes=int(name[1:]) // 10)
    view = feeding.shaped()
    assert [row.name for row in view.rows] == names
    assert [row.name for row in view.rows if row.total.missing] == ["E050", "E099"]
    assert view.total == Counts(observed=100 * 60 - 14, missing=14)


def test_entities_owe_nothing_outside_their_validity() -> None:
    entities = (Entity("OLD", valid_until="2026-11-20T15:10"), Entity("NEW", valid_from="2026-11-20T15:10"))
    view = Feeding("2026-11-20T15:00", "2026-11-20T16:00", entities=entities).shaped()
    assert [row.total.expected for row in view.rows] == [10, 50]


def test_the_longest_gaps_are_listed_first() -> None:
    feeding = an_hour()
    for minute in ("15:03", "15:17", "15:18", "15:19", "15:30", "15:32", "15:34", "15:36", "15:38"):
        feeding.spoil("AAPL", f"2026-11-20T{minute}")
    view = feeding.shaped()
    assert view.gap_count == 7
    assert (view.gaps[0].entity, view.gaps[0].start, view.gaps[0].end, view.gaps[0].points) == (
        "AAPL", at("2026-11-20T15:17"), at("2026-11-20T15:20"), 3,
    )  # fmt: skip
    assert len(view.gaps) == min(7, MOST_GAPS)
    assert view.first_missing == at("2026-11-20T15:03")


def drawn(points: Points, entity: int) -> list[int]:
    """An entity's states slot by slot, as whoever reads the runs would draw them."""
    slots = [first + place * step for first, many, step in points.slots for place in range(many)]
    states = [STATES.index("observed")] * len(slots)
    runs = points.runs.get(entity, ())
    for first, many, state in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
        states[first : first + many] = [state] * many
    return states


@pytest.mark.parametrize("seed", range(6))
def test_the_runs_say_of_every_slot_what_the_cells_do(seed: int) -> None:
    random = np.random.default_rng(seed)
    feeding = Feeding("2026-11-24T14:00", "2026-11-28T00:00")
    cells = feeding.coverage.cells
    cells[:] = random.choice([NOT_OWED, *CODES.values(), *[OBSERVED] * 5], size=cells.shape).astype(np.uint8)
    cells[0] = OBSERVED
    view = feeding.shaped()
    slots = [first + place * step for first, many, step in view.points.slots for place in range(many)]
    assert slots == feeding.expectation.grid.slots.tolist()
    place_of = {code: STATES.index(name) for name, code in CODES.items()} | {NOT_OWED: len(STATES)}
    for entity in range(len(SYMBOLS)):
        assert drawn(view.points, entity) == [place_of[code] for code in cells[entity].tolist()]
    missing = (cells == MISSING).astype(np.int8)
    edges = np.diff(np.pad(missing, ((0, 0), (1, 1))), axis=1)
    assert view.gap_count == int((edges == 1).sum())


def test_the_verdict_is_complete_only_where_everything_is_certified() -> None:
    feeding = an_hour()
    feeding.spoil("AMD", "2026-11-20T15:07", ABSENT)
    assert feeding.shaped().verdict == "uncertified"
    feeding.status = lambda _: "changed"
    assert feeding.shaped().verdict == "uncertified"
    feeding.status = lambda _: "certified"
    assert feeding.shaped().verdict == "complete"


def test_what_is_missing_is_overdue_only_after_the_time_that_the_contract_allows() -> None:
    feeding = an_hour()
    feeding.spoil("AMD", "2026-11-20T15:07")
    feeding.spoil("ZM", "2026-11-20T15:50")
    in_time = feeding.shaped(due_before=at("2026-11-20T15:07"))
    assert (in_time.verdict, in_time.overdue) == ("filling", 0)
    late = feeding.shaped(due_before=at("2026-11-20T15:08"))
    assert (late.verdict, late.overdue) == ("incomplete", 1)
    feeding.status = lambda _: "alarmed"
    assert feeding.shaped(due_before=at("2026-11-20T15:07")).verdict == "incomplete"


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    feeding = an_hour()
    feeding.coverage.cells[:] = MISSING
    assert feeding.shaped().verdict == "empty"


def test_a_range_that_owes_nothing_has_no_view() -> None:
    weekend = Feeding("2026-11-21T00:00", "2026-11-23T00:00")
    assert shape_feed("quotes", "fact_quote", MINUTE, weekend.coverage, [], due_before=0) is None
