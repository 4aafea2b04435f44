"""Sweeps over a past that grows: in each audit a part of it, and after a round of audits every part. Pure.

Parts are numbered from 1970 on and not from their first one, so that a part has its turn whatever is added meanwhile:
less than a part in two audits, or no sweep of one part an audit keeps up with it.
"""

from __future__ import annotations

# The audits of a round, of which the least is taken that is enough. Primes, so that audits of the same hours of the day
# meet all parts too; far apart, so that a round is seldom broken off for a longer one.
_ROUNDS = (1, 5, 11, 23, 47, 97, 197, 397, 797, 1597, 3203, 6421)


def whose_turn(first: int, end: int, turn: int) -> range:
    """The parts of ``[first, end)`` whose turn it is in audit ``turn``: at most one, of up to 6,421 parts."""
    rounds = next((number for number in _ROUNDS if number >= end - first), _ROUNDS[-1])
    return range(first + (turn - first) % rounds, end, rounds)
