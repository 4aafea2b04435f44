"""What a run is told, and what it answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUIET_SECONDS = 5.0
SEED = 20261120  # of a run that is told none


@dataclass
class Options:
    """``runs`` is how much of it (None: the run's own full measure), ``scratch`` a folder that goes at the end.

    ``given`` is a folder of things to be tried that are not the project's own.
    """

    seed: int
    scratch: Path
    runs: int | None = None
    given: Path | None = None
    _told: float = field(default=float("-inf"), repr=False)

    def amount(self, full: int) -> int:
        return full if self.runs is None else self.runs

    def progress(self, text: str, *, now: bool = False) -> None:
        """A line for whoever waits, at most one every few seconds."""
        at = time.monotonic()
        if now or at - self._told >= QUIET_SECONDS:
            self._told = at
            print(f"  {text}", file=sys.stderr, flush=True)  # noqa: T201


@dataclass(frozen=True)
class Result:
    """``figures`` go into the file as they are. ``faults`` say what broke, and the numbers that bring it back."""

    figures: Mapping[str, Any]
    faults: Sequence[str] = ()
