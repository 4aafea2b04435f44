"""Claims are kept a day each, apart by the way in which their answers speak."""

from __future__ import annotations

import json

from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects

from auditor.evidence.absent import keep
from auditor.evidence.claims import Claim, claims_of, prefix, read_claims
from auditor.windows import DAY, Window
from core.audit.history import Evidence, HistoryOutcome
from core.json import canonical_json

MONDAY = 1_795_392_000  # 2026-11-23
ANSWER = (Evidence("GET /h", 200, "[]", "2026-11-23T20:00:00Z"),)
OUTCOME = HistoryOutcome(
    "answered",
    absent=((MONDAY, MONDAY + 300), (MONDAY + DAY - 60, MONDAY + DAY + 60)),
    whole=((MONDAY + 60, MONDAY + 120),),
    silent=((MONDAY + 120, MONDAY + 300),),
    refused=((MONDAY + 600, MONDAY + 660),),
    evidence=ANSWER,
)


def test_an_outcome_is_claimed_piece_by_piece_as_its_answers_speak() -> None:
    claims = list(claims_of("quotes", "BRK/B", OUTCOME, run="r", found_at=MONDAY + DAY))
    told = {(claim.kind, claim.silent, claim.whole, claim.ranges[0][0] - MONDAY): claim.ranges for claim in claims}
    assert {key: [(start - MONDAY, end - MONDAY) for start, end in ranges] for key, ranges in told.items()} == {
        ("absent", True, False, 120): [(120, 300)],
        ("absent", False, True, 60): [(60, 120)],
        ("absent", False, False, 0): [(0, 60), (DAY - 60, DAY)],
        ("absent", False, False, DAY): [(DAY, DAY + 60)],
        ("refused", False, False, 600): [(600, 660)],
    }


def test_keeping_again_changes_nothing_and_a_claim_is_read_as_it_was_written() -> None:
    store = MemoryObjects()
    claims = list(claims_of("quotes", "BRK/B", OUTCOME, run="r", found_at=MONDAY + DAY))
    assert (keep(store, claims), keep(store, claims)) == (5, 5)
    assert len(list(store.list(""))) == 5
    assert [Claim.from_json(claim.to_json()) for claim in claims] == claims
    of_monday = read_claims(store, "quotes", [Window(MONDAY, MONDAY + 3600)])
    assert sorted(claim.ranges[0][0] - MONDAY for claim in of_monday) == [0, 60, 120, 600]
    assert of_monday[0].key.startswith("audit/claims/dataset=quotes/2026-11-23/BRK_B-")
    assert read_claims(store, "bonds", [Window(MONDAY, MONDAY + 3600)]) == []


def test_a_claim_that_cannot_be_read_claims_nothing_and_its_neighbours_count() -> None:
    store, log = MemoryObjects(), MemoryLog()
    claims = list(claims_of("quotes", "ZM", OUTCOME, run="r", found_at=MONDAY + DAY))
    keep(store, claims)
    store.write(f"{prefix('quotes', '2026-11-23')}A.json", b'{"run": 1}')
    store.write(f"{prefix('quotes', '2026-11-23')}B.json", canonical_json({**json.loads(claims[0].to_json()), "b": 1}))
    read = read_claims(store, "quotes", [Window(MONDAY, MONDAY + 3600)], log=log)
    of_monday = [claims[0], *(claim for claim in claims if "2026-11-23" in claim.key)]
    assert sorted(read, key=str) == sorted(of_monday, key=str)
    assert [line["object"] for line in log.lines] == [f"{prefix('quotes', '2026-11-23')}A.json"]
