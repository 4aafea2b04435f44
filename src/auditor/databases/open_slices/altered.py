"""Partitions that a sample showed altered, remembered until another object takes the place of theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.evidence.results import WindowResult
from core.audit.findings import BrokenPartition, ChangedRows
from core.audit.key_values import Key
from core.warehouse.current_state import CURRENT


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample that can be drawn again: by a ``seed``, of at most so many ``lines`` of each object of a source table.

    Of each fact at most so many ``parts`` (partitions) come of it.
    """

    table: str
    seed: str
    lines: int
    parts: int
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Altered:
    """An object that does not say what its lines say: the ``target`` of the pointer of a table's ``partition``.

    It is to be made again for its ``problem``; of a current state the rows of these ``keys`` are fetched again instead.
    ``drawn`` is the sample that showed it: a merge carries an altered row on into the next object.
    """

    target: str
    table: str
    partition: str
    problem: str = ""
    keys: tuple[Key, ...] = ()
    drawn: Drawn | None = None

    @property
    def kind(self) -> str:
        """The kind of the finding."""
        return self.finding("").kind

    def finding(self, dataset: str) -> BrokenPartition | ChangedRows:
        """What is to be repaired."""
        if self.table.startswith(f"{CURRENT}/"):
            return ChangedRows(dataset, self.table.removeprefix(f"{CURRENT}/"), self.keys)
        return BrokenPartition(dataset, self.table, self.partition, self.problem)


AlteredByName = Mapping[str, Altered]


def unless_altered(window: WindowResult, altered: AlteredByName) -> WindowResult:
    """The window, which is not whole where a partition of it does not say what its lines say."""
    kinds = tuple(altered[name].kind for name in window.partitions if name in altered)
    return replace(window, touched_by=tuple(dict.fromkeys([*window.touched_by, *kinds]))) if kinds else window


def merge_altered(before: AlteredByName, *, read: AlteredByName, later: AlteredByName) -> dict[str, Altered]:
    """Apply what a run changed between what it had ``read`` and ``later`` to what is remembered now."""
    over = {name for name, altered in read.items() if name not in later and before.get(name) == altered}
    fresh = {name: altered for name, altered in later.items() if read.get(name) != altered}
    return {name: altered for name, altered in before.items() if name not in over} | fresh


def altered_to_data(altered: AlteredByName) -> dict[str, list[Any]]:
    """JSON-ready."""
    return {
        name: [each.target, each.table, each.partition, each.problem, [list(key) for key in each.keys], _drawn(each)]
        for name, each in altered.items()
    }


def _drawn(altered: Altered) -> list[Any]:
    drawn = altered.drawn
    return [drawn.table, drawn.seed, drawn.lines, drawn.parts, list(drawn.objects)] if drawn else []


def altered_from_data(data: Mapping[str, Any]) -> dict[str, Altered]:
    """What ``altered_to_data`` gave; what a later release adds is passed over."""
    return {name: _altered(*each[:6]) for name, each in data.items()}


def _altered(target: str, table: str, partition: str, problem: str, keys: Any, drawn: Any) -> Altered:
    sample = Drawn(str(drawn[0]), str(drawn[1]), int(drawn[2]), int(drawn[3]), tuple(drawn[4])) if drawn else None
    return Altered(target, table, partition, problem, tuple(tuple(key) for key in keys), sample)
