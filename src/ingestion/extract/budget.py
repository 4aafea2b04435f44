"""The time that a pass has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

GRACE = 5.0  # seconds that a statement may outlive the budget: this machine's clock ends a pass, if rows come at all
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Budget:
    """Time until ``until``, on a monotonic clock; seconds."""

    clock: Clock
    until: float
    grace: float = GRACE  # of a statement

    @classmethod
    def of(cls, seconds: float, *, clock: Clock) -> Budget:
        """So many seconds from now on."""
        return cls(clock, clock() + seconds)

    @property
    def left(self) -> float:
        """Seconds; negative when it is over."""
        return self.until - self.clock()

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0

    def share(self, *, among: int, kept: float) -> Budget:
        """An equal share of what is left beyond the seconds that are kept back; all of it where that is nothing."""
        seconds = self.left - kept if self.left > kept else self.left
        share = Budget.of(seconds / among, clock=self.clock)
        return replace(share, grace=max(0.0, min(GRACE, share.left)))
