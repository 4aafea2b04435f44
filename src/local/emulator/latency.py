"""S3's latencies, for an emulator and for stores in memory that are to take as long. Pure."""

from __future__ import annotations

import random

# Seconds, and the standard deviation as a share. Conditional swaps of one object took others 58 to 68 ms in 2026.
GET, PUT, SWAP, JITTER = 0.020, 0.030, 0.065, 0.2


def latency(*, writes: bool, conditional: bool, chance: random.Random) -> float:
    """How long a request takes: one that reads, one that writes, or one that writes on a condition."""
    mean = GET if not writes else SWAP if conditional else PUT
    return max(mean / 2, chance.gauss(mean, JITTER * mean))
