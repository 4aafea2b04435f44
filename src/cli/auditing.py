"""Parts that the auditor's commands share: the auditor of a deployment, ranges of time, findings and plans as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cli.deployed import quiet_metrics
from cli.output import say
from cli.ranges import Range
from core.contract.model import Contracts, Feed
from core.errors import Misuse
from core.time import epoch, iso

if TYPE_CHECKING:
    from auditor.repairs.draft import Plan
    from auditor.services import Services
    from aws.deployment import Deployment
    from core.audit.findings import Finding
    from core.audit.repair_jobs import Repair

BY_HAND = "command-"  # begins the names of runs that a command started


def auditor_of(deployed: Deployment) -> Services:
    """The auditor's services, as its functions have them, but without queue and mail: it only reads.

    Databases are asked through the deployed check function, so nothing but that must reach them.
    """
    from auditor.runtime import runtime_of

    quiet_metrics()
    return replace(runtime_of(deployed.settings, deployed.clients).services, processing=None, mail=None)


def datasets_of(deployed: Deployment, dataset: str, *, operation: str) -> list[str]:
    """The datasets that have a source, or the named one. Raises ``Misuse`` where the named one is none."""
    known = [contract.dataset for contract in deployed.contracts if contract.source]
    if dataset and dataset not in known:
        raise Misuse(operation, dataset, "is no dataset with a source", f"Use one of: {', '.join(known) or 'none'}")
    return [dataset] if dataset else known


def whole_range(deployed: Deployment, dataset: str) -> Range:
    """All that a dataset has: a feed's since its first ingest object, a database's since its facts' first partition.

    Without ends where a feed has no object yet: then all there is is due.
    """
    from auditor.feeds.objects import first_hour
    from aws.objects import S3ObjectStore

    now = int(dt.datetime.now(dt.UTC).timestamp())
    contract = deployed.contracts.dataset(dataset)
    if isinstance(contract.source, Feed):
        hour = first_hour(S3ObjectStore(deployed.clients("s3"), deployed.ingest_bucket), dataset)
        begin = int(dt.datetime.strptime(hour, "%Y/%m/%d/%H").replace(tzinfo=dt.UTC).timestamp()) if hour else None
    else:
        begin = min((epoch(table.since) for table in contract.tables if table.since), default=None)
    return (begin, now) if begin is not None else (None, None)


def kept_datasets(
    contracts: Contracts, datasets: Sequence[str], table: str, end: int | None, *, operation: str
) -> list[str]:
    """The datasets whose facts (of the named source ``table``) begin before a range ends; the others are said.

    Raises ``Misuse`` where a range lies before all of them: of what is earlier than ``since`` nothing is promised.
    """
    begins = {name: _first_day(contracts, name, table) for name in datasets}
    outside = {name: iso(begin) for name, begin in begins.items() if begin is not None and (end or begin + 1) <= begin}
    for name, begin in outside.items():
        problem = f"keeps rows from {begin[:10]} on, and the range ends before: outside of the promise"
        if len(outside) == len(datasets):
            remedy = "Give a later --to; or give its facts an earlier `since` in the contract, and deploy it"
            raise Misuse(operation, name, problem, remedy)
        say(f"{name} {problem}")
    return [name for name in datasets if name not in outside]


def _first_day(contracts: Contracts, dataset: str, source: str) -> int | None:
    """When the first of a dataset's facts begins (epoch seconds); None where no time bounds them."""
    from core.warehouse.keys import first_kept

    facts = (table for table in contracts.dataset(dataset).tables if table.kind == "fact")
    begins = [first_kept(fact) for fact in facts if not source or fact.source == source]
    known = [begin for begin in begins if begin is not None]
    return min(known) if known and len(known) == len(begins) else None


def run_name(now: dt.datetime) -> str:
    """The name of an audit that was started by hand."""
    return f"{BY_HAND}{now:%Y%m%dT%H%M%S%f}"


def how_started(run: str, *, scheduled: bool) -> str:
    """Who started an audit: a command names it, and no schedule asks for a range (it is not ``scheduled`` then)."""
    return "by hand" if run.startswith(BY_HAND) or not scheduled else "by the schedule"


def finding_rows(dataset: str, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """A row per finding, the largest first; ``rows`` are the points, rows, objects or messages that it is about."""
    from auditor.repairs.triage import describe
    from core.audit.findings import size_of

    rows = [
        {
            "dataset": dataset,
            "finding": finding.kind.replace("_", " "),
            "rows": size_of(finding),
            "what": describe(finding),
        }
        for finding in findings
    ]
    return sorted(rows, key=lambda row: -row["rows"])


def in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """``1,204 rows in 3 findings``."""
    count = sum(row["rows"] for row in rows)
    return f"{count:,} row{'s' * (count != 1)} in {len(rows):,} finding{'s' * (len(rows) != 1)}"


def plan_rows(plan: Plan) -> list[dict[str, Any]]:
    """The plan's repairs, the work that it puts off, and the findings that nothing can repair."""
    from core.audit.findings import size_of

    rows = [_row("repair", repair.dataset, repair.kind, _size(repair), _what(repair)) for repair in plan.repairs]
    rows += [_row("wait", "", item.kind, item.count, f"{item.entity} {item.why}".strip()) for item in plan.waiting]
    rows += [
        _row("alarm", item.finding.dataset, item.finding.kind, size_of(item.finding), item.reason)
        for item in plan.helpless
    ]
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
    from core.audit.repair_jobs import Compare, FetchHistory, executor_of

    if isinstance(repair, FetchHistory | Compare):
        return f"{repair.entity}: {len(repair.ranges)} calls to the provider"
    return f"{executor_of(repair)}: {getattr(repair, 'table', '') or repair.dataset}"
