"""A failing seed made smaller: actors and kinds of faults that it does not need are left out, then days."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.simulation import simulate

ACTORS = (
    "operators",
    "changes",
    "mirror",
    "disasters",
    "firehose",
    "database",
    "spells",
    "moods",
    "reader",
    "shop",
    "analyst",
)
FAULTS = (
    "killed", "lost", "hidden", "conflict", "partly", "unanswered", "container lost", "message late", "message twice",
    "message again", "records twice", "records reordered", "delivery split", "event lost", "event late",
    "invoked twice", "schedule silent", "schedule twice", "connection lost",
)  # fmt: skip
Progress = Callable[[str], None]


def shrink(seed: int, days: float, *, told: Progress = lambda _: None) -> tuple[float, frozenset[str]]:
    """The fewest days and the longest list of things left out with which the seed still fails. May take minutes."""
    off: frozenset[str] = frozenset()
    for name in (*ACTORS, *FAULTS):
        if simulate(seed, days, off=off | {name}).wrong:
            off |= {name}
            told(f"fails without {name} too")
    while days > 0.25 and simulate(seed, days / 2, off=off).wrong:
        days /= 2
        told(f"fails within {days} days")
    return days, off


def command(seed: int, days: float, off: frozenset[str] = frozenset()) -> str:
    """The one command that brings a failure back."""
    without = "".join(f' --without "{name}"' for name in sorted(off))
    return f"python -m tests.simulation --seed {seed} --days {days:g}{without}"
