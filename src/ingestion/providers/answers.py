"""Answers of a provider, each a value; exceptions are for wrong contracts and secrets.

A provider that has nothing (``NoData``) is another thing than one that refuses (``NotEntitled``, ``Limited``) or one
whose answer is nonsense (``Broken``): only the first is proof that a point does not exist.
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
    """The provider says that it has nothing for this request."""

    evidence: Evidence


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


class Provider(Protocol):
    """A source of points. Both calls may be made from several threads at once."""

    def live(self, entity: str) -> Answer:
        """The entity's point as it is now."""
        ...

    def history(self, entity: str, start: datetime, end: datetime) -> Answer:
        """The points whose slots start in ``[start, end)``: every point of the answer's data lies in it."""
        ...
