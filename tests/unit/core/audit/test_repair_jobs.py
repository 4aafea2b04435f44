"""A job and its outcome are what was written, under the keys that their executors look for."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects

from core.audit.efforts import Effort
from core.audit.history import Evidence, HistoryOutcome, KnownValue
from core.audit.repair_jobs import (
    Executor,
    FetchHistory,
    HistoryCall,
    Repair,
    RepairJob,
    RepairOutcome,
    Restate,
    executor_of,
    find_job,
    find_outcome,
    job_keys,
    outcome_key,
    read_job,
    run_prefix,
    write_job,
    write_outcome,
)
from core.errors import InvalidData

REPAIR = Restate("quotes", "fact_quote", ("symbol=AAPL/month=2026-11",))
SECONDS, COUNTS = st.integers(0, 4_000_000_000), st.integers(0, 2**63 - 1)
RANGES = st.lists(st.tuples(SECONDS, SECONDS), max_size=3).map(tuple)
OUTCOMES = st.builds(
    HistoryOutcome,
    result=st.sampled_from(["answered", "not_entitled", "limited", "broken", "secret_missing"]),
    healed=RANGES,
    absent=RANGES,
    pending=RANGES,
    reason=st.text(max_size=20),
    retry_after=st.none() | st.floats(0, 3600),
    evidence=st.lists(st.builds(Evidence, st.text(max_size=9), st.integers(0, 599), st.text(), st.just(""))).map(tuple),
    values=st.dictionaries(SECONDS, st.dictionaries(st.sampled_from(["price", "volume"]), st.text(max_size=9))),
)


@given(
    st.builds(
        RepairOutcome,
        result=st.sampled_from(["done", "failed"]),
        reason=st.text(),
        finished_at=SECONDS,
        history=st.none() | st.lists(st.builds(HistoryCall, SECONDS, SECONDS, OUTCOMES), max_size=3).map(tuple),
        revived=st.none() | st.lists(st.text(), max_size=3).map(tuple),
        counts=st.dictionaries(st.sampled_from(["objects", "rows", "changed"]), COUNTS),
        effort=st.none() | st.builds(Effort, seconds=st.floats(0, 900), rows=COUNTS, calls=COUNTS),
    )
)
def test_an_outcome_is_read_as_it_was_written(outcome: RepairOutcome) -> None:
    store = MemoryObjects()
    write_outcome(store, "audit/runs/r/jobs/1-000.json", outcome)
    assert find_outcome(store, "audit/runs/r/jobs/1-000.json") == outcome
    assert RepairOutcome.from_json(outcome.to_json()).to_json() == outcome.to_json()


def test_an_outcome_has_one_flat_stored_form() -> None:
    call = HistoryCall(0, 60, HistoryOutcome("answered"))
    stored = json.loads(RepairOutcome("done", "", 60, history=(call,), counts={"rows": 2}).to_json())
    assert stored.pop("history")[0]["asked"] == ["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"]
    assert stored == {"result": "done", "reason": "", "finished_at": "1970-01-01T00:01:00Z", "rows": 2}


def test_what_a_job_took_stands_apart_from_what_it_changed() -> None:
    outcome = RepairOutcome("done", "", 60, counts={"rows": 2}, effort=Effort(1.5, 0.75, rows=9))
    stored = json.loads(outcome.to_json())
    assert (stored["rows"], stored["effort"]) == (2, {"seconds": 1.5, "gb_seconds": 0.75, "rows": 9})


def test_a_job_is_read_under_the_key_that_writing_it_gave() -> None:
    store = MemoryObjects()
    key = write_job(store, RepairJob("quotes", "run-1", REPAIR), attempt=2, number=7)
    assert key == "audit/runs/run-1/jobs/2-007.json"
    assert outcome_key(key) == "audit/runs/run-1/outcomes/2-007.json"
    assert read_job(store, key) == RepairJob("quotes", "run-1", REPAIR)


def test_the_jobs_of_an_attempt_are_listed_in_order_and_without_those_of_others() -> None:
    store = MemoryObjects()
    keys = [write_job(store, RepairJob("quotes", "r", REPAIR), attempt=1, number=number) for number in (2, 0, 1)]
    write_job(store, RepairJob("quotes", "r", REPAIR), attempt=2, number=0)
    write_job(store, RepairJob("quotes", "r", REPAIR), attempt=11, number=0)
    assert list(job_keys(store, "r", 1)) == sorted(keys)


def test_a_job_that_is_not_there_is_none_or_an_error_that_says_what_to_do() -> None:
    store = MemoryObjects()
    assert find_job(store, "audit/runs/r/jobs/1-000.json") is None
    assert find_outcome(store, "audit/runs/r/jobs/1-000.json") is None
    with pytest.raises(InvalidData, match="Start the audit again"):
        read_job(store, "audit/runs/r/jobs/1-000.json")


def test_a_repair_that_this_release_does_not_know_is_refused() -> None:
    body = RepairJob("quotes", "r", REPAIR).to_json().replace(b'"restate"', b'"repaint"')
    with pytest.raises(ValueError, match="none of"):
        RepairJob.from_json(body)


@pytest.mark.parametrize("run", ["", "a/b", "..\n", "x" * 121])
def test_a_run_whose_name_is_no_part_of_a_key_is_refused(run: str) -> None:
    with pytest.raises(InvalidData):
        run_prefix(run)


def test_every_kind_of_repair_has_an_executor() -> None:
    kinds = [kind.__dataclass_fields__["kind"].default for kind in get_args(Repair)]
    assert len(set(kinds)) == len(kinds)
    for kind in get_args(Repair):
        names = [name for name in kind.__dataclass_fields__ if name != "kind"]
        assert executor_of(kind(*names)) in get_args(Executor)


def test_ranges_of_a_history_job_are_tuples_again() -> None:
    job = RepairJob("quotes", "r", FetchHistory("quotes", "AAPL", ((0, 60), (120, 180)), 2))
    assert RepairJob.from_json(job.to_json()) == job


def test_what_the_history_gave_stands_beside_the_repair_which_earlier_releases_read() -> None:
    known = (KnownValue(60, "o", "1.5", given=True), KnownValue(120, "o", "1.6"))
    job = RepairJob("quotes", "run-1", FetchHistory("quotes", "ZM", ((0, 180),), 1, known=known))
    stored = json.loads(job.to_json())
    assert [sorted(value) for value in stored["repair"]["known"]] == [["field", "slot", "value"]] * 2
    assert stored["given"] == ["1970-01-01T00:01:00Z"]
    assert RepairJob.from_json(job.to_json()) == job
