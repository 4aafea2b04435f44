"""Looks at scale: the audit function's share of an audit of a long range, or of a proof of many certificates.

It writes no fact and repairs nothing. A share may be looked at again, and ends the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from auditor.audits import begin_audit, summarise
from auditor.promises import with_promises
from auditor.prove import verify
from auditor.services import Services
from auditor.windows import Scope
from core.audit.at_scale.jobs import Prove, Scan, read_work, write_details
from core.audit.efforts import measured
from core.audit.findings import findings_to_data
from core.audit.repair_jobs import RepairOutcome, write_outcome
from core.errors import InvalidData, StarmendError, TransientFailure
from core.time import epoch

COUNTED = ("windows", "whole", "expected", "present", "absent", "missing", "findings")
Details = Mapping[str, Sequence[Mapping[str, Any]]]


def look_at_share(event: Mapping[str, Any], services: Services) -> dict[str, int]:
    """Look at the share whose key is the event's ``job``, leave its outcome and what was found, and return the counts.

    Raises ``InvalidData`` where there is no such share, ``TransientFailure`` where a store does not answer; then the
    same call may be made again. Whatever else is wrong is the outcome's reason.
    """
    job, started = str(event["job"]), services.now()
    work = read_work(services.records, job).work
    if not isinstance(work, Scan | Prove):
        raise InvalidData("look", job, f"is a job to {work.kind}", "Begin a run anew")
    counts: dict[str, int] = {}
    reason = ""
    try:
        counts, details = _scanned(services, work, job) if isinstance(work, Scan) else _proven(services, work)
        write_details(services.records, job, details)
    except TransientFailure:
        raise
    except StarmendError as error:
        reason = str(error)
    now = services.now()
    outcome = RepairOutcome(
        "failed" if reason else "done",
        reason[:1000],
        finished_at=int(now.timestamp()),
        counts=counts,
        effort=measured((now - started).total_seconds(), services.memory_mb),
    )
    write_outcome(services.records, job, outcome)
    return counts


def _scanned(services: Services, work: Scan, job: str) -> tuple[dict[str, int], Details]:
    services = with_promises(services, work.dataset)
    now = int(services.now().timestamp())
    scope = Scope(now, epoch(work.start), epoch(work.end), work.tables, beside=work.beside)
    audit = begin_audit(services, work.dataset, _run_of(job), scope)
    result = audit.scan(attempt=0)
    answer = asdict(summarise(audit.order, result, attempt=0))
    return {name: answer[name] for name in COUNTED}, {"findings": findings_to_data(result.findings)}


def _run_of(job: str) -> str:
    """A run of its own for each share: two of them share no file."""
    path = PurePosixPath(job)
    return f"{path.parent.parent.name}-{path.stem}"


def _proven(services: Services, work: Prove) -> tuple[dict[str, int], Details]:
    proof = verify(
        services.contracts,
        work.dataset,
        records=services.records,
        partitions=services.partitions,
        start=epoch(work.start),
        end=epoch(work.end),
        workers=services.limits.workers,
    )
    details = {
        name: [asdict(each) for each in getattr(proof, name)] for name in ("failures", "restated", "uncertified")
    }
    counts = {name: len(each) for name, each in details.items()}
    return {"certificates": proof.certificates, "windows": proof.windows, **counts}, details
