"""Dead letters of processing: those of a dataset that had no second chance yet, and those that no repair moves.

Of the latter there are two kinds, each a cause of its own: messages that came back after their second chance, and
messages that no dataset's audit would ever take for its own, such as garbage or a foreign sender's. These are told by
one dataset alone: the first, by name, that is not paused; and whichever told of them says that they are over, once they
are gone. A message that came back is not told where what it names is a finding of its own: of an object that fails
there may be messages for each time that it was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from auditor.interventions.pauses import paused_datasets
from auditor.repairs.cause_memory import cause_key, read_cause
from auditor.repairs.causes import Cause, listed
from auditor.repairs.outcomes import JobReport
from auditor.services import Services
from core.audit.findings import DeadLetters, Finding, UnprocessedObject
from core.audit.repair_jobs import Redrive

REDRIVEN = 2_000  # dead letters that are remembered; a queue holds none for longer than two weeks
RETURNED, UNCLAIMED = "dead_letter", "unclaimed_message"  # the causes of letters that no repair moves
BEGIN = 120  # characters of a message that are told
NAMED = 5  # messages that are told; of more, how many there are
_OBJECT = re.compile(r'(?:tables|repair|feeds)(?:/|%2[Ff])[^"\\]+')  # its key in a message, as it is or as S3 quotes it


@dataclass(frozen=True, slots=True)
class SeenLetters:
    """What lies in the queue: ``findings`` have a repair, ``left`` is how others begin, by cause and hash."""

    findings: tuple[DeadLetters, ...] = ()
    left: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def look_at_dead_letters(
    services: Services, dataset: str, redriven: Collection[str], findings: Iterable[Finding] = ()
) -> SeenLetters:
    """The dead letters that concern this dataset, and those that concern none where this one is to tell of them.

    ``findings`` are those about objects of the same scan.
    """
    if services.dead_letters is None:
        return SeenLetters()
    bodies = services.dead_letters.peek()
    owned = {name for name, body in bodies.items() if _concerns(body, dataset)}
    fresh = owned.difference(redriven)
    datasets = {contract.dataset for contract in services.contracts}
    unclaimed = {name for name, body in bodies.items() if not any(_concerns(body, each) for each in datasets)}
    returned = owned - fresh
    if returned and not _is_open(_memory(services, dataset, RETURNED)):
        failing = {finding.key for finding in findings if isinstance(finding, UnprocessedObject)}
        returned = {name for name in returned if not _objects_of(bodies[name]) & failing}
    left = {
        cause: {name: _begin(bodies[name]) for name in sorted(names)}
        for cause, names in ((RETURNED, returned), (UNCLAIMED, unclaimed))
        if names
    }
    if unclaimed and not _tells(services, dataset, datasets, left[UNCLAIMED]):
        del left[UNCLAIMED]
    return SeenLetters((DeadLetters(dataset, tuple(sorted(fresh))),) if fresh else (), left)


def _objects_of(body: str) -> set[str]:
    """The keys of the ingest objects that a message names."""
    quoted = _OBJECT.findall(body)
    return {*quoted, *map(unquote_plus, quoted)}


def _concerns(body: str, dataset: str) -> bool:
    text = body.replace("%2F", "/").replace("%2f", "/")
    return any(f"{folder}/{dataset}/" in text for folder in ("tables", "repair", "feeds"))


def _teller(services: Services, datasets: Collection[str]) -> str:
    """The dataset whose audit tells of what concerns none: of a paused one nobody hears."""
    audited = sorted({*datasets}.difference(paused_datasets(services.records)))
    return audited[0] if audited else min(datasets)


def _tells(services: Services, dataset: str, datasets: Collection[str], letters: Mapping[str, str]) -> bool:
    """Whether the audit of this dataset has the letters of nobody for its own.

    One that told of such letters does as long as there are any, also once it is paused, or another is the first. No
    other tells of the same ones again; of different ones it does, for of a dataset that is paused nobody hears.
    """
    if _is_open(_memory(services, dataset, UNCLAIMED)):
        return True
    if dataset != _teller(services, datasets):
        return False
    cause = _cause(UNCLAIMED, dataset, letters)
    others = (_memory(services, other, UNCLAIMED) for other in sorted({*datasets} - {dataset}))
    known = [Cause.from_data(memory["cause"]) for memory in others if _is_open(memory) and not memory.get("held")]
    return all((each.count, each.details) != (cause.count, cause.details) for each in known)


def _memory(services: Services, dataset: str, cause: str) -> Mapping[str, Any]:
    return read_cause(services.records, cause_key(dataset, cause))


def _is_open(memory: Mapping[str, Any]) -> bool:
    return bool(memory.get("open"))


def _begin(body: str) -> str:
    """The begin of a body as ASCII on one line, whatever characters it has."""
    return json.dumps(body[:BEGIN]) + ("..." if len(body) > BEGIN else "")


def causes_of_letters(
    dataset: str, left: Mapping[str, Mapping[str, str]], known: Collection[Cause]
) -> tuple[Cause, ...]:
    """The causes of the letters that no repair moves, beside those that are ``known`` of the same audit.

    One of the same name, of letters that could not be moved back, stays alone.
    """
    names = {cause.name for cause in known}
    return tuple(_cause(name, dataset, letters) for name, letters in sorted(left.items()) if name not in names)


def _cause(name: str, dataset: str, letters: Mapping[str, str]) -> Cause:
    return Cause(name, dataset, len(letters), details=listed([f"message {begin}" for begin in letters.values()], NAMED))


def redriven_messages(reports: Sequence[JobReport]) -> Iterator[str]:
    """The dead letters that these jobs moved. One that a job was asked for and did not move keeps its chance."""
    for report in reports:
        if isinstance(report.repair, Redrive) and report.result == "done":
            yield from report.repair.messages if report.redriven is None else report.redriven


def newest_redriven(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Add dead letters and forget the oldest: memory does not grow with the age of the lake."""
    return tuple(dict.fromkeys((*known, *more)))[-REDRIVEN:]
