"""A database's audit as the steps of the state machine see it."""

from __future__ import annotations

from tests.support.audited import CLOCK, DATASET, AuditedDatabase

from auditor.audits import begin_audit, open_audit, summarise
from auditor.databases.audit import DatabaseAudit
from auditor.databases.memory import kept_for_certifying, read_memory
from auditor.repairs.outcomes import JobReport
from auditor.windows import Scope
from core.audit.repair_jobs import ExtractAgain


def test_a_scan_keeps_its_memory_in_the_run_and_repairs_are_remembered_at_once() -> None:
    lake = AuditedDatabase()
    lake.arrive(1)
    lake.source = {1: 10}
    lake.put({2: 20})
    audit = begin_audit(lake.services, DATASET, "run", Scope(int(CLOCK.timestamp())))
    assert isinstance(audit, DatabaseAudit)
    assert audit.feed is None
    answer = summarise(audit.order, audit.scan(attempt=0), attempt=0)
    assert (answer.missing, answer.kinds) == (1, {"missing_row": 1, "deleted_row": 1})
    kept = kept_for_certifying(lake.records, "run")
    assert kept is not None
    later, read = kept
    assert (later.of("orders").verified, read.of("orders").verified) == (1, 0)
    assert read_memory(lake.records, DATASET).of("orders").verified == 0
    reopened = open_audit(lake.services, "run")
    assert reopened.order == audit.order
    reopened.settle([JobReport(1, ExtractAgain(DATASET, "orders", "", "", 4), "done")])
    assert read_memory(lake.records, DATASET).of("orders").healed == (4,)
