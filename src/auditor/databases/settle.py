"""The memory of a database's repairs: holes that were extracted again, dead letters that were redriven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.databases.memory import Memory, change_memory, newest_redriven
from auditor.repairs.outcomes import JobReport
from auditor.services import Services
from core.audit.repair_jobs import ExtractAgain, Redrive


def settle(services: Services, dataset: str, reports: Sequence[JobReport]) -> None:
    """Remember the repairs that were done. Safe to do again."""
    healed: dict[str, list[int]] = {}
    redriven: list[str] = []
    for report in reports:
        if isinstance(report.repair, ExtractAgain) and report.result == "done":
            healed.setdefault(report.repair.table, []).append(report.repair.number)
        elif isinstance(report.repair, Redrive) and report.result == "done":
            redriven += report.repair.messages
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
