"""What the repairs of an attempt have taught: what the source proved not to have, and what it refuses to say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from auditor.evidence.absent import absences_of, keep
from auditor.services import Services
from auditor.windows import DAY
from core.audit.history import HistoryOutcome
from core.audit.repair_jobs import Compare, FetchHistory, Repair, RepairOutcome, find_job, find_outcome, job_keys
from core.json import canonical_json
from core.time import epoch, iso

REFUSED_FOR = DAY  # then one call finds out whether the plan was changed
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class JobReport:
    """What became of one repair. ``outcomes`` are those of a history job's calls, one for each range that was asked.

    ``result`` is ``done``, ``failed`` (``reason`` says how), or ``unknown`` where the job left no word.
    """

    attempt: int
    repair: Repair
    result: str
    reason: str = ""
    finished_at: int = 0
    outcomes: tuple[HistoryOutcome, ...] = ()


def read_reports(services: Services, run: str, *, attempts: Iterable[int]) -> list[JobReport]:
    """The reports of all jobs of these attempts, in order."""
    reports = []
    for attempt in attempts:
        for key in job_keys(services.records, run, attempt):
            job = find_job(services.records, key)
            if job is not None:
                reports.append(_report(attempt, job.repair, find_outcome(services.records, key)))
    return reports


def _report(attempt: int, repair: Repair, outcome: RepairOutcome | None) -> JobReport:
    if outcome is None:
        return JobReport(attempt, repair, "unknown", "it left no word")
    calls = tuple(call.outcome for call in outcome.history or ())
    return JobReport(attempt, repair, outcome.result, outcome.reason, outcome.finished_at, calls)


def settle(services: Services, dataset: str, reports: Sequence[JobReport]) -> int:
    """Keep the evidence of what is absent, and remember refusals. Returns the absences kept. Safe to do again."""
    kept = 0
    refused: dict[str, str] = {}
    answered: set[str] = set()
    for report in reports:
        if not isinstance(report.repair, FetchHistory | Compare):
            continue
        for outcome in report.outcomes:
            absent = (
                outcome.absent if isinstance(report.repair, FetchHistory) else ()
            )  # what was observed is not absent
            found = absences_of(dataset, report.repair.entity, absent, outcome.evidence, found_at=report.finished_at)
            kept += keep(services.records, found)
            if outcome.result == "not_entitled":
                told = outcome.evidence[-1].status if outcome.evidence else 0
                refused[EVERYBODY if told == 401 else report.repair.entity] = outcome.reason
            elif outcome.result == "answered":
                answered.add(report.repair.entity)
    if refused or answered:
        _remember(services, dataset, refused, answered)
    return kept


def refusals_key(dataset: str) -> str:
    return f"audit/refusals/{dataset}.json"


def _remember(services: Services, dataset: str, refused: Mapping[str, str], answered: set[str]) -> None:
    """A memory that saves calls: of two writers the later one wins, and the other's entities cost one call more."""
    now = int(services.now().timestamp())
    contract = services.contracts.dataset(dataset).hash
    before = _read(services, dataset)
    gone = answered | ({EVERYBODY} if answered else set())
    after = {entity: one for entity, one in before.items() if entity not in gone}
    for entity, reason in refused.items():
        after[entity] = {"reason": reason, "until": iso(now + REFUSED_FOR), "contract": contract}
    if after != before:
        services.records.write(refusals_key(dataset), canonical_json(after), content_type="application/json")


def _read(services: Services, dataset: str) -> dict[str, dict[str, str]]:
    stored = services.records.read(refusals_key(dataset))
    return json.loads(stored.body) if stored else {}


def refused_now(services: Services, dataset: str) -> dict[str, str]:
    """Entities whose history the provider refused within the last day, under this contract; with the reason."""
    now = int(services.now().timestamp())
    contract = services.contracts.dataset(dataset).hash
    return {
        entity: one["reason"]
        for entity, one in _read(services, dataset).items()
        if one["contract"] == contract and epoch(one["until"]) > now
    }


def latest_by_entity(reports: Sequence[JobReport]) -> dict[str, JobReport]:
    """The last report of each entity's history jobs; of several jobs of one attempt their outcomes together."""
    found: dict[str, JobReport] = {}
    for one in reports:
        if isinstance(one.repair, FetchHistory):
            known = found.get(one.repair.entity)
            if known is not None and known.attempt == one.attempt:
                worse = one if one.result != "done" else known
                one = replace(worse, outcomes=known.outcomes + one.outcomes)
            found[one.repair.entity] = one  # type: ignore[union-attr]
    return found
