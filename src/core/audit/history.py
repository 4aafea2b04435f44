"""Requests for a feed's history and their outcomes, between the auditor and acquisition.

Both travel as JSON through queues and state machines. Sets of slots are half-open ranges of epoch seconds, written
as ISO pairs: a whole trading day is one pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import field as attribute
from typing import Any, Literal

from core.time import epoch, iso

Ranges = tuple[tuple[int, int], ...]
NEAR = 7 * 86_400  # seconds: values from further away than this are not held against an answer
Result = Literal["answered", "not_entitled", "limited", "broken", "secret_missing"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A call of a provider and its answer: the URL holds no secret, ``answer`` is the beginning of the body.

    ``answered_at`` is when the answer was made, by the provider's own clock (the HTTP ``Date`` header, less the time
    that it lay in a cache), in ISO 8601, empty where it sent none: the same answer given again has the same.
    ``status`` is 0 where no answer came.
    """

    request: str
    status: int
    answer: str
    answered_at: str

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Evidence:
        """Read what ``to_data`` gave; what another release added is passed over."""
        return cls(data["request"], data["status"], data["answer"], data["answered_at"])

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "request": self.request,
            "status": self.status,
            "answer": self.answer,
            "answered_at": self.answered_at,
        }


@dataclass(frozen=True, slots=True)
class BadPoint:
    """A provider's record that makes no point: its slot (epoch seconds), why, and its beginning as text."""

    slot: int
    reason: str
    content: str

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"at": iso(self.slot), "reason": self.reason, "content": self.content}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> BadPoint:
        """Read what ``to_data`` gave."""
        return cls(epoch(data["at"]), data["reason"], data["content"])


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value that the warehouse has of an entity: its slot (epoch seconds), the history's field, and its digits.

    ``given``: it came from the history itself, which then has the point unless it withdrew it. It is written beside the
    values (``given_slots``).
    """

    slot: int
    field: str
    value: str
    given: bool = attribute(default=False, metadata={"apart": True})


def given_slots(known: Sequence[KnownValue]) -> list[str]:
    """The slots of the values that the history gave, JSON-ready: what stands beside them wherever they are written."""
    return [iso(slot) for slot in sorted({each.slot for each in known if each.given})]


def with_given(known: Sequence[KnownValue], slots: Sequence[str]) -> tuple[KnownValue, ...]:
    """The values that were read, and the slots that stood beside them (``given_slots``)."""
    given = {epoch(slot) for slot in slots}
    return tuple(replace(each, given=each.given or each.slot in given) for each in known)


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Fetch the expected points of one entity whose slots start in ``[start, end)``, epoch seconds.

    ``wanted``: only those of them that lie in these ranges; empty: all. ``values_only``: the provider's values go
    into the outcome instead of the stream. ``every`` (seconds; 0: those of the contract) says that an earlier contract
    expects them, of this entity and at this cadence. ``known`` are values near the interval or inside of it, which the
    answer is held against: one whose values are another time's is broken, one that lacks a ``given`` one proves no
    absence, and one that lacks any proves none by its own word.
    """

    dataset: str
    entity: str
    start: int
    end: int
    values_only: bool = False
    every: int = 0
    wanted: Ranges = ()
    known: tuple[KnownValue, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        data = {"dataset": self.dataset, "entity": self.entity, "start": iso(self.start), "end": iso(self.end)}
        given = given_slots(self.known)
        return {
            **data,
            **({"only_tell": True} if self.values_only else {}),
            **({"every": self.every} if self.every else {}),
            **({"wanted": _written(self.wanted)} if self.wanted else {}),
            **({"known": [[iso(each.slot), each.field, each.value] for each in self.known]} if self.known else {}),
            **({"given": given} if given else {}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> HistoryRequest:
        """Raises ``KeyError`` or ``ValueError`` where it is no request."""
        interval = epoch(data["start"]), epoch(data["end"])
        values_only, every = bool(data.get("only_tell")), int(data.get("every", 0))
        wanted = _read(data.get("wanted", ()))
        values = [KnownValue(epoch(at), str(field), str(value)) for at, field, value in data.get("known", ())]
        known = with_given(values, data.get("given", ()))
        return cls(str(data["dataset"]), str(data["entity"]), *interval, values_only, every, wanted, known)


@dataclass(frozen=True, slots=True)
class HistoryOutcome:
    """The outcome of a request. Its sets of slots are disjoint; with ``answered`` they cover all that was expected.

    ``healed``: durable in the stream as ``repaired``; ``unwitnessed`` are those of them whose answer held no value that
    was known before, so that nothing spoke for it but itself. ``absent``: the provider answered and has none, see
    ``evidence``; one answer is no proof yet, unless they are among the ``whole``: the answer said for itself that it
    leaves nothing out. ``silent`` are those of ``absent`` that an answer is about which has no point at all, or not all
    that are known. ``pending``: slots that are not over by the provider's own clock, or not published yet. ``refused``:
    slots whose record makes no point; ``bad`` are the first of these records. ``unproven``: the answer lacks them, and
    lacks more (another page, a point that was given before) or is of no known time; ``reason`` says so. Any other
    result than ``answered`` says why the rest is open; what was settled before it stays settled. ``retry_after``
    (seconds) goes with ``limited`` where the provider named it. ``values`` are the answer to a request of
    ``values_only``: by slot and field, with the provider's own digits; its slots count as covered.
    """

    result: Result
    healed: Ranges = ()
    absent: Ranges = ()
    pending: Ranges = ()
    reason: str = ""
    retry_after: float | None = None
    evidence: tuple[Evidence, ...] = ()
    values: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    whole: Ranges = ()
    silent: Ranges = ()
    refused: Ranges = ()
    unproven: Ranges = ()
    bad: tuple[BadPoint, ...] = ()
    unwitnessed: Ranges = ()

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "result": self.result,
            "healed": _written(self.healed),
            "absent": _written(self.absent),
            "pending": _written(self.pending),
            "reason": self.reason,
            "retry_after": self.retry_after,
            "evidence": [call.to_data() for call in self.evidence],
            **({"told": {iso(slot): dict(fields) for slot, fields in self.values.items()}} if self.values else {}),
            **{name: _written(getattr(self, name)) for name in _OPTIONAL if getattr(self, name)},
            **({"bad": [record.to_data() for record in self.bad]} if self.bad else {}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> HistoryOutcome:
        """Read what ``to_data`` gave."""
        return cls(
            result=data["result"],
            healed=_read(data["healed"]),
            absent=_read(data["absent"]),
            pending=_read(data["pending"]),
            reason=data["reason"],
            retry_after=data["retry_after"],
            evidence=tuple(map(Evidence.from_data, data["evidence"])),
            values={epoch(slot): fields for slot, fields in data.get("told", {}).items()},
            bad=tuple(BadPoint.from_data(record) for record in data.get("bad", ())),
            **{name: _read(data.get(name, ())) for name in _OPTIONAL},
        )


_OPTIONAL = ("whole", "silent", "refused", "unproven", "unwitnessed")  # sets that are written where they are not empty


def _written(ranges: Ranges) -> list[list[str]]:
    return [[iso(start), iso(end)] for start, end in ranges]


def _read(pairs: Sequence[Sequence[str]]) -> Ranges:
    return tuple((epoch(start), epoch(end)) for start, end in pairs)
