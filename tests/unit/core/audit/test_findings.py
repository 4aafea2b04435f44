"""Findings travel as JSON and come back as they were, each of its own kind."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from core.audit.findings import DisputedValue, Finding, MissingPoints, MissingRows, findings_from_data, findings_to_data

FINDINGS = (
    MissingPoints("quotes", "AAPL", ((60, 120), (300, 360)), 2),
    MissingRows("sales", "staff", ((1,), (2,))),
    DisputedValue("quotes", "fact_quote", "symbol=AAPL", "price", "AAPL", "2026-11-20T14:30:00Z", "1.0", "1.1"),
)


def test_findings_come_back_from_json_as_they_were() -> None:
    assert findings_from_data(json.loads(json.dumps(findings_to_data(FINDINGS)))) == FINDINGS


def test_every_kind_of_finding_has_a_name_of_its_own() -> None:
    kinds = [finding.__dataclass_fields__["kind"].default for finding in get_args(Finding)]
    assert len(set(kinds)) == len(kinds)


def test_a_kind_of_another_release_is_refused() -> None:
    with pytest.raises(ValueError, match="fits"):
        findings_from_data([{"kind": "unheard_of"}])
