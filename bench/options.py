"""Options of every measure."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How thoroughly to measure, and where.

    ``rounds`` is how often each contestant has its turn at most, ``least`` at least, and ``budget`` the seconds after
    which one gets no further turn. ``data`` keeps what was generated between runs; ``scratch`` is
    removed at the end.
    """

    data: Path
    scratch: Path
    quick: bool = False
    rounds: int = 9
    least: int = 3
    budget: float = 25.0

    def with_rounds(self, rounds: int) -> Options:
        return replace(self, rounds=rounds)

    def say(self, text: str) -> None:
        """Progress, for whoever waits."""
        print(f"  {text}", file=sys.stderr, flush=True)  # noqa: T201
