"""Requests for history and their outcomes come back from JSON as they were."""

from __future__ import annotations

import json

from core.audit.history import Evidence, HistoryOutcome, HistoryRequest


def test_a_request_is_written_with_instants_and_read_back() -> None:
    for values_only in (False, True):
        request = HistoryRequest("quotes", "AAPL", 1_800_000_000, 1_800_003_600, values_only)
        data = json.loads(json.dumps(request.to_data()))
        assert data["start"] == "2027-01-15T08:00:00Z"
        assert HistoryRequest.from_data(data) == request


def test_an_outcome_keeps_ranges_evidence_and_the_providers_digits() -> None:
    outcome = HistoryOutcome(
        "answered",
        healed=((0, 60),),
        absent=((60, 180),),
        pending=((180, 240),),
        reason="so",
        retry_after=1.5,
        evidence=(Evidence("GET /x", 200, "{}", "2026-11-20T14:30:00Z"),),
        values={0: {"c": "1.10"}},
    )
    assert HistoryOutcome.from_data(json.loads(json.dumps(outcome.to_data()))) == outcome
    assert "told" not in HistoryOutcome("limited").to_data()
