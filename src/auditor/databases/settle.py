"""The memory of a database's repairs: holes that were extracted again, dead letters that were redriven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.databases.memory import Memory, change_memory
from auditor.repairs.dead_letters import newest_redriven, redriven_messages
from auditor.repairs.outcomes import JobReport
from auditor.services import Services
from core.audit.repair_jobs import ExtractAgain


def settle(services: Services, dataset: str, reports: Sequence[JobReport]) -> None:
    """Remember the repairs that were done. Safe to do again."""
    healed: dict[str, list[int]] = {}
    for report in reports:
        if isinstance(report.repair, ExtractAgain) and report.result == "done":
            healed.setdefault(report.repair.table, []).append(report.repair.number)
    redriven = list(redriven_messages(reports))
    if not healed and not redriven:
        return

    def change(before: Memory) -> Memory:
        tables = {name: before.of(name).with_healed(numbers) for name, numbers in healed.items()}
        return replace(
            before,
            tables={**before.tables, **tables},
            redriven=newest_redriven(before.redriven, redriven),
        )

    change_memory(services.records, dataset, change)
