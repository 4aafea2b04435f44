"""Virtual time: an agenda of what happens when, and work that waits without a thread.

Work runs in greenlets, one at a time: it goes on until it sleeps, and what is next on the agenda goes on then. So any
two pieces of work interleave at every effect that they have, in an order that follows from the seed alone.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
Work = Callable[[], object]


class Killed(BaseException):
    """The process is gone: a time-out, a memory limit, a machine. No code of ours may catch it."""


class World:
    """The clock, the agenda and the chance of one simulation. Times are epoch seconds."""

    def __init__(self, seed: int, start: datetime) -> None:
        self.seed = seed
        self.time = start.timestamp()
        self.draw = random.Random(f"world {seed}")
        self.steps = 0
        self.is_stopped = False
        self._agenda: list[tuple[float, int, Work]] = []
        self._ties = itertools.count()
        self._hub = getcurrent()
        self._over = False

    @property
    def now(self) -> datetime:
        """The true time, aware."""
        return datetime.fromtimestamp(self.time, UTC)

    def at(self, when: float, work: Work) -> None:
        """Do it then, in the hub: work that waits has to be ``spawn``ed."""
        heapq.heappush(self._agenda, (max(when, self.time), next(self._ties), work))

    def after(self, seconds: float, work: Work) -> None:
        """Do it so much later."""
        self.at(self.time + seconds, work)

    def spawn(self, work: Work) -> None:
        """Begin work that may wait, now."""
        self.after(0.0, greenlet(work, self._hub).switch)

    def spawn_at(self, when: float, work: Work) -> None:
        """Begin work that may wait, then."""
        self.at(when, greenlet(work, self._hub).switch)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass for whoever works here; others go on meanwhile."""
        if self._over:
            raise Killed("the simulation is over")
        self.after(seconds, getcurrent().switch)
        self._hub.switch()
        if self._over:
            raise Killed("the simulation is over")

    def run(self, until: float) -> None:
        """Let everything happen that happens until then."""
        while self._agenda and self._agenda[0][0] <= until and not self.is_stopped:
            self.time, _, work = heapq.heappop(self._agenda)
            self.steps += 1
            work()
        if not self.is_stopped:
            self.time = max(self.time, until)

    def gather(self, works: Sequence[Work], *, at_once: int) -> None:
        """Do all of these, so many at once, and wait for the last."""
        waiting, left = list(reversed(works)), len(works)
        if not left:
            return
        done: Signal[bool] = Signal(self)

        def worker() -> None:
            nonlocal left
            while waiting:
                waiting.pop()()
                left -= 1
            if not left:
                done.set(True)

        for _ in range(min(at_once, left)):
            self.spawn(worker)
        done.wait(float("inf"))

    def end(self) -> None:
        """Nothing happens any more; whoever still waits is killed."""
        self._over = True
        self._agenda.clear()


class Signal(Generic[T]):
    """A value that comes once, and somebody who waits for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._values: list[T] = []
        self._waiter: Any = None

    def set(self, value: T) -> None:
        """The first value stays."""
        if not self._values:
            self._values.append(value)
            self._wake()

    def wait(self, seconds: float) -> T | None:
        """The value; None where it does not come in time."""
        if not self._values:
            self._waiter = getcurrent()
            if seconds != float("inf"):
                self._world.after(seconds, self._wake)
            self._world._hub.switch()
            if self._world._over:
                raise Killed("the simulation is over")
        return self._values[0] if self._values else None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._world.after(0.0, waiter.switch)
