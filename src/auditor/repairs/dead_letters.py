"""Dead letters of processing: those of a dataset that had no second chance yet, and those that got one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from auditor.repairs.outcomes import JobReport
from auditor.services import DeadLetterQueue
from core.audit.findings import DeadLetters
from core.audit.repair_jobs import Redrive

REDRIVEN = 2_000  # dead letters that are remembered; a queue holds none for longer than two weeks


def find_dead_letters(queue: DeadLetterQueue | None, dataset: str, redriven: Collection[str]) -> list[DeadLetters]:
    """Dead letters that concern this dataset and had no second chance yet, as one finding or none."""
    if queue is None:
        return []
    places = (f"tables/{dataset}/", f"repair/{dataset}/", f"feeds/{dataset}/")
    letters = [
        name
        for name, body in queue.peek().items()
        if name not in redriven and any(place in body.replace("%2F", "/") for place in places)
    ]
    return [DeadLetters(dataset, tuple(sorted(letters)))] if letters else []


def redriven_messages(reports: Sequence[JobReport]) -> Iterator[str]:
    """The dead letters that these jobs moved. One that a job was asked for and did not move keeps its chance."""
    for report in reports:
        if isinstance(report.repair, Redrive) and report.result == "done":
            yield from report.repair.messages if report.redriven is None else report.redriven


def newest_redriven(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Add dead letters and forget the oldest: memory does not grow with the age of the lake."""
    return tuple(dict.fromkeys((*known, *more)))[-REDRIVEN:]
