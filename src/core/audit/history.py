"""The question and the answer between the auditor, who knows what is missing, and acquisition, who can fetch it.

Both travel as JSON through queues and state machines, so sets of slots are half-open ranges of epoch seconds, written
as ISO pairs: a whole trading day is one pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.time import epoch, iso

Ranges = tuple[tuple[int, int], ...]
Result = Literal["answered", "not_entitled", "limited", "broken", "secret_missing"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a provider was asked and what came back: the URL holds no secret, ``answer`` is the beginning of the body.

    ``answered_at`` is the provider's own clock (the HTTP ``Date`` header) in ISO 8601, empty where it sent none;
    ``status`` is 0 where no answer came.
    """

    request: str
    status: int
    answer: str
    answered_at: str

    def to_data(self) -> dict[str, Any]:
        return {
            "request": self.request,
            "status": self.status,
            "answer": self.answer,
            "answered_at": self.answered_at,
        }


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Fetch the expected points of one entity whose slots start in ``[start, end)``, epoch seconds.

    ``only_tell``: what the provider says goes into the outcome instead of the stream.
    """

    dataset: str
    entity: str
    start: int
    end: int
    only_tell: bool = False

    def to_data(self) -> dict[str, Any]:
        data = {"dataset": self.dataset, "entity": self.entity, "start": iso(self.start), "end": iso(self.end)}
        return {**data, "only_tell": True} if self.only_tell else data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> HistoryRequest:
        """Raises ``KeyError`` or ``ValueError`` where it is no request."""
        interval = epoch(data["start"]), epoch(data["end"])
        return cls(str(data["dataset"]), str(data["entity"]), *interval, bool(data.get("only_tell")))


@dataclass(frozen=True, slots=True)
class HistoryOutcome:
    """What became of a request. The first three sets are disjoint; with ``answered`` they cover all that was expected.

    ``healed``: durable in the stream as ``repaired``. ``absent``: the provider answered and has none, see ``evidence``.
    ``pending``: slots that are not over by the provider's own clock, or not published yet. Any other result tells why
    the rest is open; what was settled before it stays settled. ``retry_after`` (seconds) goes with ``limited`` where
    the provider told it. ``told`` is there where telling was all that was asked: values by slot and field, digit by
    digit; its slots count as covered.
    """

    result: Result
    healed: Ranges = ()
    absent: Ranges = ()
    pending: Ranges = ()
    reason: str = ""
    retry_after: float | None = None
    evidence: tuple[Evidence, ...] = ()
    told: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        return {
            "result": self.result,
            "healed": _written(self.healed),
            "absent": _written(self.absent),
            "pending": _written(self.pending),
            "reason": self.reason,
            "retry_after": self.retry_after,
            "evidence": [one.to_data() for one in self.evidence],
            **({"told": {iso(slot): dict(values) for slot, values in self.told.items()}} if self.told else {}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> HistoryOutcome:
        return cls(
            result=data["result"],
            healed=_read(data["healed"]),
            absent=_read(data["absent"]),
            pending=_read(data["pending"]),
            reason=data["reason"],
            retry_after=data["retry_after"],
            evidence=tuple(Evidence(**one) for one in data["evidence"]),
            told={epoch(slot): values for slot, values in data.get("told", {}).items()},
        )


def _written(ranges: Ranges) -> list[list[str]]:
    return [[iso(start), iso(end)] for start, end in ranges]


def _read(pairs: Sequence[Sequence[str]]) -> Ranges:
    return tuple((epoch(start), epoch(end)) for start, end in pairs)
