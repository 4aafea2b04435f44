"""Log of the calls that the market has answered."""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 200_000


@dataclass(frozen=True)
class Request:
    """One call. ``status`` is None when the connection was reset, ``token_in`` says where the token was."""

    at: dt.datetime
    path: str
    endpoint: str
    symbol: str
    status: int | None
    token_in: str | None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Request:
        return cls(**{**data, "at": dt.datetime.fromisoformat(data["at"])})


class RequestLog:
    """The last calls, oldest first."""

    def __init__(self, requests: Iterable[Request] = ()) -> None:
        self._lock = threading.Lock()
        self._requests = deque(requests, maxlen=KEPT)

    def add(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def all(self) -> list[Request]:
        with self._lock:
            return list(self._requests)

    def count(self, **which: Any) -> int:
        """How many calls have all of these values: ``count(endpoint="quote", symbol="AAPL", status=200)``."""
        return sum(all(getattr(request, name) == value for name, value in which.items()) for request in self.all())

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()
