"""The speed of the emulator's schedules: written by whoever runs the stack, read by the emulator at every look."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "schedules.json"


@dataclass(frozen=True, slots=True)
class Pace:
    """How much faster than their clock schedules fire; those whose names begin with one of ``in_time`` keep to it."""

    speed: float = 1
    in_time: tuple[str, ...] = ()

    def of(self, schedule: str) -> float:
        """The speed of the schedule of this name."""
        return 1 if schedule.startswith(self.in_time) else self.speed


def write_pace(state_dir: Path, pace: Pace) -> None:
    """Let the emulator's schedules fire at this pace from now on."""
    fresh = state_dir / f"{FILE}.new"
    fresh.write_text(json.dumps(asdict(pace)), encoding="utf-8")
    fresh.replace(state_dir / FILE)


def read_pace(state_dir: Path) -> Pace:
    """The pace that was written last; that of the clock where there is none."""
    file = state_dir / FILE
    if not file.exists():
        return Pace()
    data = json.loads(file.read_text(encoding="utf-8"))
    return Pace(float(data["speed"]), tuple(data["in_time"]))
