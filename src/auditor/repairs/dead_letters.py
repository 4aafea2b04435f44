"""Dead letters of processing: those of a dataset that had no second chance yet, and those that no repair moves.

Of the latter there are two kinds, each a cause of its own: messages that came back after their second chance, and
messages that no dataset's audit would ever take for its own, such as garbage or a foreign sender's. These are told by
one dataset alone: the first, by name, that is not paused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.interventions.pauses import paused_datasets
from auditor.repairs.causes import Cause, listed
from auditor.repairs.outcomes import JobReport
from auditor.services import Services
from core.audit.findings import DeadLetters
from core.audit.repair_jobs import Redrive

REDRIVEN = 2_000  # dead letters that are remembered; a queue holds none for longer than two weeks
RETURNED, UNCLAIMED = "dead_letter", "unclaimed_message"  # the causes of letters that no repair moves
BEGIN = 120  # characters of a message that are told
NAMED = 5  # messages that are told; of more, how many there are
# A message that comes back may have been sent anew, for an object that still fails: that is told by the object.
_TOLD_BY_OBJECT = frozenset({RETURNED, "unprocessed_object"})


@dataclass(frozen=True, slots=True)
class SeenLetters:
    """What lies in the queue: ``findings`` have a repair, ``left`` is how others begin, by cause and hash."""

    findings: tuple[DeadLetters, ...] = ()
    left: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def look_at_dead_letters(services: Services, dataset: str, redriven: Collection[str]) -> SeenLetters:
    """The dead letters that concern this dataset, and those that concern none where this one is to tell of them."""
    if services.dead_letters is None:
        return SeenLetters()
    bodies = services.dead_letters.peek()
    owned = {name for name, body in bodies.items() if _concerns(body, dataset)}
    fresh = owned.difference(redriven)
    datasets = {contract.dataset for contract in services.contracts}
    unclaimed = [name for name, body in bodies.items() if not any(_concerns(body, each) for each in datasets)]
    if unclaimed and dataset != _teller(services, datasets):
        unclaimed = []
    left = {RETURNED: sorted(owned - fresh), UNCLAIMED: sorted(unclaimed)}
    return SeenLetters(
        (DeadLetters(dataset, tuple(sorted(fresh))),) if fresh else (),
        {cause: {name: _begin(bodies[name]) for name in names} for cause, names in left.items() if names},
    )


def _concerns(body: str, dataset: str) -> bool:
    text = body.replace("%2F", "/")
    return any(f"{folder}/{dataset}/" in text for folder in ("tables", "repair", "feeds"))


def _teller(services: Services, datasets: Collection[str]) -> str:
    """The dataset whose audit tells of what concerns none: of a paused one nobody hears."""
    audited = sorted({*datasets}.difference(paused_datasets(services.records)))
    return audited[0] if audited else min(datasets)


def _begin(body: str) -> str:
    """The begin of a body as ASCII on one line, whatever characters it has."""
    return json.dumps(body[:BEGIN]) + ("..." if len(body) > BEGIN else "")


def causes_of_letters(
    dataset: str, left: Mapping[str, Mapping[str, str]], known: Collection[Cause]
) -> tuple[Cause, ...]:
    """The causes of the letters that no repair moves, beside those that are ``known`` of the same audit."""
    names = {cause.name for cause in known}
    return tuple(
        Cause(cause, dataset, len(letters), details=listed([f"message {begin}" for begin in letters.values()], NAMED))
        for cause, letters in sorted(left.items())
        if not (cause == RETURNED and names & _TOLD_BY_OBJECT)
    )


def redriven_messages(reports: Sequence[JobReport]) -> Iterator[str]:
    """The dead letters that these jobs moved. One that a job was asked for and did not move keeps its chance."""
    for report in reports:
        if isinstance(report.repair, Redrive) and report.result == "done":
            yield from report.repair.messages if report.redriven is None else report.redriven


def newest_redriven(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Add dead letters and forget the oldest: memory does not grow with the age of the lake."""
    return tuple(dict.fromkeys((*known, *more)))[-REDRIVEN:]
