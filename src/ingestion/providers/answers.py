"""Answers of a provider, each a value; exceptions are for wrong contracts and secrets.

A provider that has nothing (``NoData``) is another thing than one that refuses (``NotEntitled``, ``Limited``) or one
whose answer is nonsense (``Broken``): only the first, and a point that an answer lacks, speak for its absence. What
it takes to believe that is ``auditor.evidence``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from core.audit.history import Evidence

LONGEST_EXCERPT = 100  # characters


@dataclass(frozen=True, slots=True)
class Point:
    """One record of an answer. ``time`` is the record's own (aware), None where a live record carries none.

    ``values`` holds the raw fields: text, integers, decimals, and instants where the provider's spec says so.
    """

    time: datetime | None
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that makes no point: the slot that it is of (aware), why, and its beginning as text."""

    slot: datetime
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Data:
    """At least one record.

    A live answer has exactly one point and a ``provider_time``, which is the provider's own clock. Its slot is that of
    ``slot_time`` where the contract goes by the record's own time or the answer lay in a cache, else the clock's.

    The points of a history have their slots as times, no two the same, beside the ``bad`` records of other slots.
    ``whole``: the answer says for itself that nothing is left out. ``partial`` says why it is known to lack something
    (another page): then what it lacks is unknown, not absent. ``stopped``: what a later call of it was answered with,
    after which no other one may be made.
    """

    points: tuple[Point, ...]
    provider_time: datetime | None
    evidence: Evidence
    bad: tuple[BadRecord, ...] = ()
    whole: bool = False
    partial: str = ""
    slot_time: datetime | None = None
    stopped: Limited | NotEntitled | None = None


@dataclass(frozen=True, slots=True)
class NoData:
    """The provider says that it has nothing for this request; ``whole``: and that this is all."""

    evidence: Evidence
    whole: bool = False


@dataclass(frozen=True, slots=True)
class NotEntitled:
    """401: the token is refused. 403: the token is good, but not for this."""

    what: Literal["token", "resource"]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Limited:
    """Called too often. ``retry_after``: the seconds that the provider names, None where it names none."""

    retry_after: float | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or nonsense; nothing of it may be used."""

    reason: str
    evidence: Evidence


Answer = Data | NoData | NotEntitled | Limited | Broken


def excerpt(value: object) -> str:
    """The beginning of what an answer or an error of reading it says, as text that mails and files can hold.

    JSON may name half a character, which no UTF-8 holds.
    """
    return str(value)[:LONGEST_EXCERPT].encode("utf-8", "replace").decode()


def ends_calls(answer: object) -> Limited | NotEntitled | None:
    """The limit or the refused token, after which further calls are refused as well, and may be punished."""
    if isinstance(answer, Data):
        return answer.stopped
    is_refused = isinstance(answer, NotEntitled) and answer.what == "token"
    return answer if isinstance(answer, Limited) or is_refused else None  # type: ignore[return-value]


def always() -> bool:
    """The turn of a caller that nobody paces."""
    return True


class Provider(Protocol):
    """A source of points. All of it may be called from several threads at once.

    The caller has taken the turn of one call. Each further one (another page, or another try of one that failed) waits
    for ``turn``; False: there is none in time.
    """

    def live(self, entity: str) -> Answer:
        """The entity's point as it is now."""
        ...

    def live_all(self, entities: Sequence[str], *, turn: Callable[[], bool] = ...) -> Mapping[str, Answer]:
        """The points of some entities as they are now, in one call where the API has one for several."""
        ...

    def history(self, entity: str, start: datetime, end: datetime, *, turn: Callable[[], bool] = ...) -> Answer:
        """The points whose slots start in ``[start, end)``: every record of the answer's data lies in it."""
        ...
