"""The result of a scan, as the run's file holds it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.results import AuditResult, WindowResult, kinds_of
from core.audit.findings import LostObject, MissingPoints
from core.audit.history import KnownValue
from core.audit.repair_jobs import Compare
from core.json import canonical_json

SECONDS = st.integers(0, 2**31)
NAMES = st.sampled_from(["expected", "present", "missing"])
COUNTS = st.fixed_dictionaries(
    {"expected": st.integers(0, 9), "present": st.integers(0, 9), "missing": st.integers(0, 2)}
)
RANGES = st.dictionaries(st.sampled_from(["AAPL", "ZM"]), st.just([["2026-11-20T14:00:00Z", "2026-11-20T14:01:00Z"]]))
WINDOWS = st.builds(
    WindowResult,
    start=SECONDS,
    end=SECONDS,
    complete=st.booleans(),
    counts=COUNTS,
    partitions=st.dictionaries(st.just("fact/p=1"), st.just([1, "digest"])),
    absent=RANGES,
    missing=RANGES,
    evidence=st.just(("a", "b")),
    touched_by=st.sampled_from([(), ("broken_object: fact/p=1",)]),
    subject=st.sampled_from(["", "fact_order"]),
    counted=st.booleans(),
)
RESULTS = st.builds(
    AuditResult,
    dataset=st.just("test"),
    subject=st.just("quotes"),
    windows=st.lists(WINDOWS, max_size=3).map(tuple),
    findings=st.just((LostObject("test", "key"), MissingPoints("test", "ZM", ((0, 60),), 1))),
    targets=st.dictionaries(st.just("fact/p=1"), st.just("object")),
    objects_until=st.just("2026/11/20/14"),
    audited_at=st.just("2026-11-20T15:00:00Z"),
    sample=st.sampled_from([(), (Compare("test", "ZM", ((0, 60),)),)]),
    swept_until=st.just("key"),
    known=st.sampled_from([{}, {"ZM": (KnownValue(0, "o", "1", given=True), KnownValue(60, "o", "2"))}]),
)


@given(RESULTS)
def test_a_result_is_read_as_it_was_written(result: AuditResult) -> None:
    stored = json.loads(canonical_json(result.to_data()))
    assert AuditResult.from_data(stored) == result
    assert all(
        value.keys() == {"slot", "field", "value"} for values in stored.get("known", {}).values() for value in values
    )


@given(WINDOWS)
def test_only_a_window_that_was_read_and_lacks_nothing_is_whole(window: WindowResult) -> None:
    lacks = bool(window.counts["missing"] or window.touched_by)
    assert window.whole == (window.complete and not window.counted and not lacks)


def test_missing_points_are_counted_one_by_one_and_all_other_findings_once() -> None:
    points = [MissingPoints("test", name, ((0, 180),), 3) for name in ("AAPL", "ZM")]
    assert kinds_of([*points, LostObject("test", "a"), LostObject("test", "b")]) == {
        "missing_point": 6,
        "lost_object": 2,
    }
