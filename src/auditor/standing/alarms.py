"""Open alarms: the auditor's memory of the causes that it called the admins for."""

from __future__ import annotations

from typing import Any

from auditor.interventions.silences import read_silences
from auditor.repairs.cause_memory import ROOT as CAUSES
from auditor.repairs.cause_memory import read_cause
from auditor.repairs.causes import Cause, meaning_of, remedy_of
from core.ports import ObjectReader


def open_alarms(records: ObjectReader, dataset: str, *, now: int) -> list[dict[str, Any]]:
    """A row for each cause of a dataset that is not over, by name; ``since`` is when the mail was sent (ISO 8601).

    ``silence`` is the one that holds now (epoch seconds), in words; None where there is none. Of a cause that
    nobody was told of yet because of one, ``since`` is when it was found.
    """
    rows = []
    silences = read_silences(records, dataset, now=now)
    for info in records.list(f"{CAUSES}{dataset}/"):
        memory = read_cause(records, info.key)
        if not memory.get("open"):
            continue
        cause = Cause.from_data(memory["cause"])
        rows.append(
            {
                "dataset": dataset,
                "alarm": cause.name,
                "since": memory["since"],
                "rows": cause.count,
                "meaning": meaning_of(cause.name),
                "what_to_do": remedy_of(memory["cause"]),
                "entities": list(cause.entities),
                "details": list(cause.details),
                "tried": list(cause.tried),
                "answer": cause.answer,
                "run": memory["run"],
                "silence": str(silences[cause.name]) if cause.name in silences else None,
            }
        )
    return rows
