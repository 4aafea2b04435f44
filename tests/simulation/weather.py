"""What goes wrong and how often: AWS's documented misbehaviour, drawn from the seed, in spells of good and bad weather.

Sources: Amazon S3 User Guide ("Conditional requests": 409 and 412; "Event notifications": at least once, in any order;
strong consistency, so that no listing is stale), SQS Developer Guide (at least once, any order), Kinesis PutRecords
(failures record by record), Lambda ("Retry behavior": an invocation may run twice, and ends at its time-out), Parameter
Store's quotas (throttling). A client's own retry hides a success behind a 412.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["", "unanswered", "lost", "hidden", "conflict", "partly"]
SERVICES = ("ingest", "warehouse", "parameters", "queue", "stream", "database", "mail", "secrets")
CONDITIONAL = frozenset({"swap_pointer", "write"})
WRITES = frozenset({"swap_pointer", "write", "write_object", "delete", "put", "send", "publish"})
PARTLY = frozenset({"put", "send"})
FRAGILE = {"extract": 0.15, "check": 0.04, "restate": 0.04, "mirror": 0.05, "operator": 0.05}  # called too rarely else


@dataclass
class Weather:
    """The faults of a simulation. ``counts`` is what was done to it, by kind.

    In calm weather one effect in some thousands fails; in a spell one service fails often, or always. ``calm`` ends it
    all: what is left has to heal.
    """

    seed: int
    calm: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    base: float = 0.001
    partly: float = 0.03  # of the calls that may succeed partly: a shard that is full refuses some records, every day
    kills: float = 0.01
    off: frozenset[str] = frozenset()
    _spells: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"weather {self.seed}")

    def spell(self, service: str, until: float, rate: float) -> None:
        """A service fails this often until then."""
        if "spells" not in self.off:
            self._spells[service] = until, rate
            self.counts["spell"] += 1

    def fault(self, service: str, effect: str, now: float) -> Fault:
        """How this effect fails, mostly not at all."""
        if self.calm:
            return ""
        until, rate = self._spells.get(service, (0.0, 0.0))
        rate = rate if now < until else self.base
        may_be_partly = effect in PARTLY and service in ("stream", "queue")
        if self.draw.random() >= rate:
            return "partly" if may_be_partly and self.happens("partly", self.partly) else ""
        kinds: list[Fault] = ["unanswered"]
        if effect in WRITES:
            kinds += ["lost"]
        if effect in CONDITIONAL and service in ("ingest", "warehouse"):
            kinds += ["hidden", "conflict"]
        if may_be_partly:
            kinds += ["partly", "partly"]
        fault = self.draw.choice(kinds)
        if fault in self.off:
            return ""
        self.counts[fault] += 1
        return fault

    def dies_after(self, function: str) -> tuple[int, bool] | None:
        """The effect that an invocation does not outlive, and whether it takes place; None: it lives."""
        if self.calm or "killed" in self.off or self.draw.random() >= FRAGILE.get(function, self.kills):
            return None
        return int(self.draw.expovariate(1 / 12)) + 1, self.draw.random() < 0.5

    def happens(self, what: str, chance: float) -> bool:
        """Whether something of this kind happens now; it is counted."""
        if self.calm or what in self.off or self.draw.random() >= chance:
            return False
        self.counts[what] += 1
        return True
