"""A feed's audit as the steps of the state machine see it."""

from __future__ import annotations

from tests.support.audited import DATASET, HOUR, TWO, AuditedFeed, points_of

from auditor.audits import begin_audit, open_audit, summarise
from auditor.feeds.audit import FeedAudit
from auditor.repairs.outcomes import JobReport
from core.audit.history import Evidence, HistoryOutcome
from core.audit.repair_jobs import FetchHistory


def test_what_repairs_proved_absent_is_absent_in_the_next_scan() -> None:
    lake = AuditedFeed()
    lake.put([point for point in points_of(TWO, TWO + HOUR) if point != ("ZM", TWO)])
    audit = begin_audit(lake.services, DATASET, "run", start=TWO, end=TWO + HOUR, now=lake.now)
    assert isinstance(audit, FeedAudit)
    assert audit.feed == lake.feed
    before = summarise(audit.order, audit.scan(attempt=0), attempt=0)
    assert (before.missing, before.healthy) == (1, False)
    ranges = ((TWO, TWO + 60),)
    evidence = (Evidence("GET /candle", 200, "no_data", ""),)
    outcome = HistoryOutcome("answered", absent=ranges, evidence=evidence)
    audit.settle([JobReport(1, FetchHistory(DATASET, "ZM", ranges, 1), "done", "", lake.now, (outcome,))])
    after = summarise(audit.order, open_audit(lake.services, "run").scan(attempt=1), attempt=1)
    assert (after.missing, after.absent, after.healthy) == (0, 1, True)
