"""A feed's audit as the steps of the state machine see it."""

from __future__ import annotations

import pytest
from tests.support.audited import DATASET, HOUR, TWO, AuditedFeed, points_of

from auditor.audits import begin_audit, open_audit, summarise
from auditor.feeds.audit import FeedAudit
from auditor.repairs.outcomes import JobReport
from auditor.windows import Scope
from core.audit.history import Evidence, HistoryOutcome
from core.audit.repair_jobs import FetchHistory


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_that_is_whole_proves_an_absence_and_another_one_leaves_it_in_doubt(whole: bool) -> None:
    lake = AuditedFeed()
    lake.put([point for point in points_of(TWO, TWO + HOUR) if point != ("ZM", TWO)])
    audit = begin_audit(lake.services, DATASET, "run", Scope(lake.now, TWO, TWO + HOUR))
    assert isinstance(audit, FeedAudit)
    assert audit.feed == lake.feed
    before = summarise(audit.order, audit.scan(attempt=0), attempt=0)
    assert (before.missing, before.healthy) == (1, False)
    ranges = ((TWO, TWO + 60),)
    evidence = (Evidence("GET /candle", 200, "no_data", ""),)
    outcome = HistoryOutcome("answered", absent=ranges, evidence=evidence, whole=ranges if whole else ())
    audit.settle([JobReport(1, FetchHistory(DATASET, "ZM", ranges, 1), "done", "", lake.now, (outcome,))])
    scanned = open_audit(lake.services, "run").scan(attempt=1)
    after = summarise(audit.order, scanned, attempt=1)
    assert (after.missing, after.absent, after.healthy) == ((0, 1, True) if whole else (1, 0, False))
    assert [(doubt.entity, doubt.reason, doubt.of_this_run) for doubt in scanned.doubts] == (
        [] if whole else [("ZM", "once", True)]
    )
