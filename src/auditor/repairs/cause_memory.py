"""Memories of causes: what the admins were told of, by dataset and cause.

``audit/causes/<dataset>/<cause>.json``. One that cannot be read counts as none: its cause is told once more, and no
other is harmed by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.repairs.causes import Cause
from core.json import UNREADABLE
from core.ports import ObjectReader
from core.time import epoch

ROOT = "audit/causes/"


def cause_key(dataset: str, name: str) -> str:
    """The key of the memory of a cause."""
    return f"{ROOT}{dataset}/{name}.json"


def read_cause(records: ObjectReader, key: str) -> dict[str, Any]:
    """What is remembered of a cause, as ``understood`` gives it; empty where nothing is."""
    stored = records.read(key)
    try:
        return understood(json.loads(stored.body)) if stored else {}
    except UNREADABLE:
        return {}


def understood(memory: Any) -> dict[str, Any]:
    """The memory with whatever a reader asks of it: ``cause``, ``since``, ``run``, ``sent``, and how it stands.

    Empty where it is none.
    """
    try:
        cause = Cause.from_data(memory["cause"])
        places_of(memory.get("told", {}))
        epoch(memory["since"])
        return {
            **memory,
            "cause": cause.to_data(),
            "since": str(memory["since"]),
            "run": str(memory.get("run", "")),
            "sent": int(memory.get("sent", 0)),
        }
    except UNREADABLE:
        return {}


def places_of(data: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Read the places that were told, as ``auditor.alarms.outages.remember`` gave them."""
    return {entity: tuple((start + "", end + "") for start, end in spans) for entity, spans in data.items()}
