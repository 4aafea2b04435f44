"""Changes from one contract to another, each with its class: what has to be done so that the lake is in one form again.

- *additive*: applied at once. Old rows read as they are; what they lack is filled by the auditor.
- *restate*: partitions are made again, each in its place, from ingest objects; where these lack something the source is
  asked again.
- *rebuild*: rows come into other partitions, under another key or in a narrower type: a new generation of the table.
- *refused*: it would lose what was promised. The road says how to come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Grade = Literal["additive", "restate", "rebuild", "refused"]
GRADES: tuple[Grade, ...] = ("additive", "restate", "rebuild", "refused")  # the gravest last


@dataclass(frozen=True, slots=True)
class Change:
    """One element of a contract that is another.

    ``place`` is the path to it, ``was`` and ``becomes`` are its values as somebody would write them (empty: there is
    none). ``reason`` says why it is of this class, ``road`` what somebody has to do, where that is anything.
    """

    dataset: str
    place: str
    was: str
    becomes: str
    grade: Grade
    reason: str
    road: str = ""


def gravest(changes: Iterable[Change]) -> Grade | None:
    """The gravest class among the changes; None where there is none."""
    return max((change.grade for change in changes), key=GRADES.index, default=None)


def counted(changes: Iterable[Change]) -> dict[Grade, int]:
    """How many changes there are of each class that occurs, the gravest first."""
    grades = [change.grade for change in changes]
    return {grade: grades.count(grade) for grade in reversed(GRADES) if grade in grades}
