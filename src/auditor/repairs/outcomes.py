"""Outcomes of repair jobs: reports of them, absences that a source proved, and refusals that save calls for a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.evidence.absent import keep
from auditor.evidence.claims import claims_of
from auditor.services import Services
from auditor.windows import DAY
from core.audit.history import HistoryOutcome
from core.audit.repair_jobs import Compare, FetchHistory, Repair, RepairOutcome, find_job, find_outcome, job_keys
from core.errors import InvalidData
from core.json import canonical_json, object_if_any
from core.time import epoch, iso

REFUSED_FOR = DAY  # then one call finds out whether the plan was changed
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class JobReport:
    """What became of one repair. ``outcomes`` are those of a history job's calls, one for each range that was asked.

    ``redriven`` are the dead letters that the job moved; None where it moved all that it was asked for.
    ``result`` is ``done``, ``failed`` (``reason`` says how), or ``unknown`` where the job left no outcome.
    """

    attempt: int
    repair: Repair
    result: str
    reason: str = ""
    finished_at: int = 0
    outcomes: tuple[HistoryOutcome, ...] = ()
    redriven: tuple[str, ...] | None = None


def read_reports(services: Services, run: str, *, attempts: Iterable[int]) -> list[JobReport]:
    """The reports of all jobs of these attempts, in order; a job that nobody can read was not done, and is told."""
    reports = []
    for attempt in attempts:
        for key in job_keys(services.records, run, attempt):
            try:
                job = find_job(services.records, key)
            except InvalidData as error:
                services.log.warning("job cannot be read", job=key, reason=str(error))
                continue
            if job is not None:
                reports.append(_report(attempt, job.repair, find_outcome(services.records, key)))
    return reports


def _report(attempt: int, repair: Repair, outcome: RepairOutcome | None) -> JobReport:
    if outcome is None:
        return JobReport(attempt, repair, "unknown", "it left no word")
    calls = tuple(call.outcome for call in outcome.history or ())
    return JobReport(attempt, repair, outcome.result, outcome.reason, outcome.finished_at, calls, outcome.redriven)


def settle_history(services: Services, dataset: str, reports: Sequence[JobReport], *, run: str) -> int:
    """Keep what answers claim to be absent, and remember refusals. Returns the claims kept. Safe to do again.

    A point that was compared was observed, so it is absent for no answer of a ``Compare`` job.
    """
    kept = 0
    refused: dict[str, str] = {}
    answered: set[str] = set()
    for report in reports:
        if not isinstance(report.repair, FetchHistory | Compare):
            continue
        for outcome in report.outcomes:
            if isinstance(report.repair, FetchHistory):
                claims = claims_of(dataset, report.repair.entity, outcome, run=run, found_at=report.finished_at)
                kept += keep(services.records, claims)
            if outcome.result == "not_entitled":
                status = outcome.evidence[-1].status if outcome.evidence else 0
                refused[EVERYBODY if status == 401 else report.repair.entity] = outcome.reason
            elif outcome.result == "answered":
                answered.add(report.repair.entity)
    if refused or answered:
        _remember(services, dataset, refused, answered)
    return kept


def refusals_key(dataset: str) -> str:
    """The key of a feed's refusals."""
    return f"audit/refusals/{dataset}.json"


def _remember(services: Services, dataset: str, refused: Mapping[str, str], answered: set[str]) -> None:
    """Add and remove refusals. Of two writers the later one wins, and the other's entities cost one call more."""
    now = int(services.now().timestamp())
    contract = services.contracts.dataset(dataset).hash
    before = _read(services, dataset)
    over = answered | ({EVERYBODY} if answered else set())
    after = {entity: refusal for entity, refusal in before.items() if entity not in over}
    for entity, reason in refused.items():
        after[entity] = {"reason": reason, "until": iso(now + REFUSED_FOR), "contract": contract}
    if after != before:
        services.records.write(refusals_key(dataset), canonical_json(after), content_type="application/json")


def _read(services: Services, dataset: str) -> dict[str, dict[str, str]]:
    """The refusals by entity; of what is none of them nothing, so that it costs a call more."""
    stored = services.records.read(refusals_key(dataset))
    known = object_if_any(stored.body if stored else None)
    return {entity: refusal for entity, refusal in known.items() if _is_refusal(refusal)}


def _is_refusal(value: Any) -> bool:
    names = ("reason", "until", "contract")
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)


def refused_now(services: Services, dataset: str) -> dict[str, str]:
    """Entities whose history the provider refused within the last day, under this contract; with the reason."""
    now = int(services.now().timestamp())
    contract = services.contracts.dataset(dataset).hash
    return {
        entity: refusal["reason"]
        for entity, refusal in _read(services, dataset).items()
        if refusal["contract"] == contract and epoch(refusal["until"]) > now
    }


def latest_by_entity(reports: Sequence[JobReport]) -> dict[str, JobReport]:
    """The last report of each entity's history jobs; of several jobs of one attempt their outcomes together."""
    latest: dict[str, JobReport] = {}
    for report in reports:
        if not isinstance(report.repair, FetchHistory):
            continue
        entity = report.repair.entity
        known = latest.get(entity)
        if known is not None and known.attempt == report.attempt:
            worse = report if report.result != "done" else known
            latest[entity] = replace(worse, outcomes=known.outcomes + report.outcomes)
        else:
            latest[entity] = report
    return latest


def tried(reports: Sequence[JobReport]) -> tuple[str, ...]:
    """The kinds of repair that were tried, with the number of jobs of each."""
    counts: dict[str, int] = {}
    for report in reports:
        counts[report.repair.kind] = counts.get(report.repair.kind, 0) + 1
    return tuple(f"{kind.replace('_', ' ')}: {count} jobs" for kind, count in sorted(counts.items()))
