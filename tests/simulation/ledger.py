"""The ledger: which seeds have run, for how many simulated days, and what they saw; ``ledger.json``, only added to."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.simulation.simulation import Outcome

FILE = Path(__file__).parent / "ledger.json"


@dataclass(frozen=True)
class Entry:
    """Seeds that ran one after the other, and what they saw in all. ``wrong`` are those that failed."""

    first: int
    seeds: int
    days: float
    events: int
    faults: dict[str, int]
    wrong: list[int]
    cpu_seconds: float
    date: str
    commit: str


def entry_of(outcomes: Sequence[Outcome]) -> Entry:
    """The entry of seeds that ran one after the other on the code of now."""
    faults: Counter[str] = Counter()
    for outcome in outcomes:
        faults += outcome.faults
    git = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], cwd=FILE.parent, capture_output=True, text=True)
    return Entry(
        first=outcomes[0].seed,
        seeds=len(outcomes),
        days=round(sum(outcome.days for outcome in outcomes), 1),
        events=sum(outcome.events for outcome in outcomes),
        faults=dict(sorted(faults.items())),
        wrong=[outcome.seed for outcome in outcomes if outcome.wrong],
        cpu_seconds=round(sum(outcome.cpu for outcome in outcomes), 1),
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        commit=git.stdout.strip() or "unknown",
    )


def read_ledger(file: Path = FILE) -> list[dict[str, Any]]:
    """All entries, the oldest first."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []  # type: ignore[no-any-return]


def add_entry(entry: Entry, file: Path = FILE) -> None:
    """Write the entry behind the others, in place of one that began with the same seed on the same code."""
    own = entry.first, entry.commit
    others = [each for each in read_ledger(file) if (each["first"], each["commit"]) != own]
    lines = [json.dumps(each) for each in [*others, asdict(entry)]]
    file.write_text("[\n " + ",\n ".join(lines) + "\n]\n", encoding="utf-8")


def next_seed(file: Path = FILE) -> int:
    """A seed that no entry has."""
    return max((entry["first"] + entry["seeds"] for entry in read_ledger(file)), default=1)
