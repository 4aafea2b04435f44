"""The gathering of what speaks for absences and against them, and the keeping of what is proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.evidence.absent import Absence, keep, read_absences
from auditor.evidence.claims import read_claims
from auditor.feeds.absence.proof import Weighed, Weighing, claims_of_expired, weigh
from auditor.feeds.points import Coverage
from auditor.services import Services
from auditor.windows import DAY, Window
from core.audit.broken_answers import read_broken
from core.contract.model import Feed
from core.time import iso


def believed_absences(
    services: Services, dataset: str, windows: Sequence[Window]
) -> tuple[list[Absence], list[Absence]]:
    """The absences of the windows' days that are believed, and those of earlier releases that are no longer."""
    now = int(services.now().timestamp())
    workers, log = services.limits.workers, services.log
    absences = read_absences(services.records, dataset, windows, workers=workers, log=log)
    believed = [absence for absence in absences if absence.is_believed(now)]
    return believed, [absence for absence in absences if not absence.is_believed(now)]


def weigh_claims(
    services: Services,
    feed: Feed,
    coverage: Coverage,
    believed: Sequence[Absence],
    expired: Sequence[Absence],
    *,
    dataset: str,
    run: str,
) -> Weighed:
    """Mark what is absent in the coverage: what was proven before, and what claims prove now, which is kept.

    Raises ``TransientFailure`` where the store does not answer.
    """
    for absence in believed:
        coverage.mark_absent(absence.entity, absence.ranges)
    windows = coverage.expectation.windows
    now = int(services.now().timestamp())
    claims = read_claims(services.records, dataset, windows, workers=services.limits.workers, log=services.log)
    claims += claims_of_expired(expired, now)
    circumstances = Weighing(dataset, feed, run, now)
    if claims:
        days = sorted({iso(start)[:10] for claim in claims for start in _days(claim.ranges)})
        circumstances = replace(circumstances, live_broken=read_broken(services.records, dataset, days))
    weighed = weigh(coverage, claims, believed, circumstances)
    keep(services.records, weighed.absences, workers=services.limits.workers)
    for absence in weighed.absences:
        coverage.mark_absent(absence.entity, absence.ranges)
    return weighed


def _days(ranges: Sequence[tuple[int, int]]) -> list[int]:
    return [second for start, end in ranges for second in (*range(start, end, DAY), end - 1)]
