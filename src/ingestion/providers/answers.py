"""What a provider can answer. An answer is a value, whatever it says; only a mistake of ours is an exception.

A provider that has nothing (``NoData``) is told apart from one that will not say (``NotEntitled``, ``Limited``) and
from one that makes no sense (``Broken``): only the first is proof that a point does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from core.audit.history import Evidence


@dataclass(frozen=True, slots=True)
class Point:
    """One record of an answer. ``time`` is the record's own (aware), None where a live record carries none.

    ``values`` holds the raw fields: text, integers, decimals, and instants where the provider's spec says so.
    """

    time: datetime | None
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Data:
    """At least one point. ``provider_time`` is the provider's own clock; a live answer has exactly one point."""

    points: tuple[Point, ...]
    provider_time: datetime
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class NoData:
    """The provider says that it has nothing for what was asked."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class NotEntitled:
    """401: the token is refused. 403: the token is good, but not for this."""

    what: Literal["token", "resource"]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Limited:
    """Asked too often. ``retry_after``: the seconds that the provider told, None where it told none."""

    retry_after: float | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or one that makes no sense; nothing of it may be used."""

    reason: str
    evidence: Evidence


Answer = Data | NoData | NotEntitled | Limited | Broken


class Provider(Protocol):
    """Whoever has the points. Both calls may be made from several threads at once."""

    def live(self, entity: str) -> Answer:
        """The entity's point as it is now."""
        ...

    def history(self, entity: str, start: datetime, end: datetime) -> Answer:
        """The points whose slots start in ``[start, end)``: every point of the answer's data lies in it."""
        ...
