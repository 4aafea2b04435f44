"""Open alarms, read from the auditor's memory of its messages."""

from __future__ import annotations

import json

from tests.fakes.objects import MemoryObjects

from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import MEANINGS, Cause
from auditor.standing.alarms import open_alarms


def test_what_is_open_has_its_remedy_and_what_is_over_is_left_out() -> None:
    store = MemoryObjects()
    for name, is_open in (("limited", True), ("broken", False), ("a_new_cause", True)):
        cause = Cause(name, "quotes", 7, entities=("AAPL",), tried=("fetch history: 2 jobs",), attempts=3)
        memory = {"open": is_open, "since": "2026-11-20T15:00:00Z", "run": "run-1", "sent": 1, "cause": cause.to_data()}
        store.write(cause_key("quotes", name), json.dumps(memory).encode())
    new, limited = open_alarms(store, "quotes", now=0)
    assert (new["alarm"], new["meaning"], new["what_to_do"]) == ("a_new_cause", "a new cause", "See the runbook")
    assert (limited["alarm"], limited["rows"], limited["entities"]) == ("limited", 7, ["AAPL"])
    assert (limited["meaning"], limited["what_to_do"]) == MEANINGS["limited"]
    assert open_alarms(store, "sales", now=0) == []
