"""A story: what is so of a point, a row or an object, what happened to it, and what happens next. Pure.

The command and the page tell the same one: ``Story.to_data`` is its JSON, and whoever renders it adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from core.time import parse_instant

Verdict = Literal[
    # points
    "observed", "late", "absent", "settling", "paused", "not_owed",
    # points and rows
    "repaired", "missing", "alarmed",
    # rows
    "extracted", "deleted", "quarantined", "unplaced", "unknown", "derived", "outside",
    # objects
    "processed", "halted", "waiting", "lost", "kept", "current", "replaced",
]  # fmt: skip
# That somebody should look at: the others are as they should be, or become so by themselves.
LOOK_AT: frozenset[Verdict] = frozenset({"missing", "alarmed", "quarantined", "unplaced", "unknown", "halted", "lost"})

_ORDER = ("asked", "tried", "arrived", "processed", "audited")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: when (ISO 8601, empty where no clock says), a word for it, a sentence, an object."""

    at: str
    what: str
    text: str
    object: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """The story of ``subject`` in a table of a dataset; ``sentence`` says the verdict in words.

    ``events`` are in order of time. ``next`` are sentences about what happens, and what to do. ``limits`` say where
    nobody looked.
    """

    dataset: str
    table: str
    subject: Mapping[str, Any]
    verdict: Verdict
    sentence: str
    events: tuple[Event, ...] = ()
    next: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Whether nobody need look at it."""
        return self.verdict not in LOOK_AT

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **asdict(self),
            "subject": dict(self.subject),
            "fine": self.is_fine,
            "events": [asdict(event) for event in self.events],
            "next": list(self.next),
            "limits": list(self.limits),
        }


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events by time, each once; those that no clock has come last, in their own order."""
    return tuple(sorted(dict.fromkeys(events), key=lambda event: (not event.at, _moment(event.at), _rank(event))))


def _rank(event: Event) -> int:
    """The place of an event among those of the same moment."""
    return _ORDER.index(event.what) if event.what in _ORDER else len(_ORDER)


def _moment(at: str) -> str:
    """An instant as texts sort; of what is none, as a line may say it, nothing."""
    try:
        return parse_instant(at).replace(tzinfo=None).isoformat(timespec="microseconds") if at else ""
    except ValueError:
        return ""


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """Some names, and how many there are more."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
