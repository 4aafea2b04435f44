"""Entities of which nothing came when they were last asked for, by dataset: ``audit/unanswered/<dataset>.json``.

They stand behind the others in a plan, whoever waits longest first. A job may end before its last entity; if those
that never answer were its first, their neighbours would have no turn in any run. A memory, not the truth: lost, it
costs a run in which they are in the way once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditor.repairs.outcomes import JobReport
from auditor.windows import DAY
from core.audit.repair_jobs import UNREACHED, FetchHistory
from core.change import Remembered
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore
from core.time import epoch, iso

ROOT = "audit/unanswered/"
REMEMBERED_FOR = 7 * DAY  # of an entity that nobody asks for any more


@dataclass(frozen=True, slots=True)
class Unanswered:
    """When each entity was last asked for in vain (epoch seconds)."""

    entities: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return canonical_json({entity: iso(at) for entity, at in self.entities.items()})

    @classmethod
    def from_json(cls, body: bytes) -> Unanswered:
        """Raises one of ``UNREADABLE`` where the bytes are none."""
        return cls({entity: epoch(at) for entity, at in dict.items(json.loads(body))})


_MEMORY = Remembered(Unanswered, ROOT, "entities without an answer")


def unanswered(records: ObjectReader, dataset: str) -> Mapping[str, int]:
    """The entities of which nothing came, with the time (epoch seconds) when they were last asked for."""
    return _MEMORY.read(records, dataset).entities


def remember_unanswered(records: ObjectStore, dataset: str, reports: Sequence[JobReport], *, now: int) -> None:
    """Remember of whom nothing came in these reports, and forget whoever was answered. Safe to do again."""
    in_vain, answered = _sorted_out(reports)
    if not in_vain and not answered:
        return

    def change(before: Unanswered) -> Unanswered:
        kept = {
            entity: at for entity, at in before.entities.items() if entity not in answered and at > now - REMEMBERED_FOR
        }
        return Unanswered({**kept, **{entity: at or now for entity, at in in_vain.items()}})

    if in_vain or unanswered(records, dataset):
        _MEMORY.change(records, dataset, change)


def _sorted_out(reports: Sequence[JobReport]) -> tuple[dict[str, int], set[str]]:
    """Whom the last attempt with a turn for it asked in vain, and when, and who was answered. Refusals are answers."""
    in_vain: dict[str, int] = {}
    answered: set[str] = set()
    of_history = [each for each in reports if isinstance(each.repair, FetchHistory) and _had_a_turn(each)]
    for attempt in sorted({report.attempt for report in of_history}):
        now = [report for report in of_history if report.attempt == attempt]
        came = {_entity(report) for report in now if _is_answered(report)}
        failed = {_entity(report): report.finished_at for report in now if _entity(report) not in came}
        answered = (answered | came) - failed.keys()
        in_vain = {**{entity: at for entity, at in in_vain.items() if entity not in came}, **failed}
    return in_vain, answered


def _entity(report: JobReport) -> str:
    return str(getattr(report.repair, "entity", ""))


def _had_a_turn(report: JobReport) -> bool:
    """Nobody knows it of a job that left no word: all of them would change places, and none would come to the front."""
    return report.result not in (UNREACHED, "unknown")


def _is_answered(report: JobReport) -> bool:
    return any(outcome.result in ("answered", "not_entitled") for outcome in report.outcomes)
