"""One audit, whatever the dataset's source is: which half does each part of it."""

from __future__ import annotations

from typing import Any

from auditor.databases.certify import certify_tables, learn_tables, remember
from auditor.databases.scan import look_at_tables
from auditor.databases.slices import KIND, TablesOrder, begin_tables
from auditor.evidence.results import AuditResult, kinds_of
from auditor.feeds.certify import certify
from auditor.feeds.choose import FeedOrder, begin
from auditor.feeds.scan import look, summary_of
from auditor.repairs.execute import attempts_made
from auditor.repairs.outcomes import settle
from auditor.run_files import read_run_file
from auditor.services import Services
from core.contract.model import Database

AnyOrder = FeedOrder | TablesOrder
Answer = dict[str, Any]


def begin_audit(
    services: Services, dataset: str, run: str, *, start: int | None, end: int | None, now: int
) -> AnyOrder:
    """Choose what to audit and write it down; a run that began already keeps its choice."""
    known = any(
        contract.dataset == dataset and isinstance(contract.source, Database) for contract in services.contracts
    )
    chosen = begin_tables if known else begin
    return chosen(services, dataset, run, start=start, end=end, now=now)


def order_of_run(services: Services, run: str) -> AnyOrder:
    data = read_run_file(services.records, run, "order")
    return TablesOrder.from_data(data) if data.get("kind") == KIND else FeedOrder.from_data(data)


def look_again(services: Services, order: AnyOrder, *, attempt: int) -> AuditResult:
    """Look at what the order says as it is now; the result is a paper of the run."""
    if isinstance(order, FeedOrder):
        return look(services, order, attempt=attempt)
    found = look_at_tables(services, order, attempt=attempt)
    remember(services, order.run, found.memory)
    return found.result


def learn_from(services: Services, order: AnyOrder, *, attempt: int) -> None:
    """Keep what the repairs of the attempts so far have taught."""
    reports = attempts_made(services, order, attempt=attempt)
    if isinstance(order, FeedOrder):
        settle(services, order.dataset, reports)
    else:
        learn_tables(services, order.dataset, reports)


def summary(order: AnyOrder, result: AuditResult, *, attempt: int) -> Answer:
    """What the state machine carries: keys and counts."""
    if isinstance(order, FeedOrder):
        return summary_of(order, result, attempt=attempt)
    kinds = kinds_of(result.findings)
    repairable = sum(count for kind, count in kinds.items() if kind != "held_partition")
    counts = ("expected", "present", "absent", "missing")
    return {
        "dataset": order.dataset,
        "run": order.run,
        "attempt": attempt,
        "windows": len(result.windows),
        "whole": sum(window.whole for window in result.windows),
        **{name: sum(window.counts[name] for window in result.windows) for name in counts},
        "findings": repairable,
        "kinds": kinds,
        "healthy": repairable == 0,
    }


def end_audit(services: Services, order: AnyOrder, *, attempt: int) -> Answer:
    """Certify what is whole, judge what is not."""
    if isinstance(order, TablesOrder):
        ended = certify_tables(services, order, attempt=attempt)
        return _told(ended.issued, ended.open, ended.triage, ended.jobs)
    done = certify(services, order, attempt=attempt)
    return _told(done.issued, done.open, done.triage, done.rollups)


def _told(issued: Any, still_open: int, triage: Any, rollups: Any) -> Answer:
    return {
        "certificates": len(issued),
        "repaired": sum(one.repaired for one in issued),
        "open": still_open,
        "causes": len(triage.causes),
        "healing": triage.healing,
        "rollups": [{"job": key} for key in rollups],
    }
