"""Prices as a pure function of symbol, minute and seed, in exact decimals.

Counted in ticks of 0.0001 USD, as whole numbers; no float comes near them. A whole session is computed at once, for
every quote tells the day's highest and lowest price so far.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

TICKS_PER_DOLLAR = 10_000
_ANCHOR_MINUTES = 60

# A quote stays at its minute's open this long, then shows the other three prices, so that a late poll is told apart.
OPEN_SECONDS, HIGH_SECONDS, LOW_SECONDS = 20, 35, 50

Whole = npt.NDArray[np.int64]
Draws = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Candle:
    """One minute. The four prices are distinct, and low < open, close < high."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int

    def at_second(self, second: int) -> Decimal:
        """What a quote shows at this second (0-59) of the minute."""
        if second < OPEN_SECONDS:
            return self.open
        if second < HIGH_SECONDS:
            return self.high
        return self.low if second < LOW_SECONDS else self.close


@dataclass(frozen=True)
class Minutes:
    """Candles of many minutes, prices in ticks."""

    open: Whole
    high: Whole
    low: Whole
    close: Whole
    volume: Whole

    def candle(self, place: int) -> Candle:
        return Candle(
            open=dollars(self.open[place]),
            high=dollars(self.high[place]),
            low=dollars(self.low[place]),
            close=dollars(self.close[place]),
            volume=int(self.volume[place]),
        )


def candle(symbol: str, minute: int, *, seed: int = 0, revision: int = 0) -> Candle:
    """The candle of this minute, counted from the epoch. A revision is what the provider says after a correction."""
    return candles(symbol, np.array([minute]), seed=seed, revision=revision).candle(0)


def candles(symbol: str, minutes: Whole, *, seed: int = 0, revision: int = 0) -> Minutes:
    """Hourly anchors within 3 percent of the symbol's own price, a drift between them, and noise in every minute."""
    key = int.from_bytes(hashlib.blake2b(f"{seed}/{symbol}".encode(), digest_size=8).digest(), "big")
    # Between 20 and 820 dollars: far enough from zero for every move.
    base = TICKS_PER_DOLLAR * 20 + key % (TICKS_PER_DOLLAR * 800)
    hours, steps = np.divmod(minutes, _ANCHOR_MINUTES)
    left, right = (base * 97 // 100 + _split(_mix(key + 1, hours + n), base * 6 // 100)[0] for n in (0, 1))
    noise, rest = _split(_mix(key, minutes), base // 500)
    move, rest = _split(rest, base // 1_000)
    up, rest = _split(rest, 2)
    above, rest = _split(rest, base // 2_000)
    below, _ = _split(rest, base // 2_000)
    opened = left + (right - left) * steps // _ANCHOR_MINUTES + noise + revision * 173
    closed = opened + (1 + move) * (2 * up - 1)
    return Minutes(
        open=opened,
        high=np.maximum(opened, closed) + 1 + above,
        low=np.minimum(opened, closed) - 1 - below,
        close=closed,
        volume=100 + _split(_mix(key + 2, minutes), 250_000)[0],
    )


def dollars(ticks: int) -> Decimal:
    return Decimal(int(ticks)).scaleb(-4)


def _mix(key: int, numbers: Whole) -> Draws:
    """Sixty-four well mixed bits for each number (the finaliser of SplitMix64; arithmetic modulo 2**64)."""
    bits = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key % 2**64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _split(draws: Draws, below: int) -> tuple[Whole, Draws]:
    """A number in [0, below) out of each draw, and what is left of the draw."""
    rest, number = np.divmod(draws, np.uint64(below))
    return number.astype(np.int64), rest
