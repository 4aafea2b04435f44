"""Clock of the market: it stands, runs, or is moved, whatever the machine's clock says."""

from __future__ import annotations

import datetime as dt
import threading


class Clock:
    """Aware UTC times. Starts in real time; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: dt.datetime | None = None
        self._ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        with self._lock:
            return self._standing or dt.datetime.now(dt.UTC) + self._ahead

    def set(self, at: dt.datetime) -> None:
        """Stand still at this instant."""
        with self._lock:
            self._standing = at.astimezone(dt.UTC)

    def advance(self, seconds: float) -> None:
        """Jump (backwards, if negative); a standing clock stays standing, a running one runs on."""
        step = dt.timedelta(seconds=seconds)
        with self._lock:
            if self._standing is not None:
                self._standing += step
            else:
                self._ahead += step

    def run_from(self, at: dt.datetime) -> None:
        """Go on from this instant at the pace of real time."""
        with self._lock:
            self._standing = None
            self._ahead = at.astimezone(dt.UTC) - dt.datetime.now(dt.UTC)

    def real(self) -> None:
        """Show the machine's time."""
        with self._lock:
            self._standing, self._ahead = None, dt.timedelta()
