"""A run's files are JSON under the run's name, and one that is needed and not there is an error."""

from __future__ import annotations

import pytest
from tests.fakes.objects import MemoryObjects

from auditor.run_files import find_run_file, read_run_file, write_run_file
from core.errors import InvalidData


def test_a_file_is_read_as_it_was_written_last() -> None:
    store = MemoryObjects()
    for content in ({"a": 1}, {"a": [2, None]}):
        assert write_run_file(store, "run-1", "audit-0", content) == "audit/runs/run-1/audit-0.json"
    assert find_run_file(store, "run-1", "audit-0") == read_run_file(store, "run-1", "audit-0") == {"a": [2, None]}


def test_a_file_that_no_step_left_is_none_or_an_error_that_says_what_to_do() -> None:
    store = MemoryObjects()
    assert find_run_file(store, "run-1", "plan-1") is None
    with pytest.raises(InvalidData, match=r"audit/runs/run-1/plan-1.json: is not there. Start the audit again"):
        read_run_file(store, "run-1", "plan-1")


def test_a_run_whose_name_would_leave_its_folder_is_refused() -> None:
    with pytest.raises(InvalidData):
        write_run_file(MemoryObjects(), "../other", "order", {})
