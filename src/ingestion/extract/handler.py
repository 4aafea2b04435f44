"""The extract Lambda: ``{"dataset": "sales", "tables": [...]}`` is one pass (of all tables, if none are named).

With ``"report": true`` failed tables are in the answer, beside those that were extracted, and are no error: of an error
nobody hears what else was done. With ``repair`` it fetches rows again instead (``ingestion.extract.repair``).
"""

from __future__ import annotations

from typing import Any

from ingestion.extract.flow import run_pass
from ingestion.extract.repair import repair
from ingestion.extract.runtime import budget_of, build_extraction


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do the pass, or the repair, and return its summary.

    Raises ``TablesFailed`` when the other tables are done, unless a report is asked for.
    """
    extraction, metrics = build_extraction(str(event["dataset"]))
    try:
        extraction.budget = budget_of(context)
        if "repair" in event:
            return repair(extraction, event["repair"]).summary()
        result = run_pass(extraction, budget=extraction.budget, tables=event.get("tables"))
    finally:
        metrics.flush()
    if not event.get("report"):
        result.raise_failures()
    return result.summary()
