"""The outcomes of a database's repairs, remembered."""

from __future__ import annotations

from tests.support.audited import DATASET, AuditedDatabase

from auditor.databases.memory import memory_key, read_memory
from auditor.databases.settle import settle
from auditor.repairs.outcomes import JobReport
from core.audit.repair_jobs import ExtractAgain, Redrive


def test_holes_that_were_extracted_again_and_dead_letters_that_were_redriven_are_remembered() -> None:
    lake = AuditedDatabase()
    again = [ExtractAgain(DATASET, "orders", "", "", number) for number in (3, 1, 2)]
    reports = [
        JobReport(1, again[0], "done"),
        JobReport(1, again[1], "failed"),
        JobReport(1, Redrive(DATASET, ("a", "b")), "done"),
        JobReport(2, again[2], "done"),
        JobReport(2, Redrive(DATASET, ("c",)), "unknown"),
        JobReport(2, Redrive(DATASET, ("d", "e")), "done", redriven=("e",)),
    ]
    for _ in range(2):
        settle(lake.services, DATASET, reports)
        memory = read_memory(lake.records, DATASET)
        assert memory.of("orders").healed == (2, 3)
        assert memory.redriven == ("a", "b", "e")


def test_where_nothing_was_done_nothing_is_written() -> None:
    lake = AuditedDatabase()
    settle(lake.services, DATASET, [JobReport(1, Redrive(DATASET, ("a",)), "failed")])
    assert lake.records.read(memory_key(DATASET)) is None
