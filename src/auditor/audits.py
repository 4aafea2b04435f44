"""The audit of a dataset: begun, or opened again by a later step; a feed and a database each have their own kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from auditor.databases.audit import DatabaseAudit
from auditor.databases.choose import KIND
from auditor.events import CertifyAnswer, JobInput, ScanAnswer
from auditor.evidence.certificates import Certified
from auditor.evidence.results import AuditResult, kinds_of
from auditor.feeds.audit import FeedAudit
from auditor.feeds.certify import unmade_rollups
from auditor.repairs.causes import NAMED, Cause, listed
from auditor.repairs.dead_letters import causes_of_letters
from auditor.repairs.execute import AuditOrder, make_plan, reports_so_far
from auditor.repairs.outcomes import JobReport
from auditor.repairs.triage import Triage, triage_findings
from auditor.repairs.turns.backlog import causes_of_backlog, waiting_since
from auditor.repairs.turns.items import Turns, items_of_findings, items_of_repairs
from auditor.repairs.turns.places import RememberedPlaces, change_places, kept_places, read_places
from auditor.repairs.turns.queues import Places
from auditor.run_files import find_run_file, read_run_file, write_run_file
from auditor.services import Services
from auditor.state import read_state
from auditor.windows import Scope
from core.audit.findings import CLEARED, REPORTED, HeldPartition, MissingPoints
from core.contract.model import Database, Feed
from core.time import iso

TIMELY = 30 * 86_400  # seconds ahead, for somebody has to deploy
STALE = "stale_derived"


class StoredOrder(AuditOrder, Protocol):
    """The choice of what a run audits, the same for every attempt: the run's ``order.json``."""

    def to_data(self) -> dict[str, Any]: ...


class DatasetAudit(Protocol):
    """The audit of one dataset in one run. Every method may be called again, by a retry or after a crash."""

    @property
    def order(self) -> StoredOrder: ...

    @property
    def feed(self) -> Feed | None:
        """The feed that is audited; None where it is a database."""
        ...

    @classmethod
    def begin(cls, services: Services, dataset: str, run: str, scope: Scope) -> DatasetAudit:
        """Choose what to audit. Writes nothing."""
        ...

    @classmethod
    def reopen(cls, services: Services, order: Mapping[str, Any]) -> DatasetAudit:
        """The audit of a stored order."""
        ...

    def scan(self, *, attempt: int) -> AuditResult:
        """Scan what the order names as it is now, and write the result as the run's ``audit-<attempt>``."""
        ...

    def settle(self, reports: Sequence[JobReport]) -> None:
        """Keep what the repairs have taught."""
        ...

    def certify(self, result: AuditResult, triage: Triage) -> Certified:
        """Issue certificates for what is whole, show every window in ``completeness``, and move the state on."""
        ...


def begin_audit(services: Services, dataset: str, run: str, scope: Scope) -> DatasetAudit:
    """Choose what to audit and write it down; a run that began already keeps its choice."""
    known = find_run_file(services.records, run, "order")
    if known is not None:
        return _reopen(services, known)
    audit = _kind_of(services, dataset).begin(services, dataset, run, scope)
    write_run_file(services.records, run, "order", audit.order.to_data())
    return audit


def open_audit(services: Services, run: str) -> DatasetAudit:
    """The audit that the run began. Raises ``InvalidData`` where it never did."""
    return _reopen(services, read_run_file(services.records, run, "order"))


def _kind_of(services: Services, dataset: str) -> type[DatasetAudit]:
    """The kind of audit by the contract; a dataset that none names is left to ``FeedAudit`` to refuse."""
    sources = [contract.source for contract in services.contracts if contract.dataset == dataset]
    return DatabaseAudit if any(isinstance(source, Database) for source in sources) else FeedAudit


def _reopen(services: Services, order: Mapping[str, Any]) -> DatasetAudit:
    kind: type[DatasetAudit] = DatabaseAudit if order.get("kind") == KIND else FeedAudit
    return kind.reopen(services, order)


def settle_audit(services: Services, audit: DatasetAudit, *, attempt: int) -> None:
    """Keep what the repairs of the attempts so far have taught."""
    audit.settle(reports_so_far(services, audit.order, attempt=attempt))


def summarise(order: AuditOrder, result: AuditResult, *, attempt: int) -> ScanAnswer:
    """The result as the state machine carries it: names and counts."""
    kinds = kinds_of(result.findings)
    repairable = sum(count for kind, count in kinds.items() if kind not in REPORTED)
    amiss = sum(count for kind, count in kinds.items() if kind not in (*REPORTED, *CLEARED))
    windows = result.windows
    asked = bool(result.sample or result.rechecks)
    return ScanAnswer(
        dataset=order.dataset,
        run=order.run,
        attempt=attempt,
        windows=len(windows),
        whole=sum(window.whole for window in windows),
        expected=sum(window.counts["expected"] for window in windows),
        present=sum(window.counts["present"] for window in windows),
        absent=sum(window.counts["absent"] for window in windows),
        missing=sum(window.counts["missing"] for window in windows),
        findings=repairable,
        kinds=kinds,
        healthy=amiss == 0 and not asked,  # what is still to be compared is not yet known to be well
        idle=repairable == 0 and not asked,
    )


