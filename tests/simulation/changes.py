"""Changes of contracts in the middle of everything: a symbol more, a column more that the source had for a while."""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.simulation.cloud import CONTRACTS, TODAY, Cloud
from tests.simulation.judge import FEED, SHOP, STEP, Judge

from core.authoring.load import load
from core.contract.model import Contracts

SYMBOL = ("prices.yaml", "    BBB: {attributes: {venue: South}}\n", "    CCC: {attributes: {venue: East}}\n")
FIELD = ("shop.yaml", "        note: string?\n", "        channel: string?\n")
COLUMN = ("shop.yaml", "      note: string\n", "      channel: string\n")
STEPS = ((SYMBOL,), (FIELD, COLUMN))


@functools.cache
def changed_contracts(done: frozenset[int]) -> Contracts:
    """The contracts after these of ``STEPS``."""
    with tempfile.TemporaryDirectory(prefix="starmend-simulated-") as folder:
        for file in CONTRACTS.glob("*.yaml"):
            text = file.read_text(encoding="utf-8")
            for number in sorted(done):
                for name, line, more in STEPS[number]:
                    text = text.replace(line, line + more) if name == file.name else text
            (Path(folder) / file.name).write_text(text, encoding="utf-8")
        return load(Path(folder), today=TODAY)


class Changes:
    """Deploys each of the steps once, in an order and at times that the seed chooses."""

    def __init__(
        self, cloud: Cloud, judge: Judge, seed: int, until: float, *, begin_before: Callable[[], None]
    ) -> None:
        self.cloud = cloud
        self.judge = judge
        self.until = until
        self.draw = random.Random(f"changes {seed}")
        self._begin_before = begin_before
        self._done: frozenset[int] = frozenset()

    def deploy(self) -> None:
        """The source changes first where it has to; Terraform some time later."""
        world = self.cloud.world
        steps = self.draw.sample(range(len(STEPS)), len(STEPS))
        for number in steps:
            world.sleep(self.draw.uniform(0.1, 0.6) * max(self.until - world.time, 0.0))
            if world.time >= self.until:
                return
            if FIELD in STEPS[number]:
                self.cloud.database.add_column("purchase", "channel", "string?")
                world.sleep(self.draw.uniform(0, 4 * 3600))
            self._done |= {number}
            if self.draw.random() < 0.5:  # a command that goes by the contracts of before, and ends after them
                world.spawn(self._begin_before)
                world.sleep(self.draw.uniform(0.1, 2))
            self.cloud.deploy(changed_contracts(self._done))
            self.cloud.weather.counts["contract changed"] += 1
            if SYMBOL in STEPS[number]:
                self.judge.since["CCC"] = int(world.time) // STEP * STEP + STEP


__all__ = ["FEED", "SHOP", "Changes", "changed_contracts"]
