"""The memory of a feed's repairs: what is absent, who refuses, and dead letters that were redriven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.repairs.dead_letters import newest_redriven, redriven_messages
from auditor.repairs.outcomes import JobReport, settle_history
from auditor.services import Services
from auditor.state import change_state


def settle(services: Services, dataset: str, reports: Sequence[JobReport]) -> None:
    """Remember the repairs that were done. Safe to do again."""
    settle_history(services, dataset, reports)
    redriven = list(redriven_messages(reports))
    if redriven:
        change_state(
            services.records,
            dataset,
            lambda before: replace(before, redriven=newest_redriven(before.redriven, redriven)),
        )
