"""Every crash point of every scenario, and pairs of them: whatever is cut, redelivery ends with the same tables."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.crash_scenarios import SCENARIOS, Scenario
from tests.chaos.run import Options, Result
from tests.support.crashpoints import WAYS, Crash, Effects, Point

PAIRS = 150  # of each scenario
REDELIVERIES = 2  # after the faults: SQS receives three times in all, a schedule comes for ever
Make = Callable[[], Scenario]


@dataclass
class Sweep:
    """How a scenario took its faults. ``effects`` is how many it has without one."""

    scenario: str
    effects: int = 0
    points: int = 0
    pairs: int = 0
    differing: list[str] = field(default_factory=list)


def outcome_after(make: Make, points: Sequence[Point]) -> tuple[Any, bool, str]:
    """The outcome of a run with these faults, one per attempt, and redelivery; whether the first one happened; and
    what is wrong with the state, if anything is: work that is done once more must change nothing."""
    scenario = make()
    fired = False
    for number, point in enumerate(points):
        effects = Effects(point)
        try:
            scenario.attempt(effects)
        except (Crash, Exception):  # what any of them ends in: the message comes again
            if not effects.fired:
                raise
        fired = effects.fired if number == 0 else fired
    for _ in range(REDELIVERIES):
        scenario.attempt(Effects())
    settled = scenario.state()
    scenario.attempt(Effects())
    return scenario.outcome(), fired, "" if scenario.state() == settled else "not settled: once more changed something"


def sweep(
    name: str,
    make: Make,
    *,
    seed: int,
    pairs: int = PAIRS,
    singles: int | None = None,
    progress: Callable[[Sweep], object] = lambda _: None,
) -> Sweep:
    """Every single point (or so many, sampled), then pairs sampled by the seed."""
    result, chance = Sweep(name), random.Random(f"{seed}/{name}")
    counting = Effects()
    make().attempt(counting)
    result.effects = len(counting.log)
    expected, _, _ = outcome_after(make, ())
    every = [Point(number, way) for number in range(result.effects) for way in WAYS]
    alone = every if singles is None or singles >= len(every) else chance.sample(every, singles)
    for points in [(point,) for point in alone] + [(chance.choice(every), chance.choice(every)) for _ in range(pairs)]:
        where = f"{name} at {' then '.join(map(str, points))} ({counting.log[points[0].number]})"
        try:
            outcome, fired, wrong = outcome_after(make, points)
            if not fired:
                wrong = "the effect did not come: the order of effects is not the same every time"
            elif outcome != expected:
                wrong = "another outcome"
        except Exception as error:  # noqa: BLE001 - a point that cannot be recovered from is a finding, not the end
            wrong = f"not recovered from: {type(error).__name__}: {error}"
        if wrong:
            result.differing.append(f"{where}: {wrong}")
        result.points += len(points) == 1
        result.pairs += len(points) == 2
        progress(result)
    return result


def crash_points(options: Options) -> Result:
    """``--runs`` is the number of pairs of each scenario. Single points are all taken, whatever it is."""
    sweeps = []
    for name, opened in SCENARIOS.items():
        with opened() as make:
            sweeps.append(
                sweep(
                    name,
                    make,
                    seed=options.seed,
                    pairs=options.amount(PAIRS),
                    progress=lambda result: options.progress(
                        f"{result.scenario}: {result.points} points of {result.effects} effects, {result.pairs} pairs,"
                        f" {len(result.differing)} differing"
                    ),
                )
            )
    differing = [fault for sweep in sweeps for fault in sweep.differing]
    figures = {
        "scenarios": len(sweeps),
        "points": sum(sweep.points for sweep in sweeps),
        "pairs": sum(sweep.pairs for sweep in sweeps),
        "differing": len(differing),
        "effects": {sweep.scenario: sweep.effects for sweep in sweeps},
    }
    return Result(figures, [f"{fault} (seed {options.seed})" for fault in differing])


RUNS: dict[str, Callable[[Options], Result]] = {"crash_points": crash_points}
