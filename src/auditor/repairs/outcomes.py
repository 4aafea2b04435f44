"""Outcomes of repair jobs: reports of them, absences that a source proved, and refusals that save calls for a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from auditor.evidence.absent import keep
from auditor.evidence.claims import Claim, claims_of
from auditor.services import Services
from auditor.windows import DAY
from core.audit.history import HistoryOutcome
from core.audit.repair_jobs import (
    UNREACHED,
    Compare,
    FetchHistory,
    Repair,
    RepairJob,
    RepairOutcome,
    find_job,
    find_progress,
    job_keys,
)
from core.errors import InvalidData
from core.json import canonical_json, object_if_any
from core.time import epoch, iso

REFUSED_FOR = DAY  # then one call finds out whether the plan was changed
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class JobReport:
    """What became of one repair. ``outcomes`` are those of a history job's calls, one for each range that was asked.

    ``redriven`` are the dead letters that the job moved; None where it moved all that it was asked for.
    ``result`` is ``done``, ``failed`` (``reason`` says how), ``unreached`` where the job did not come to it, or
    ``unknown`` where the job left no outcome. ``job`` is the key of the job, of which it may not be the only repair.
    ``asked`` are the starts of the ranges of its calls.
    """

    attempt: int
    repair: Repair
    result: str
    reason: str = ""
    finished_at: int = 0
    outcomes: tuple[HistoryOutcome, ...] = ()
    redriven: tuple[str, ...] | None = None
    job: str = ""
    asked: tuple[int, ...] = ()


def read_reports(services: Services, run: str, *, attempts: Iterable[int]) -> list[JobReport]:
    """The reports of all repairs in the jobs of these attempts, in order.

    A job that nobody can read was not done, and is told.
    """
    keys = [(attempt, key) for attempt in attempts for key in job_keys(services.records, run, attempt)]

    def read(key: str) -> tuple[RepairJob | None, RepairOutcome | None]:
        try:
            job = find_job(services.records, key)
            return job, find_progress(services.records, key, len(job.repairs)) if job else None
        except InvalidData as error:
            services.log.warning("job cannot be read", job=key, reason=str(error))
            return None, None

    with ThreadPoolExecutor(services.limits.workers) as pool:
        jobs = pool.map(read, [key for _, key in keys])
        return [
            _report(attempt, key, repair, outcome.of(place) if outcome else None)
            for (attempt, key), (job, outcome) in zip(keys, jobs, strict=True)
            for place, repair in enumerate(job.repairs if job else ())
        ]


def _report(attempt: int, job: str, repair: Repair, outcome: RepairOutcome | None) -> JobReport:
    if outcome is None:
        return JobReport(attempt, repair, "unknown", "it left no word", job=job)
    calls = tuple(call.outcome for call in outcome.history or ())
    asked = tuple(call.start for call in outcome.history or ())
    return JobReport(
        attempt, repair, outcome.result, outcome.reason, outcome.finished_at, calls, outcome.redriven, job, asked
    )


def repairs_tried(reports: Sequence[JobReport]) -> list[Repair]:
    """The repairs that had their turn; of a provider's history the ranges that were asked for."""
    repairs: list[Repair] = []
    for report in reports:
        repair = report.repair
        if isinstance(repair, FetchHistory) and report.result != "unknown":  # whatever it is that left no word
            repair = replace(repair, ranges=tuple(pair for pair in repair.ranges if pair[0] in report.asked))
        repairs.append(repair)
    return repairs


def settle_history(services: Services, dataset: str, reports: Sequence[JobReport], *, run: str) -> int:
    """Keep what answers claim to be absent, and remember refusals. Returns the claims kept. Safe to do again.

    A point that was compared was observed, so it is absent for no answer of a ``Compare`` job.
    """
    claims: list[Claim] = []
    refused: dict[str, str] = {}
    answered: set[str] = set()
    for report in reports:
        if not isinstance(report.repair, FetchHistory | Compare):
            continue
        for outcome in report.outcomes:
            if isinstance(report.repair, FetchHistory):
                claims += claims_of(dataset, report.repair.entity, outcome, run=run, found_at=report.finished_at)
            if outcome.result == "not_entitled":
                status = outcome.evidence[-1].status if outcome.evidence else 0
                refused[EVERYBODY if status == 401 else report.repair.entity] = outcome.reason
            elif outcome.result == "answered":
                answered.add(report.repair.entity)
    kept = keep(services.records, claims, workers=services.limits.workers)
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
    """The last report of each entity's history; of several of one attempt their outcomes together.

    One that a job did not come to says nothing of the entity: whoever was asked before is known by that, whoever was
    not has had no turn.
    """
    latest: dict[str, JobReport] = {}
    for report in reports:
        if not isinstance(report.repair, FetchHistory) or report.result == UNREACHED:
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
    jobs: dict[str, set[object]] = {}
    for place, report in enumerate(reports):
        jobs.setdefault(report.repair.kind, set()).add(report.job or place)
    return tuple(f"{kind.replace('_', ' ')}: {len(of_kind)} jobs" for kind, of_kind in sorted(jobs.items()))
