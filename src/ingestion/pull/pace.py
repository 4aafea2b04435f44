"""Rate limits of a provider, kept by the provider's own clock.

Limits are windows of that clock: so many calls in any 60 s (the contract's rate) and in any second (the provider's).
The clock is known from the ``Date`` of its answers and runs on with the machine's monotonic time in between, so that a
provider whose time runs differently, as a simulated one's may, is still called as often as it allows.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

DRIFT = 2.0  # seconds; Date has whole ones
LONGEST_CLOSURE = 3600.0  # whatever a provider says, it is called again after an hour


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of this machine. ``now`` is aware, UTC; ``monotonic`` and ``sleep`` are in seconds."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


class Pace:
    """Paces the calls of one provider, for all threads and batches of a container."""

    def __init__(self, clock: Clock, *, per_minute: int, per_second: int = 0) -> None:
        self._clock = clock
        self._windows = [(60.0, per_minute)] + ([(1.0, per_second)] if per_second else [])
        self._calls: deque[float] = deque(maxlen=max(count for _, count in self._windows))
        self._offset: float | None = None
        self._closed_until = 0.0  # monotonic
        self._lock = threading.Lock()

    def enter(self, *, until: float) -> bool:
        """Wait for a turn and take it; False, without waiting, if none comes before ``until`` (monotonic)."""
        while True:
            with self._lock:
                wait = self._wait()
                if wait <= 0:
                    self._calls.append(self._provider_time())
                    return True
            if self._clock.monotonic() + wait > until:
                return False
            self._clock.sleep(wait)

    def set_time(self, provider_time: datetime) -> None:
        """Take the provider's clock from an answer."""
        with self._lock:
            offset = provider_time.timestamp() - self._clock.monotonic()
            known = self._offset or 0.0
            if self._offset is None or offset < known - DRIFT:
                # Set for the first time, or set back: the calls so far keep their age.
                self._calls = deque((call + offset - known for call in self._calls), self._calls.maxlen)
                self._offset = offset
            elif offset > known + DRIFT:
                self._offset = offset

    def close(self, seconds: float) -> None:
        """Allow no call for so long, as the provider asked."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock.monotonic() + min(seconds, LONGEST_CLOSURE))

    def _provider_time(self) -> float:
        return self._clock.monotonic() + (self._offset or 0.0)

    def _wait(self) -> float:
        now = self._provider_time()
        waits = [self._closed_until - self._clock.monotonic()]
        for length, count in self._windows:
            if len(self._calls) >= count:
                waits.append(self._calls[-count] + length - now)
        return max(waits)
