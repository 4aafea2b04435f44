"""The time that a pass has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Budget:
    """Time until ``until``, on a monotonic clock; seconds."""

    clock: Clock
    until: float

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
