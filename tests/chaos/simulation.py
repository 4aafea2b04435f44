"""Simulated days of everything at once, by fresh seeds; each failure is told with the command that brings it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.chaos.run import SEED, Options, Result
from tests.simulation.ledger import add_entry, entry_of, next_seed
from tests.simulation.shrinking import command
from tests.simulation.simulation import Outcome, simulate

SEEDS, DAYS = 20, 6.0


def simulation(options: Options) -> Result:
    """``--runs`` is how many seeds; the default seed means those behind the last in the ledger."""
    first = next_seed() if options.seed == SEED else options.seed
    outcomes: list[Outcome] = []
    faults: list[str] = []
    for seed in range(first, first + options.amount(SEEDS)):
        outcome = simulate(seed, DAYS)
        outcomes.append(outcome)
        faults += [f"{problem} [{command(seed, DAYS)}]" for problem in outcome.wrong[:3]]
        days = sum(each.days for each in outcomes)
        options.progress(f"seed {seed}, {days:.0f} days, {outcome.cpu:.0f} s of CPU, {len(faults)} wrong", now=True)
        add_entry(entry_of(outcomes))  # after each: a run that is cut off has run so far
    entry = entry_of(outcomes)
    injected: Counter[str] = sum((outcome.faults for outcome in outcomes), Counter())
    counts: Counter[str] = sum((outcome.counts for outcome in outcomes), Counter())
    figures = {
        "seeds": len(outcomes), "days": entry.days, "events": entry.events, "cpu_seconds": entry.cpu_seconds,
        "cpu_seconds_a_day": round(entry.cpu_seconds / entry.days, 2), "injected": dict(injected),
        "seen": dict(counts), "wrong_seeds": entry.wrong,
    }  # fmt: skip
    return Result(figures, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"simulation": simulation}
