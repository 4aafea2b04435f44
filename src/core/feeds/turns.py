"""Turns at a provider: which calls its plan allows, over all that call it with the same account.

``audit/turns/<account>.json`` in the warehouse bucket holds the turns of the last minute, by the provider's own clock.
It is changed on condition that nobody else changed it, so that any number of callers take turns from one plan. A lost
object is an empty one: at most one minute's calls are then made twice.
"""

from __future__ import annotations

import json
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.json import canonical_json

ROOT = "audit/turns/"
MINUTE = 60_000  # all times here are milliseconds
LONGEST_WAIT = 15 * MINUTE  # as long as a function of AWS runs
LONGEST_PAUSE = 60 * MINUTE  # whatever a provider says, it is called again after an hour
DRIFT = 2_000  # a provider's Date has whole seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls a provider allows in any minute, and in any second (0: no such limit)."""

    per_minute: int
    per_second: int = 0

    def earliest(self, taken: Sequence[int], *, after: int) -> int:
        """The earliest time, from ``after`` on, of one more turn beside those ``taken``, which are sorted.

        Also between turns that others wait for: whoever may call more often need not stand behind whoever may less.
        """
        windows = [(length, most) for length, most in ((MINUTE, self.per_minute), (1_000, self.per_second)) if most]
        turn = after
        while (later := max((_past(taken, turn, length, most) for length, most in windows), default=turn)) > turn:
            turn = later
        return turn


@dataclass(frozen=True, slots=True)
class Share:
    """History's share of an ``account``: ``left`` calls of its own in any minute, which is what live calls leave.

    Beside them it has ``least`` while no more than these are made in a minute at all: live calls may pause.
    """

    account: Plan
    left: int
    least: int

    def earliest(self, taken: Sequence[int], own: Sequence[int], *, after: int) -> int:
        """The earliest time of one more turn beside those ``taken``, of which history has its ``own``; both sorted."""
        quiet = replace(self.account, per_minute=self.least).earliest(taken, after=after)
        if self.left <= 0:
            return quiet
        turn, part = after, Plan(self.left)
        while (later := self.account.earliest(taken, after=part.earliest(own, after=turn))) > turn:
            turn = later
        return min(turn, quiet)


def _past(taken: Sequence[int], turn: int, length: int, most: int) -> int:
    """``turn``, or a later time before which each one would share a window of this length with ``most`` others."""
    place = bisect_right(taken, turn)
    for first in range(min(place, len(taken) - most), max(place - most, 0) - 1, -1):
        last = first + most - 1
        if max(taken[last], turn) - min(taken[first], turn) < length:
            return taken[first] + length
    return turn


@dataclass(frozen=True, slots=True)
class ProviderClock:
    """How far a provider's clock is ahead of this machine's (UTC), and at which time of this machine that was heard.

    ``furthest`` is how far ahead it may have been before. A clock that is heard there again has not run on: servers of
    one provider whose clocks differ, and answers that came from a cache, set it back and forth.
    """

    ahead: int = 0
    heard: int = 0
    furthest: int = 0

    def shown_by(self, earliest: int, latest: int, *, heard: int) -> ProviderClock:
        """The clock as an answer shows it, which was ahead by ``earliest`` at least and by ``latest`` at most.

        It is changed no more than the answer asks for, so that what many answers say narrows it down.
        """
        if not self.heard:
            return ProviderClock(earliest, heard, latest)
        ahead = min(max(self.ahead, earliest), latest)
        if ahead == self.ahead:
            return self
        furthest = max(self.furthest, latest) if ahead > self.furthest else self.furthest
        return ProviderClock(ahead, max(heard, self.heard + 1), furthest)


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns that were given away (sorted epoch milliseconds of the provider's clock, at most the last minute's).

    No turn is given before ``closed_until``: the provider asked for a pause. ``history`` are those of ``taken`` that
    calls for history have; an earlier release that changes the turns forgets which they were.
    """

    taken: tuple[int, ...] = ()
    closed_until: int = 0
    clock: ProviderClock = ProviderClock()
    history: tuple[int, ...] = ()

    def by_clock(self, clock: ProviderClock) -> Turns:
        """By the clock that was heard last. Heard first, or set back, the turns and the pause keep their age.

        Where it runs further ahead than ever they do not: a provider whose minutes pass faster allows its calls faster.
        """
        if clock.heard <= self.clock.heard:
            return self
        before = self.clock
        furthest = max(before.furthest, before.ahead) if before.heard else clock.ahead
        moved = clock.ahead - before.ahead - max(0, clock.ahead - furthest)
        clock = replace(clock, furthest=max(clock.furthest, clock.ahead, furthest))
        closed = self.closed_until + moved if self.closed_until else 0
        taken, history = (tuple(turn + moved for turn in turns) for turns in (self.taken, self.history))
        return Turns(taken, closed, clock, history)

    def grant(self, count: int, plan: Plan | Share, *, now: int, latest: int) -> tuple[Turns, tuple[int, ...]]:
        """The next ``count`` turns, or fewer, none of them after ``latest``; ``now`` is this machine's time.

        Unchanged where there are none. Turns and ``latest`` are in the provider's time. A plan is for live calls, a
        share for history.
        """
        here = now + self.clock.ahead
        taken, own, opens = _standing(self.taken, here), _standing(self.history, here), self._opens(here)
        granted: list[int] = []
        while len(granted) < count and (turn := _earliest(plan, taken, own, after=opens)) <= latest:
            insort(taken, turn)
            if isinstance(plan, Share):
                insort(own, turn)
            granted.append(turn)
        return (replace(self, taken=tuple(taken), history=tuple(own)), tuple(granted)) if granted else (self, ())

    def next_turn(self, plan: Plan | Share, *, now: int) -> int:
        """When the next turn would be, in the provider's time."""
        here = now + self.clock.ahead
        return _earliest(plan, _standing(self.taken, here), _standing(self.history, here), after=self._opens(here))

    def _opens(self, here: int) -> int:
        """From when on there are turns. A pause longer than any was told by a clock that has been set back since."""
        return max(here, self.closed_until) if self.closed_until <= here + LONGEST_PAUSE + DRIFT else here

    def closed(self, until: int) -> Turns:
        """Without turns before ``until``."""
        return replace(self, closed_until=max(until, self._opens(until)))

    def to_json(self) -> bytes:
        """The object's bytes."""
        return canonical_json(
            {
                "taken": list(self.taken),
                "closed_until": self.closed_until,
                "ahead": self.clock.ahead,
                "heard": self.clock.heard,
                "furthest": self.clock.furthest,
                **({"history": list(self.history)} if self.history else {}),
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> Turns:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` where the bytes are none."""
        data: dict[str, Any] = json.loads(body)
        clock = ProviderClock(int(data["ahead"]), int(data["heard"]), int(data.get("furthest", data["ahead"])))
        taken, history = (tuple(sorted(map(int, turns))) for turns in (data["taken"], data.get("history", ())))
        return cls(taken, int(data["closed_until"]), clock, history)


def _earliest(plan: Plan | Share, taken: Sequence[int], own: Sequence[int], *, after: int) -> int:
    return plan.earliest(taken, own, after=after) if isinstance(plan, Share) else plan.earliest(taken, after=after)


def _standing(turns: Sequence[int], here: int) -> list[int]:
    """Turns that count now. One later than anybody waits for was given by a clock that has been set back since."""
    first, end = bisect_right(turns, here - MINUTE), bisect_right(turns, here + LONGEST_WAIT)
    return list(turns[first:end])
