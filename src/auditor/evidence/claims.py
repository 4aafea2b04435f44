"""Claims: answers of a source that lack points, or hold records that make none. One alone proves nothing.

``audit/claims/dataset=<dataset>/<day>/<entity>-<16 hex digits>.json``; the name is made of the content, so that
keeping it again changes nothing. ``auditor.evidence.proof`` weighs them. Ranges are half-open, epoch seconds in
memory, ISO 8601 in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from auditor.evidence.absent import place_from_data, place_to_data, read_days, safe_name, split_by_day
from auditor.windows import Window
from core.audit.certificate import hash_of
from core.audit.history import Evidence, HistoryOutcome, Ranges
from core.json import canonical_json
from core.ports import Log, ObjectReader
from core.time import epoch, iso
from core.typed import typed

ROOT = "audit/claims/"
Kind = Literal["absent", "refused"]
_OWN = ("run", "kind", "silent", "whole")  # what a claim says beside its place


@dataclass(frozen=True, slots=True)
class Claim:
    """One answer about an entity, ranges of one day (UTC), given in a ``run`` at ``found_at``.

    ``absent``: it has no point there; ``refused``: its records make none. ``silent``: the answer had no point at all,
    or not all that are known. ``whole``: it said for itself that it leaves nothing out.
    """

    dataset: str
    entity: str
    ranges: Ranges
    found_at: int
    run: str
    kind: Kind
    silent: bool
    whole: bool
    evidence: tuple[Evidence, ...]

    @property
    def answered_at(self) -> int:
        """When the source gave the answer, by its own clock (the oldest of several calls); else when it was found.

        A cache that gives an answer again does not give another one: both have the same time.
        """
        return min(
            (epoch(call.answered_at) for call in self.evidence if _is_instant(call.answered_at)), default=self.found_at
        )

    @property
    def key(self) -> str:
        """The key under which it lies."""
        day = iso(self.ranges[0][0])[:10]
        return f"{prefix(self.dataset, day)}{safe_name(self.entity)}-{hash_of(self.to_json())[:16]}.json"

    def to_json(self) -> bytes:
        """The claim's object."""
        return canonical_json(
            {
                **place_to_data(self.dataset, self.entity, self.ranges, self.found_at, self.evidence),
                **{name: getattr(self, name) for name in _OWN},
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> Claim:
        """Read what ``to_json`` gave. Raises one of ``UNREADABLE`` where it is something else."""
        data = json.loads(body)
        return typed(cls(**place_from_data(data), **{name: data[name] for name in _OWN}))


def _is_instant(text: str) -> bool:
    try:
        return bool(text) and epoch(text) >= 0
    except ValueError:
        return False


def claims_of(dataset: str, entity: str, outcome: HistoryOutcome, *, run: str, found_at: int) -> Iterator[Claim]:
    """The claims of an outcome, one for each day and each way in which its answers speak."""
    silent, whole = _slots(outcome.silent), _slots(outcome.whole)
    for is_silent in (True, False):
        for is_whole in (True, False):
            ranges = [
                pair
                for pair in _cut(outcome.absent, [*silent, *whole])
                if _inside(pair, silent) == is_silent and _inside(pair, whole) == is_whole
            ]
            for of_day in split_by_day(_joined(ranges)):
                yield Claim(dataset, entity, of_day, found_at, run, "absent", is_silent, is_whole, outcome.evidence)
    for of_day in split_by_day(outcome.refused):
        yield Claim(dataset, entity, of_day, found_at, run, "refused", False, False, outcome.evidence)


def _slots(ranges: Ranges) -> list[tuple[int, int]]:
    return sorted(ranges)


def _cut(ranges: Ranges, others: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ranges, cut wherever another begins or ends: each piece lies inside of another or outside of it."""
    bounds = sorted({bound for pair in others for bound in pair})
    for start, end in ranges:
        inner = [bound for bound in bounds if start < bound < end]
        yield from zip([start, *inner], [*inner, end], strict=True)


def _inside(pair: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(start <= pair[0] and pair[1] <= end for start, end in others)


def _joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def read_claims(
    store: ObjectReader, dataset: str, windows: Iterable[Window], *, workers: int = 8, log: Log | None = None
) -> list[Claim]:
    """All claims about the windows' days, in order of key.

    One that cannot be read claims nothing: it is named to the ``log``, and its neighbours count.
    """
    return list(read_days(store, f"{ROOT}dataset={dataset}/", windows, Claim.from_json, workers=workers, log=log))


def prefix(dataset: str, day: str) -> str:
    """The folder of a day's claims."""
    return f"{ROOT}dataset={dataset}/{day}/"
