"""Faults of a provider: in which way it fails, and for which calls."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from dataclasses import dataclass, field, fields
from typing import Any

from local.market.sessions import Span

# Answers instead of the data:
REFUSALS = {
    "limited": "429; `retry_after` seconds as a header, if given",
    "error": "5xx: `status`",
    "unauthorized": "401",
    "forbidden": "403, as for a free key that asks for candles",
    "html": "200 with a page",
    "truncated": "200 with the first half of the JSON",
    "reset": "the connection is reset",
}
# Data that are wrong, or are not there:
TWISTS = {
    "no_data": "the provider says that it has nothing",
    "wrong_interval": "an answer for a day before what was asked for",
    "zeros": "every number is 0",
    "revised": "other values than before: revision `revision`",
    "hole": "the minutes within `covering` are left out of a candle answer, the others are there",
}
# Beside any of them:
DISTURBANCES = {
    "slow": "the answer comes after `seconds` of real time",
    "skew": "the Date header is wrong by `seconds`",
}
KINDS = {**REFUSALS, **TWISTS, **DISTURBANCES}


@dataclass(frozen=True)
class Fault:
    """A way to fail, and the calls that it hits: those that match every condition that is given."""

    kind: str
    symbol: str | None = None  # or a weather station
    endpoint: str | None = None  # quote, candle, observations, latest
    during: Span | None = None  # [from, to) of the market's clock, when the call is made
    covering: Span | None = None  # [from, to): the minutes asked for touch it
    first: int | None = None  # only the first n calls that match
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0
    revision: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        if self.kind == "hole" and self.covering is None:
            raise ValueError("a hole needs `covering`")

    def hits(self, call: Call) -> bool:
        return (
            self.symbol in (None, call.symbol)
            and self.endpoint in (None, call.endpoint)
            and (self.during is None or self.during[0] <= call.at < self.during[1])
            and (self.covering is None or (call.first < self.covering[1] and self.covering[0] <= call.last))
        )

    def to_json(self) -> dict[str, Any]:
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("during", "covering"):
            data[name] = data[name] and [at.isoformat() for at in data[name]]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fault:
        spans = {
            name: tuple(dt.datetime.fromisoformat(at) for at in data[name])
            for name in ("during", "covering")
            if data.get(name)
        }
        return cls(**{**data, **spans})


@dataclass(frozen=True)
class Call:
    """A parsed request, as faults are matched against it."""

    endpoint: str
    symbol: str
    at: dt.datetime
    first: dt.datetime
    last: dt.datetime
    minutes: int = 1  # of one candle


@dataclass
class Faults:
    """The faults that are switched on; safe to use from any thread."""

    _on: dict[int, Fault] = field(default_factory=dict)
    _left: dict[int, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> int:
        with self._lock:
            number = next(self._numbers)
            self._on[number] = fault
            if fault.first is not None:
                self._left[number] = fault.first
            return number

    def heal(self, number: int | None = None) -> None:
        """Switch one off, or all."""
        with self._lock:
            for switched in list(self._on) if number is None else [number]:
                self._on.pop(switched, None)
                self._left.pop(switched, None)

    def any(self) -> bool:
        """Whether one is on."""
        return bool(self._on)

    def hitting(self, call: Call) -> list[Fault]:
        """The faults of this call, oldest first; each counts it."""
        hit = []
        with self._lock:
            for number, fault in self._on.items():
                if not fault.hits(call) or self._left.get(number) == 0:
                    continue
                if number in self._left:
                    self._left[number] -= 1
                hit.append(fault)
        return hit
