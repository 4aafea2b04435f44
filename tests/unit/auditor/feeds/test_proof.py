"""Claims become proof when they are whole, or agree from two audits; what speaks against them costs a day."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import DATASET, HOUR, TWO, AuditedFeed, points_of

from auditor.evidence.claims import Claim
from auditor.feeds.absence.proof import Weighed, Weighing, weigh
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.feeds.points import Coverage
from auditor.windows import DAY, Window
from core.audit.broken_answers import EVERYBODY
from core.audit.history import Evidence
from core.time import iso

LACKED = ((TWO, TWO + 60),)
LATER = TWO + 2 * HOUR
QUARTER = 1800  # of the feed's two hours
APART = 3 * HOUR  # answers that held nothing


def claim(
    found_at: int, run: str, *, kind: str = "absent", silent: bool = False, whole: bool = False, given: int = 0
) -> Claim:
    """A claim of an answer that was ``given`` a second before it was found, unless a cache had it."""
    evidence = (Evidence("GET /h", 200, "[]", iso(given or found_at - 1)),)
    return Claim(DATASET, "ZM", LACKED, found_at, run, kind, silent, whole, evidence)  # type: ignore[arg-type]


def weighed(*claims: Claim, empty: bool = False, broken: str | None = None) -> Weighed:
    lake = AuditedFeed()
    if not empty:
        lake.put([point for point in points_of(TWO, TWO + HOUR) if point != ("ZM", TWO)])
    window = [Window(TWO, TWO + HOUR)]
    expectation = expect(lake.feed, lake.services.contracts.calendar(lake.feed.calendar), window)
    coverage: Coverage = scan_partitions(lake.contract, expectation, lake.partitions).coverage
    live = {broken: frozenset({TWO})} if broken is not None else {}
    newest = max((each.found_at for each in claims), default=LATER)
    return weigh(coverage, claims, (), Weighing(DATASET, lake.feed, "now", newest, live))


FIRST = claim(LATER, "a")
CACHED = {"silent": True, "given": LATER}
SILENT = tuple(claim(LATER + each * DAY // 3, run, silent=True) for each, run in enumerate("abcd"))


@pytest.mark.parametrize(
    ("claims", "proof"),
    [
        ((FIRST,), ""),
        ((claim(LATER, "a", whole=True),), "whole"),
        ((FIRST, claim(LATER + QUARTER, "b")), "agreed"),
        ((FIRST, claim(LATER + QUARTER - 1, "b")), ""),
        ((FIRST, claim(LATER + QUARTER, "a")), ""),  # the same audit
        ((FIRST, claim(LATER + QUARTER, "b", kind="refused")), ""),
        ((claim(LATER, "a", kind="refused"), claim(LATER + QUARTER, "b")), ""),
        ((claim(LATER, "a", silent=True), claim(LATER + QUARTER, "b", silent=True)), ""),
        (
            (claim(LATER, "a", silent=True), claim(LATER + DAY, "b", silent=True)),
            "",
        ),  # two bad hours, and nothing between
        (SILENT, "agreed"),
        ((*SILENT[:3], claim(LATER + DAY, "c", silent=True)), ""),  # the same audit twice
        ((*SILENT[:3], claim(LATER + DAY - 1, "d", silent=True)), ""),
        ((*SILENT[:2], claim(LATER + DAY // 3 + APART, "c", silent=True), SILENT[3]), "agreed"),
        ((*SILENT[:2], claim(LATER + DAY // 3 + APART - 1, "c", silent=True), SILENT[3]), ""),
        (
            (*(claim(LATER + 60 * each, run, silent=True) for each, run in enumerate("abc")), SILENT[3]),
            "",
        ),  # ranges that somebody has healed in an outage, and one answer a day later
        ((FIRST, *SILENT), ""),
        ((*SILENT[:3], FIRST, SILENT[3]), ""),
        ((FIRST, claim(LATER + DAY, "b", silent=True)), ""),  # alive first, then silent: an outage
        ((FIRST, claim(LATER + DAY, "b", given=LATER - 1)), ""),  # the same answer, from a cache
        ((FIRST, claim(LATER + DAY, "b", given=LATER + QUARTER - 2)), ""),
        ((FIRST, claim(LATER + DAY, "b", given=LATER + QUARTER - 1)), "agreed"),
        ((*SILENT[:3], claim(LATER + DAY, "d", silent=True, given=LATER + DAY // 3 * 2)), ""),
        (tuple(claim(LATER + each * DAY // 3, run, **CACHED) for each, run in enumerate("abcd")), ""),
    ],
)
def test_what_it_takes_to_believe_a_negative_answer(claims: tuple[Claim, ...], proof: str) -> None:
    outcome = weighed(*claims)
    assert [absence.proof for absence in outcome.absences] == ([proof] if proof else [])
    assert bool(outcome.doubts) != bool(proof)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=7, unique=True))
def test_answers_that_held_nothing_count_where_they_are_apart_in_time(hours: list[int]) -> None:
    """An independent oracle: some four of them lie three hours or more from each other, and all span a day."""
    claims = [claim(LATER + HOUR * hour, f"run {hour}", silent=True) for hour in sorted(hours)]
    apart = any(
        all(later - earlier >= 3 for earlier, later in pairwise(four)) for four in combinations(sorted(hours), 4)
    )
    expected = apart and max(hours) - min(hours) >= 24
    assert bool(weighed(*claims).absences) == expected


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("empty", "broken"), [(True, None), (False, "ZM"), (False, EVERYBODY)])
def test_where_something_speaks_against_it_a_day_has_to_pass(whole: bool, empty: bool, broken: str | None) -> None:
    """Nobody has a point in the whole window, or the live answer of the slot made no sense."""
    first = claim(LATER, "a", whole=whole)
    soon = weighed(first, claim(LATER + QUARTER, "b", whole=whole), empty=empty, broken=broken)
    assert soon.absences == ()
    assert [doubt.reason for doubt in soon.doubts] == ["everybody" if empty else "live_broken"]
    late = weighed(first, claim(LATER + DAY, "b", whole=whole), empty=empty, broken=broken)
    assert [(absence.entity, absence.ranges) for absence in late.absences] == [("ZM", LACKED)]
    assert [each.answered_at for each in late.absences[0].evidence] == [iso(LATER - 1), iso(LATER + DAY - 1)]
