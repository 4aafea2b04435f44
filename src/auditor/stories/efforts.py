"""Efforts of audits about a point or a row: the runs that looked at it, and what their repairs came to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from auditor.evidence.journal import Entry, entries_between
from auditor.repairs.draft import plan_from_data
from auditor.run_files import run_file_if_any
from auditor.stories.story import Event
from auditor.windows import DAY
from core.audit.repair_jobs import Repair, RepairOutcome, find_outcome, job_key, job_keys, number_of
from core.ports import ObjectReader
from core.time import epoch, iso

MOST_ATTEMPTS = 10
MOST_RUNS = 12  # whose plans are read for one story: the first and the last of them
JOURNAL_DAYS = 10  # of the journal that one story reads, from when the thing was due


@dataclass(frozen=True, slots=True)
class Effort:
    """A repair of a run that was about the thing. ``outcome`` is None where the job left no word."""

    run: str
    attempt: int
    job: str
    repair: Repair
    outcome: RepairOutcome | None

    @property
    def at(self) -> str:
        """When it ended (ISO 8601); empty where nobody knows."""
        return iso(self.outcome.finished_at) if self.outcome and self.outcome.finished_at else ""


def efforts_of(records: ObjectReader, runs: Iterable[str], is_about: Callable[[Repair], bool]) -> list[Effort]:
    """The repairs of these runs that are about the thing; a plan names its jobs, so that no other job is read."""
    return [effort for run in dict.fromkeys(runs) if run for effort in _efforts_of_run(records, run, is_about)]


def _efforts_of_run(records: ObjectReader, run: str, is_about: Callable[[Repair], bool]) -> Iterator[Effort]:
    for attempt in range(1, MOST_ATTEMPTS):
        plan = run_file_if_any(records, run, f"plan-{attempt}", plan_from_data)
        if plan is None:
            return
        repairs = [(number, each) for number, each in enumerate(plan.repairs) if is_about(each)]
        jobs = sorted(number_of(key) for key in job_keys(records, run, attempt)) if repairs else []
        outcomes: dict[str, RepairOutcome | None] = {}  # a job may have many of the repairs
        for number, repair in repairs:
            first = jobs[max(0, bisect_right(jobs, number) - 1)] if jobs else number  # of the job that it is part of
            key = job_key(run, attempt, first)
            if key not in outcomes:
                outcomes[key] = find_outcome(records, key)
            outcome = outcomes[key]
            yield Effort(run, attempt, key, repair, outcome and outcome.of(number - first))


def entries_about(
    records: ObjectReader, dataset: str, *, since: int, now: int, looked_at: int | None = None
) -> list[Entry]:
    """The journal's entries of audits that ended from ``since`` on and looked at the instant (None: at anything).

    At most of ``JOURNAL_DAYS`` after ``since`` and of the last two days.
    """
    recent = max(since, now - DAY)
    days = [(since, min(since + JOURNAL_DAYS * DAY, now + 1)), (recent, now + 1)]
    entries: dict[str, Entry] = {}
    for start, end in days:
        for entry in entries_between(records, dataset, start, end):
            if epoch(entry.ended_at) >= since and (looked_at is None or entry.looked_at(looked_at)):
                entries[entry.run] = entry
    ordered = sorted(entries.values(), key=lambda entry: (entry.ended_at, entry.run))
    half = MOST_RUNS // 2
    return ordered if len(ordered) <= MOST_RUNS else [*ordered[:half], *ordered[-half:]]


def audited_events(entries: Iterable[Entry]) -> Iterator[Event]:
    """An event for each audit that looked."""
    for entry in entries:
        text = f"run {entry.run} failed: {entry.error}" if entry.error else f"run {entry.run} looked at it"
        yield Event(entry.ended_at, "audited", text)
