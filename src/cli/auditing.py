"""Parts that the auditor's commands share: the auditor of a deployment, ranges of time, findings and plans as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

import typer

from auditor.repairs.plan import Plan
from auditor.repairs.triage import describe
from auditor.runtime import runtime_of
from auditor.services import Services
from aws.deployment import Deployment
from cli.deployed import quiet_metrics
from core.audit.findings import Finding, MissingPoints
from core.audit.repair_jobs import Compare, FetchHistory, Repair, executor_of
from core.errors import Misuse
from core.time import epoch

From = Annotated[str, typer.Option("--from", help="Begin of the range, ISO 8601; UTC where it names no offset.")]
To = Annotated[str, typer.Option("--to", help="End of the range, exclusive.")]
Dataset = Annotated[str, typer.Option("--dataset", help="Only this dataset.")]


def auditor_of(deployed: Deployment) -> Services:
    """The auditor's services, as its functions have them, but without queue and mail: it only reads.

    Databases are asked through the deployed check function, so nothing but that must reach them.
    """
    quiet_metrics()
    return replace(runtime_of(deployed.settings, deployed.clients).services, processing=None, mail=None)


def datasets_of(deployed: Deployment, dataset: str) -> list[str]:
    """The datasets to audit: those that have a source. Raises ``Misuse`` where the named one is none."""
    known = [contract.dataset for contract in deployed.contracts if contract.source]
    if dataset and dataset not in known:
        raise Misuse("audit", dataset, "is no dataset with a source", f"Use one of: {', '.join(known) or 'none'}")
    return [dataset] if dataset else known


def range_of(start: str, end: str) -> tuple[int | None, int | None]:
    """Both ends in epoch seconds, or neither."""
    if bool(start) != bool(end):
        raise Misuse("audit", start or end, "is half a range", "Give --from and --to, or neither")
    return (_seconds(start), _seconds(end)) if start else (None, None)


def _seconds(text: str) -> int:
    try:
        return epoch(text)
    except ValueError as error:
        raise Misuse("read time", text, "is no ISO 8601 time", "Write it like 2026-11-20T14:30") from error


def run_name(now: dt.datetime) -> str:
    """The name of an audit that was started by hand."""
    return f"command-{now:%Y%m%dT%H%M%S%f}"


def finding_rows(dataset: str, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "dataset": dataset,
            "finding": finding.kind.replace("_", " "),
            "count": finding.points if isinstance(finding, MissingPoints) else 1,
            "what": describe(finding),
        }
        for finding in findings
    ]


def plan_rows(plan: Plan) -> list[dict[str, Any]]:
    """The plan's repairs, the work that it puts off, and the findings that nothing can repair."""
    rows = [_row("repair", repair.dataset, repair.kind, _size(repair), _what(repair)) for repair in plan.repairs]
    rows += [_row("wait", "", item.kind, item.count, f"{item.entity} {item.why}".strip()) for item in plan.waiting]
    rows += [_row("alarm", item.finding.dataset, item.finding.kind, 1, item.reason) for item in plan.helpless]
    return rows


def _row(decision: str, dataset: str, kind: str, count: int, what: str) -> dict[str, Any]:
    return {"decision": decision, "dataset": dataset, "kind": kind.replace("_", " "), "count": count, "what": what}


def _size(repair: Repair) -> int:
    for name in ("points", "objects", "partitions", "keys", "ranges"):
        value = getattr(repair, name, None)
        if value is not None:
            return value if isinstance(value, int) else len(value)
    return 1


def _what(repair: Repair) -> str:
    if isinstance(repair, FetchHistory | Compare):
        return f"{repair.entity}: {len(repair.ranges)} calls to the provider"
    return f"{executor_of(repair)}: {getattr(repair, 'table', '') or repair.dataset}"
