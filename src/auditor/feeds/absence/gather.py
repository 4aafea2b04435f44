"""The gathering of what speaks for absences and against them, and the keeping of what is proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.evidence.absent import Absence, keep, read_absences
from auditor.evidence.claims import read_claims
from auditor.feeds.absence.proof import Weighed, Weighing, claims_of_expired, weigh
from auditor.feeds.points import Coverage
from auditor.services import Services
from auditor.windows import Window
from core.audit.broken_answers import read_broken
from core.contract.model import Feed


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
        claimed = [pair for claim in claims for pair in claim.ranges]
        notes = read_broken(services.records, dataset, claimed, workers=services.limits.workers)
        circumstances = replace(circumstances, live_broken=notes)
    weighed = weigh(coverage, claims, believed, circumstances)
    keep(services.records, weighed.absences, workers=services.limits.workers)
    for absence in weighed.absences:
        coverage.mark_absent(absence.entity, absence.ranges)
    return weighed
