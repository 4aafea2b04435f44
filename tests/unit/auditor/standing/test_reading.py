"""What a standing rests on, read from the auditor's own files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.lake import shipped_contracts

from auditor.evidence.completeness import completeness_key
from auditor.evidence.journal import Entry, write_entry
from auditor.interventions.pauses import Pauses, change_pauses
from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import Cause
from auditor.standing.reading import read_standing
from auditor.standing.silent import WITHIN
from auditor.standing.standing import verdict
from core.evolution.deployments import record_deployment
from core.time import epoch, iso

NOW = epoch("2026-11-21T09:00Z")


def put(store: MemoryObjects, key: str, data: Any) -> None:
    store.write(key, json.dumps(data).encode())


def test_recent_windows_and_open_causes_are_read_and_old_ones_are_not() -> None:
    store = MemoryObjects()
    contract = shipped_contracts().dataset("quotes")
    subject = contract.needed_source.tables[0].name
    for start in (NOW - 200 * 86_400, NOW - 7200):
        row = {
            "subject": subject, "window_start": iso(start), "window_end": iso(start + 3600), "status": "certified",
            "missing": 0, "audited_at": iso(NOW - 1800),
        }  # fmt: skip
        put(store, completeness_key("quotes", start, subject=subject), row)
    for name in ("limited", "broken"):
        memory = {"open": name == "limited", "since": iso(NOW), "cause": Cause(name, "quotes", 1).to_data()}
        put(store, cause_key("quotes", name), memory)
    standing = read_standing(store, contract, now=NOW)
    assert [(table.table, table.windows, table.certified_until) for table in standing.tables] == [
        (subject, 1, NOW - 3600)
    ]
    assert (standing.alarms, standing.next_audit) == (("limited",), NOW + 1800)


@pytest.mark.parametrize("harmed", ["completeness", "cause"])
def test_what_a_damaged_row_or_cause_said_nobody_can_tell(harmed: str) -> None:
    store, contract = MemoryObjects(), shipped_contracts().dataset("quotes")
    subject = contract.needed_source.tables[0].name
    row = {
        "subject": subject, "window_start": iso(NOW - 7200), "window_end": iso(NOW - 3600), "status": "certified",
        "missing": 0, "audited_at": iso(NOW - 1800),
    }  # fmt: skip
    put(store, completeness_key("quotes", NOW - 7200, subject=subject), row)
    other = completeness_key("quotes", NOW - 10800, subject=subject)
    key = other if harmed == "completeness" else cause_key("quotes", "limited")
    assert read_standing(store, contract, now=NOW).is_whole
    store.write(key, json.dumps({"missing": 60, "open": True}).encode()[:-3])
    standing = read_standing(store, contract, now=NOW)
    assert (standing.damaged, verdict([standing]).complete) == ((key,), False)
    assert f"{key} could not be read" in verdict([standing]).text


def test_a_resume_that_came_to_no_end_is_named_and_keeps_the_dataset_from_being_complete() -> None:
    store, contract = MemoryObjects(), shipped_contracts().dataset("quotes")
    ended = Pauses().paused(NOW - 60, by="ann", reason="").naming(["request"]).resumed(NOW)
    change_pauses(store, "quotes", lambda _: ended)
    standing = read_standing(store, contract, now=NOW)
    assert not standing.paused
    assert "its schedules (request) may still be off" in verdict([standing]).text
    change_pauses(store, "quotes", lambda pauses: pauses.settled())
    assert not read_standing(store, contract, now=NOW).unresumed


def test_of_what_was_never_audited_nothing_is_known() -> None:
    standing = read_standing(MemoryObjects(), shipped_contracts().dataset("sales"), now=NOW)
    assert {table.audited_at for table in standing.tables} == {None}
    assert standing.next_audit is None


def test_what_was_audited_long_ago_is_not_complete_but_where_nothing_was_ever_to_run() -> None:
    store, contracts = MemoryObjects(), shipped_contracts()
    contract = contracts.dataset("quotes")
    subject, start, audited = contract.needed_source.tables[0].name, NOW - 7200, NOW - 3600
    row = {
        "subject": subject, "window_start": iso(start), "window_end": iso(start + 3600), "status": "certified",
        "missing": 0, "audited_at": iso(audited),
    }  # fmt: skip
    put(store, completeness_key("quotes", start, subject=subject), row)
    assert read_standing(store, contract, now=audited + WITHIN).is_whole
    later = audited + WITHIN + 1
    standing = read_standing(store, contract, now=later)
    assert not standing.is_whole
    assert verdict([standing]).text.startswith(f"incomplete: quotes not audited since {iso(audited)}. ")
    write_entry(store, Entry("quotes", "a-quiet-one", iso(audited + 1800)))  # it had no window to write of
    assert read_standing(store, contract, now=later).is_whole
    later += 9 * 86_400
    assert read_standing(store, contract, now=later).silent_since == audited
    record_deployment(store, contracts, "quotes", now=NOW, collecting=False)
    assert read_standing(store, contract, now=later).is_whole, "its audits are given by hand"
    record_deployment(store, contracts, "quotes", now=NOW, collecting=True)
    assert not read_standing(store, contract, now=later).is_whole


def test_that_nobody_hears_of_alarms_is_said_and_keeps_nothing_from_being_complete() -> None:
    store, contract = MemoryObjects(), shipped_contracts().dataset("quotes")
    write_entry(store, Entry("quotes", "before", iso(NOW - 7200)))
    assert read_standing(store, contract, now=NOW).heard
    write_entry(store, Entry("quotes", "after", iso(NOW - 3600), heard=False))
    standing = read_standing(store, contract, now=NOW)
    assert verdict([standing]).text.endswith("; nobody hears of alarms: no subscription of their topic is confirmed")
    table = replace(standing.tables[0], windows=1, certified=1, audited_at=NOW)
    assert verdict([replace(standing, tables=(table,))]).complete
