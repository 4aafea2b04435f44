"""The audit of a database: slices of its tables, compared with the source row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.databases.certify import certify_slices
from auditor.databases.choose import DatabaseOrder, choose_slices
from auditor.databases.memory import keep_for_certifying
from auditor.databases.scan import scan_database
from auditor.databases.settle import settle
from auditor.evidence.certificates import Certified
from auditor.evidence.results import AuditResult
from auditor.repairs.outcomes import JobReport
from auditor.repairs.triage import Triage
from auditor.services import Services
from auditor.windows import Scope


@dataclass(frozen=True)
class DatabaseAudit:
    """``auditor.audits.DatasetAudit`` for a database."""

    services: Services
    order: DatabaseOrder
    feed: None = None

    @classmethod
    def begin(cls, services: Services, dataset: str, run: str, scope: Scope) -> DatabaseAudit:
        return cls(services, choose_slices(services, dataset, run, scope))

    @classmethod
    def reopen(cls, services: Services, order: Mapping[str, Any]) -> DatabaseAudit:
        return cls(services, DatabaseOrder.from_data(order))

    def scan(self, *, attempt: int) -> AuditResult:
        scan = scan_database(self.services, self.order, attempt=attempt)
        keep_for_certifying(self.services.records, self.order.run, scan.memory, read=scan.read)
        return scan.result

    def settle(self, reports: Sequence[JobReport]) -> None:
        settle(self.services, self.order.dataset, reports)

    def certify(self, result: AuditResult, triage: Triage) -> Certified:
        return certify_slices(self.services, self.order, result, triage)
