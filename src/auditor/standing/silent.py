"""Silence of the auditor: since when a dataset has not been audited, where it should have been.

What an audit saw says nothing of the time after it. So whoever calls a dataset complete asks this, too.
"""

from __future__ import annotations

from auditor.databases.choose import AUDITED_EVERY
from auditor.evidence.journal import last_ended
from core.evolution.deployments import read_deployments, switched_on
from core.ports import ObjectReader

WITHIN = 2 * AUDITED_EVERY + 900  # seconds from the end of an audit to the end of the next: one may be left out


def silent_since(records: ObjectReader, dataset: str, last: int | None, *, now: int) -> int | None:
    """When the last audit ended, in epoch seconds, where that is longer ago than audits go on ending; else None.

    ``last`` is when one ended, as far as the caller knows; None where it knows of none, and then so is the answer. The
    dataset's journal and contracts are read only where that is long ago. A pause stops no audits. Where the schedules
    were never switched on nobody audits but by hand, and nothing is late; once they were, that somebody turns them off
    again is no reason to call complete what nobody looks at. Raises ``TransientFailure`` where the store does not
    answer, ``InvalidData`` where the history of contracts was altered.
    """
    if last is None or now - last <= WITHIN:
        return None
    last = max(last, last_ended(records, dataset, now=now) or last)
    if now - last <= WITHIN:
        return None
    history = read_deployments(records, dataset)
    return last if not history or switched_on(history) is not None else None