def end_audit(services: Services, audit: DatasetAudit, *, attempt: int) -> CertifyAnswer:
    """End the audit whose last scan was number ``attempt``: triage what is left, certify what is whole.

    In this order, and every part safe to do again: triage, certificates, rows of ``completeness``, jobs, state. The
    state comes last, so that a step that died on the way finds the same windows before it.
    """
    order = audit.order
    result = _result(services, order, attempt).under(services.contracts.dataset(order.dataset).hash)
    plan = make_plan(services, order, attempt=attempt + 1)  # what a next attempt would still repair is not given up
    reports, now = reports_so_far(services, order, attempt=attempt), int(services.now().timestamp())
    places = read_places(services.records, order.dataset).places
    first = result if attempt == 0 else _result(services, order, 0)
    kept = _kept_places(services, order, attempt) if first.findings else {}
    turns = Turns(
        tried=items_of_repairs(report.repair for report in reports),
        first=items_of_findings(first.findings, services.contracts),
        waiting=waiting_since(kept, places, now=now),
        contracts=services.contracts,
    )
    triage = triage_findings(
        result.findings,
        plan,
        reports,
        dataset=order.dataset,
        feed=audit.feed,
        now=now,
        doubts=result.doubts,
        turns=turns,
    )
    causes = (*triage.causes, *_unmade_rollups(services, audit, triage), *_calendar_ends(services, audit))
    patience, deferred = _patience(services, order.dataset), plan.deferred_by_queue(order.dataset)
    causes += causes_of_backlog(order.dataset, turns.waiting, deferred, patience=patience, now=now)
    causes += causes_of_letters(order.dataset, result.letters, causes)
    triage = replace(triage, causes=causes)
    _write_judgement(services, order, result, triage)
    if order.scheduled and turns.waiting != places:
        change_places(services.records, order.dataset, lambda _: RememberedPlaces(turns.waiting))
    certified = audit.certify(result, triage)
    if certified.damage:  # whoever certifies sees the chain, and remembers what of it is damaged
        broken = Cause("broken_chain", order.dataset, len(certified.damage), details=listed(certified.damage, NAMED))
        triage = replace(triage, causes=(*triage.causes, broken))
        _write_judgement(services, order, result, triage)
    return CertifyAnswer(
        certificates=len(certified.issued),
        repaired=sum(certificate.repaired for certificate in certified.issued),
        open=sum(not window.whole for window in result.windows),
        causes=len(triage.causes),
        healing=triage.healing,
        rollups=tuple(JobInput(key) for key in certified.jobs),
    )


def _result(services: Services, order: AuditOrder, attempt: int) -> AuditResult:
    return AuditResult.from_data(read_run_file(services.records, order.run, f"audit-{attempt}"))


def _kept_places(services: Services, order: AuditOrder, attempt: int) -> Places:
    """The places after the run's last plan: of the attempt after the last one, where that had no jobs."""
    for number in (attempt + 1, attempt):
        if (places := kept_places(services.records, order.run, number)) is not None:
            return places
    return {}


def _patience(services: Services, dataset: str) -> int:
    """The seconds within which everything is to be complete, by the contract."""
    source = services.contracts.dataset(dataset).source
    return source.complete_within if source is not None else 0


def _write_judgement(services: Services, order: AuditOrder, result: AuditResult, triage: Triage) -> None:
    holds = (finding for finding in result.findings if isinstance(finding, HeldPartition))
    held = [[each.dataset, f"{each.table} {each.partition}".strip(), each.reason] for each in holds]
    data = {
        "causes": [cause.to_data() for cause in triage.causes],
        "healing": triage.healing,
        "alarmed": _alarmed_points(result, triage),
        **({"held": held} if held else {}),
    }
    write_run_file(services.records, order.run, "judgement", data)


def _unmade_rollups(services: Services, audit: DatasetAudit, triage: Triage) -> tuple[Cause, ...]:
    """The rollups that could not be made at the end of an audit before, unless findings of this one say so of others.

    No finding speaks of them: their windows are whole, so that no audit reads them for days.
    """
    if audit.feed is None or any(cause.name == STALE for cause in triage.causes):
        return ()
    unmade = unmade_rollups(services, read_state(services.records, audit.order.dataset))
    reasons = tuple(each.reason for each in unmade if each.reason)
    return (Cause(STALE, audit.order.dataset, len(reasons), details=reasons),) if reasons else ()


def _calendar_ends(services: Services, audit: DatasetAudit) -> tuple[Cause, ...]:
    """The end of a feed's calendar, a month ahead: beyond it nothing is expected, and so nothing would be missing."""
    if audit.feed is None:
        return ()
    calendar = services.contracts.calendar(audit.feed.calendar)
    if calendar.covers_to > int(services.now().timestamp()) + TIMELY:
        return ()
    return (
        Cause("calendar_ends", audit.order.dataset, 1, details=(f"{calendar.name} ends {iso(calendar.covers_to)}",)),
    )


def _alarmed_points(result: AuditResult, triage: Triage) -> int:
    """Points that are missing and for which the admins are called."""
    findings = [finding for finding in result.findings if isinstance(finding, MissingPoints)]
    return sum(finding.points for finding in findings if finding.entity in triage.blamed)
