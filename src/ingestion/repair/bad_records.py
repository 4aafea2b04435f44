"""Records of a provider that make no point, kept in quarantine: each once, however often it is given.

``quarantine/dataset=<dataset>/source_table=<dataset>/history-<slot>-<16 hex digits>.jsonl``, in the form of a refused
line (``core.landing.records.QUARANTINE_COLUMNS``). ``object`` is the request that brought it, for no ingest object
did. The name is made of the entity, the slot, the reason and the record.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from core.audit.history import BadPoint, HistoryOutcome
from core.json import canonical_json
from core.landing.zone import QUARANTINE
from core.ports import ObjectWriter
from core.time import format_instant, iso


def keep_bad_record(
    store: ObjectWriter, dataset: str, entity: str, record: BadPoint, outcome: HistoryOutcome, *, now: datetime
) -> None:
    """Keep a record with the request that brought it, unless it is kept already."""
    digest = hashlib.sha256(canonical_json([entity, record.to_data()])).hexdigest()[:16]
    at = iso(record.slot)
    key = f"{QUARANTINE}dataset={dataset}/source_table={dataset}/history-{at.replace(':', '')}-{digest}.jsonl"
    line = {
        "object": outcome.evidence[-1].request if outcome.evidence else "",
        "line": 1,
        "reason": f"{entity} {at}: {record.reason}",
        "content": record.content,
        "encoding": "utf-8",
        "rejected_at": format_instant(now),
    }
    store.write(key, canonical_json(line), if_absent=True, content_type="application/x-ndjson")
