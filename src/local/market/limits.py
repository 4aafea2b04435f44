"""Rate limits of the market's callers."""

from __future__ import annotations

import datetime as dt
import threading


class Limits:
    """Calls per token, counted in the minutes and seconds of the market's own clock; off unless set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set()

    def set(self, *, per_minute: int | None = None, per_second: int | None = None, retry_after: bool = False) -> None:
        """``None``: no limit. ``retry_after``: a refusal says when to come back, which Finnhub's own do not."""
        with self._lock:
            self._per_minute, self._per_second, self._retry_after = per_minute, per_second, retry_after
            self._used: dict[tuple[str, int, int], int] = {}

    def any(self) -> bool:
        """Whether one is set."""
        return self._per_minute is not None or self._per_second is not None

    def take(self, token: str, now: dt.datetime) -> tuple[bool, dict[str, str]]:
        """Count a call: whether it is within the limits, and the headers that state limit, rest and reset."""
        second = int(now.timestamp())
        windows = [(self._per_minute, 60), (self._per_second, 1)]
        with self._lock:
            used = {length: self._used.get((token, length, second // length), 0) for _, length in windows}
            full = [length for limit, length in windows if limit is not None and used[length] >= limit]
            if not full:
                for limit, length in windows:
                    if limit is not None:
                        used[length] += 1
                        self._used[token, length, second // length] = used[length]
            headers = {}
            if self._per_minute is not None:
                headers = {
                    "X-Ratelimit-Limit": str(self._per_minute),
                    "X-Ratelimit-Remaining": str(max(0, self._per_minute - used[60])),
                    "X-Ratelimit-Reset": str((second // 60 + 1) * 60),
                }
            if full and self._retry_after:
                headers["Retry-After"] = str(max((second // length + 1) * length - second for length in full))
            self._forget(second)
        return not full, headers

    def _forget(self, second: int) -> None:
        if len(self._used) > 1_000:
            self._used = {key: n for key, n in self._used.items() if key[2] * key[1] >= second - 60}
