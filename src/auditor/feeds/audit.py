"""The audit of a feed: its windows, hour by hour or day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.evidence.certificates import Certified
from auditor.evidence.results import AuditResult
from auditor.feeds.certify import certify_windows
from auditor.feeds.choose import FeedOrder, choose_windows, feed_of
from auditor.feeds.scan import scan_feed
from auditor.repairs.dead_letters import newest_redriven, redriven_messages
from auditor.repairs.history.unanswered import remember_unanswered
from auditor.repairs.outcomes import JobReport, settle_history
from auditor.repairs.triage import Triage
from auditor.services import Services
from auditor.state import change_state
from auditor.windows import Scope
from core.contract.model import Feed


@dataclass(frozen=True)
class FeedAudit:
    """``auditor.audits.DatasetAudit`` for a feed."""

    services: Services
    order: FeedOrder

    @classmethod
    def begin(cls, services: Services, dataset: str, run: str, scope: Scope) -> FeedAudit:
        return cls(services, choose_windows(services, dataset, run, scope))

    @classmethod
    def reopen(cls, services: Services, order: Mapping[str, Any]) -> FeedAudit:
        return cls(services, FeedOrder.from_data(order))

    @property
    def feed(self) -> Feed:
        return feed_of(self.services, self.order.dataset)[1]

    def scan(self, *, attempt: int) -> AuditResult:
        return scan_feed(self.services, self.order, attempt=attempt)

    def settle(self, reports: Sequence[JobReport]) -> None:
        settle_history(self.services, self.order.dataset, reports, run=self.order.run)
        now = int(self.services.now().timestamp())
        remember_unanswered(self.services.records, self.order.dataset, reports, now=now)
        redriven = list(redriven_messages(reports))
        if redriven:
            change_state(
                self.services.records,
                self.order.dataset,
                lambda before: replace(before, redriven=newest_redriven(before.redriven, redriven)),
            )

    def certify(self, result: AuditResult, triage: Triage) -> Certified:
        return certify_windows(self.services, self.order, result, triage)
