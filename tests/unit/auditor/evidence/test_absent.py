"""Absences are kept a day each under a name made of their content, and are believed for as long as they may be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects

from auditor.evidence.absent import Absence, absences_of, keep, kept_absence, read_absences
from auditor.windows import DAY, HOUR, Window
from core.audit.certificate import hash_of
from core.audit.history import Evidence
from core.json import canonical_json

MONDAY = 1_795_392_000  # 2026-11-23
EVIDENCE = (Evidence("GET /candle", 200, "[]", "Mon, 23 Nov 2026 20:00:00 GMT"),)
SECONDS = st.integers(MONDAY, MONDAY + 5 * DAY)
RANGES = st.lists(st.tuples(SECONDS, SECONDS).map(lambda pair: (min(pair), max(pair))), max_size=4).map(tuple)


@given(RANGES, SECONDS)
def test_ranges_are_cut_at_midnight_and_nothing_of_them_is_lost(ranges: tuple[tuple[int, int], ...], now: int) -> None:
    kept = list(absences_of("quotes", "AAPL", ranges, EVIDENCE, found_at=now, proof="agreed"))
    pieces = [piece for absence in kept for piece in absence.ranges]
    assert sum(end - start for start, end in pieces) == sum(end - start for start, end in ranges)
    assert all(start // DAY == (end - 1) // DAY for start, end in pieces)
    assert len({absence.ranges[0][0] // DAY for absence in kept}) == len(kept)


@given(RANGES, SECONDS, st.text(max_size=9))
def test_an_absence_is_read_as_it_was_written(ranges: tuple[tuple[int, int], ...], now: int, entity: str) -> None:
    for absence in absences_of("quotes", entity, ranges, EVIDENCE, found_at=now, proof="agreed"):
        assert Absence.from_json(absence.to_json()) == absence


@pytest.mark.parametrize(
    ("age", "later"), [(HOUR, 6 * HOUR), (7 * HOUR, 7 * HOUR), (30 * DAY, 30 * DAY), (900 * DAY, 365 * DAY)]
)
def test_what_is_fresh_is_asked_for_again_within_hours_and_then_ever_more_rarely(age: int, later: int) -> None:
    now = MONDAY + 60 + age
    (absence,) = absences_of("quotes", "AAPL", ((MONDAY, MONDAY + 60),), EVIDENCE, found_at=now, proof="whole")
    assert absence.expires_at == now + later
    assert absence.is_believed(now + later + 1)


def test_what_an_earlier_release_believed_on_one_answer_is_believed_until_it_expires() -> None:
    absence = Absence("quotes", "AAPL", ((MONDAY, MONDAY + 60),), MONDAY, MONDAY + DAY, EVIDENCE)
    assert b"proof" not in absence.to_json()
    assert (absence.is_believed(MONDAY + DAY - 1), absence.is_believed(MONDAY + DAY)) == (True, False)


def test_keeping_again_changes_nothing_and_windows_find_the_absences_of_their_days() -> None:
    store = MemoryObjects()
    ranges = ((MONDAY - 60, MONDAY + 60), (MONDAY + 2 * DAY, MONDAY + 2 * DAY + 60))
    kept = list(absences_of("quotes", "BRK/B", ranges, EVIDENCE, found_at=MONDAY, proof="agreed"))
    assert (keep(store, kept), keep(store, kept)) == (3, 3)
    assert len(list(store.list(""))) == 3
    of_monday = read_absences(store, "quotes", [Window(MONDAY, MONDAY + 3600)])
    assert [(absence.entity, absence.ranges) for absence in of_monday] == [("BRK/B", ((MONDAY, MONDAY + 60),))]
    assert of_monday[0].key.startswith("audit/absent/dataset=quotes/2026-11-23/BRK_B-")
    assert read_absences(store, "bonds", [Window(MONDAY, MONDAY + 3600)]) == []


@given(SECONDS, st.integers(60, 3 * DAY), SECONDS)
def test_a_window_of_any_seconds_finds_the_absences_of_all_days_that_it_touches(
    start: int, length: int, now: int
) -> None:
    store, window = MemoryObjects(), Window(start, start + length)
    ranges = ((window.start, window.end),)
    keep(store, absences_of("quotes", "AAPL", ranges, EVIDENCE, found_at=now, proof="agreed"))
    read = [piece for absence in read_absences(store, "quotes", [window], workers=1) for piece in absence.ranges]
    assert (min(read)[0], max(read)[1]) == ranges[0]


def test_what_was_altered_has_another_key() -> None:
    (absence,) = absences_of("quotes", "AAPL", ((MONDAY, MONDAY + 60),), EVIDENCE, found_at=MONDAY, proof="agreed")
    altered = Absence.from_json(absence.to_json().replace(b'"status":200', b'"status":404'))
    assert altered.key != absence.key


def test_what_another_release_added_is_passed_over_and_what_cannot_be_read_proves_nothing() -> None:
    """One of them ended every audit of its day, and stayed."""
    store, log = MemoryObjects(), MemoryLog()
    ranges = ((MONDAY, MONDAY + 60), (MONDAY + DAY, MONDAY + DAY + 60))
    first, second = absences_of("quotes", "ZM", ranges, EVIDENCE, found_at=MONDAY, proof="agreed")
    more = {**json.loads(first.to_json()), "later": 1}
    more["evidence"] = [{**answer, "later": 2} for answer in more["evidence"]]
    body = canonical_json(more)
    key = f"{first.name}-{hash_of(body)[:16]}.json"
    store.write(key, body)
    keep(store, [second])
    bad = [b"\x00", b"[]", b"{}", b'{"evidence": 3}', canonical_json({**more, "ranges": [["when"]]})]
    for number, text in enumerate(bad):
        store.write(f"{first.name}-{number}.json", text)
    window = Window(MONDAY, MONDAY + 2 * DAY)
    assert read_absences(store, "quotes", [window], log=log) == [first, second]
    assert [line["object"] for line in log.lines] == [f"{first.name}-{number}.json" for number in range(len(bad))]
    assert (kept_absence(store, key), kept_absence(store, second.key)) == (first, second)
    store.write(key, body.replace(b"agreed", b"whole!"))
    assert kept_absence(store, key) is None
