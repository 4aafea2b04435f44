"""What releases refuse where they do not know all of its fields: run files, jobs, and what functions ask each other.

While a deployment is under way, and after it was gone back from, an earlier release reads what this one writes.
``strictly_read.json`` holds the fields that the release before knows, by class, as :func:`written_fields` finds them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from auditor.evidence.doubts import Doubt
from auditor.repairs.draft import Plan
from core.audit.at_scale.jobs import JobAtScale
from core.audit.findings import Finding
from core.audit.history import KnownValue
from core.audit.repair_jobs import Repair
from core.audit.source_check import Question
from core.landing.reshaping import ReshapedPart, ReshapeLines

KNOWN = Path(__file__).with_suffix(".json")
ROOTS = (Plan, Finding, Repair, Doubt, KnownValue, Question, ReshapeLines, ReshapedPart, JobAtScale)


def written_fields() -> dict[str, list[str]]:
    """The fields that are written of each class below the roots, by its name."""
    return {
        kind.__name__: sorted(field.name for field in dataclasses.fields(kind) if not field.metadata.get("apart"))
        for kind in sorted({kind for root in ROOTS for kind in _classes(root, set())}, key=lambda kind: kind.__name__)
    }


def known_fields() -> dict[str, list[str]]:
    """The fields that the release before knows."""
    known: dict[str, list[str]] = json.loads(KNOWN.read_text(encoding="utf-8"))
    return known


def _classes(kind: Any, seen: set[Any]) -> Iterator[Any]:
    """The dataclasses in a type, each once."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if kind not in seen:
            seen.add(kind)
            yield kind
            for hint in get_type_hints(kind).values():
                yield from _classes(hint, seen)
    else:
        for argument in get_args(kind):
            yield from _classes(argument, seen)
