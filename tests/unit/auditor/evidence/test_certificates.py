"""Certificates drawn up from a result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects

from auditor.evidence.certificates import Basis, Certified, draft_certificate, issue_certificates
from auditor.evidence.outstanding import Looks
from auditor.evidence.results import AuditResult, WindowResult
from core.audit.certificate import window_digest

COUNTS = {"expected": 60, "present": 59, "observed": 50, "late": 4, "repaired": 5, "absent": 1, "missing": 0}
BASIS = Basis("run", "contract", "always (1)")
HOUR = 3_600


def window(number: int, *, subject: str = "", **changes: Any) -> WindowResult:
    counts = {**COUNTS, **changes}
    proofs: dict[str, list[Any]] = {"fact/p=1": [59, "digest"]}
    return WindowResult(number * HOUR, (number + 1) * HOUR, True, counts, proofs, subject=subject)


def result_of(*windows: WindowResult) -> AuditResult:
    return AuditResult("test", "quotes", windows, (), {}, "", "2026-11-20T15:00:00Z")


def test_a_certificate_says_what_the_window_counts_and_on_which_terms() -> None:
    certificate = draft_certificate(result_of(), window(0), BASIS)
    assert {name: getattr(certificate, name) for name in COUNTS} == COUNTS
    assert (certificate.subject, certificate.contract, certificate.calendar) == ("quotes", "contract", "always (1)")
    assert (certificate.start, certificate.end) == ("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z")
    assert certificate.digest == window_digest(certificate.partitions)
    assert draft_certificate(result_of(), window(0, subject="fact_order"), BASIS).subject == "fact_order"


def test_only_whole_windows_are_certified_and_each_claim_once() -> None:
    store = MemoryObjects()
    result = result_of(window(0), window(1, missing=1), window(2))
    certified, entries = issue_certificates(store, result, BASIS)
    assert [certificate.start[11:13] for certificate in certified.issued] == ["00", "02"]
    assert sorted(entries) == ["quotes/1970-01-01T00:00:00Z", "quotes/1970-01-01T02:00:00Z"]
    again, entries_again = issue_certificates(store, result, BASIS)
    assert (replace(again, looks=Looks()), entries_again) == (Certified((), head=2), entries)


@pytest.mark.parametrize("changed", [{"present": 58, "absent": 2}, {"observed": 49, "late": 5}])
def test_another_claim_of_a_window_is_a_successor(changed: dict[str, int]) -> None:
    store = MemoryObjects()
    issue_certificates(store, result_of(window(0)), BASIS)
    certified, entries = issue_certificates(store, result_of(window(0, **changed)), BASIS)
    [successor] = certified.issued
    assert (successor.number, successor.replaces) == (2, 1)
    assert set(successor.changed) == set(changed)
    assert [entry.number for entry in entries.values()] == [2]
