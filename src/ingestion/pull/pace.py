"""Rate limits of a provider, kept by the provider's own clock.

Limits are windows of that clock: so many calls in any 60 s (the contract's rate) and in any second (the provider's).
The clock is known from the ``Date`` of its answers and runs on with the machine's in between, so that a provider whose
time runs differently, as a simulated one's may, is still called as often as it allows.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.errors import StarmendError
from core.feeds.turns import LONGEST_PAUSE, MINUTE, Plan, ProviderClock, Share, Turns
from core.ports import Log
from ingestion.pull.ledger import Ledger, OwnLedger

SECOND = 1_000  # milliseconds; a Date has whole seconds
_LATE = 1.0  # seconds after which a turn that nobody used is let go


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of this machine. ``now`` is aware, UTC; ``monotonic`` and ``sleep`` are in seconds."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


class Pace:
    """Paces the calls of one provider, for all threads and batches of a process, and for all who share the ledger.

    Where a ledger fails, the calls of a minute go on by this process's own count: a plan that is exceeded costs a
    limited answer, a call that is not made costs a point.
    """

    def __init__(
        self, clock: Clock, plan: Plan | Share, *, ledger: Ledger | None = None, log: Log | None = None
    ) -> None:
        self._machine = clock
        self._plan = plan
        self._own = OwnLedger()
        self._ledger: Ledger = ledger or self._own
        self._log = log
        self._alone_until = 0.0  # milliseconds of this machine
        self._provider = ProviderClock()
        self._granted: deque[float] = (
            deque()
        )  # this and the next two in monotonic seconds: no clock that is set moves them
        self._none_before = 0.0
        self._closed_until = 0.0
        self._waiting = self._announced = 0  # calls
        self._lock = threading.Lock()
        self._desk = threading.Lock()  # of the ledger: who holds it takes turns for all who wait

    def enter(self, *, until: float) -> bool:
        """Wait for a turn and take it; False, without waiting, if none comes before ``until`` (monotonic)."""
        while True:
            with self._lock:
                self._waiting += 1
            with self._desk:
                turn = self._take(until)
            if turn is None:
                return False
            if (wait := turn - self._machine.monotonic()) > 0:
                self._machine.sleep(wait)
            if self._closed_until <= turn:  # no pause was asked for meanwhile
                return True

    def announce(self, calls: int) -> None:
        """So many calls are about to begin: the first of them takes the turns of all."""
        with self._lock:
            self._announced = calls

    def set_time(self, provider_time: datetime, *, asked_at: datetime) -> None:
        """Take the provider's clock from an answer that has just come: it showed that second at a moment meanwhile."""
        now, date = math.ceil(self._now()), round(provider_time.timestamp() * 1000)
        latest = date + SECOND - math.floor(min(asked_at.timestamp() * 1000, now))
        with self._lock:
            shown = self._provider.shown_by(date - now, latest, heard=now)
            if shown != self._provider:
                self._provider = shown
                self._none_before = 0.0

    def close(self, seconds: float) -> None:
        """Allow no call for so long, as the provider asked."""
        pause = min(seconds, LONGEST_PAUSE / 1000)
        until = self._machine.monotonic() + pause
        if until <= self._closed_until:
            return
        self._closed_until = until
        now, heard = self._now(), self._provider

        def change(turns: Turns) -> Turns:
            current = turns.by_clock(heard)
            return current.closed(math.ceil(now + current.clock.ahead + pause * 1000))

        self._change(change)

    def _take(self, until: float) -> float | None:
        """A turn before ``until``, from those taken already or from the ledger."""
        with self._lock:
            wanted = max(self._waiting, self._announced)
            self._waiting, self._announced = self._waiting - 1, max(self._announced - 1, 0)
            while self._granted and self._granted[0] < self._machine.monotonic() - _LATE:
                self._granted.popleft()
            if self._granted:
                return self._granted.popleft() if self._granted[0] <= until else None
            if self._none_before > until:
                return None
        taken = self._from_ledger(wanted, until)
        with self._lock:
            self._announced = 0
            self._granted.extend(taken[1:])
        return taken[0] if taken else None

    def _from_ledger(self, wanted: int, until: float) -> tuple[float, ...]:
        exact, monotonic, heard = self._now(), self._machine.monotonic(), self._provider
        now = math.ceil(exact)  # no turn is given before its time
        left = math.floor((until - monotonic) * 1000)
        granted: tuple[int, ...] = ()

        def change(turns: Turns) -> Turns:
            nonlocal granted
            current = turns.by_clock(heard)
            given, granted = current.grant(wanted, self._plan, now=now, latest=now + current.clock.ahead + left)
            return given if granted else turns

        stored = self._change(change).by_clock(heard)
        here = exact + stored.clock.ahead
        with self._lock:
            if stored.clock.heard > self._provider.heard:
                self._provider = stored.clock
            if not granted:
                self._none_before = monotonic + (stored.next_turn(self._plan, now=now) - here) / 1000
        return tuple(monotonic + (turn - here) / 1000 for turn in granted)

    def _change(self, change: Callable[[Turns], Turns]) -> Turns:
        if self._now() >= self._alone_until:
            try:
                return self._ledger.change(change)
            except StarmendError as error:
                self._alone_until = self._now() + MINUTE
                if self._log is not None:
                    self._log.warning("turns at the provider are not shared for a minute", error=str(error))
        return self._own.change(change)

    def _now(self) -> float:
        """This machine's milliseconds."""
        return self._machine.now().timestamp() * 1000
