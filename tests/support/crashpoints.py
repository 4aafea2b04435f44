"""Crash points: every effect on a store or a queue is a numbered place where a run can be cut.

A scenario gets ``Effects`` and passes its ports through ``effects.watch``. Run once without a fault it says how many
effects there are; then it is run once for each of them and each way to fail:

- ``before``: the process dies, the effect does not take place;
- ``after``: the effect takes place, then the process dies;
- ``lost``: the effect takes place, but the answer is a time-out, and the process lives.

Dying is ``Crash``, a BaseException that no code of ours may catch, and after it no other thread of that run has an
effect any more; in a child process it can be a real SIGKILL (``die=kill_myself``).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from core.errors import OutOfReach

Way = Literal["before", "after", "lost"]
WAYS: tuple[Way, ...] = ("before", "after", "lost")
WRITES = frozenset({"write_object", "swap_pointer", "write", "delete", "put", "put_many", "send", "publish"})
T = TypeVar("T")


class Crash(BaseException):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class Point:
    """The effect of that number (from 0), and how it fails."""

    number: int
    way: Way

    def __str__(self) -> str:
        return f"{self.number}-{self.way}"


def _crash(point: Point) -> NoReturn:
    raise Crash(str(point))


def kill_myself(_: Point) -> NoReturn:
    """As the memory limit or an operator would: no handler, no ``finally``, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


class Effects:
    """Counts the effects of the watched ports, in the order in which they begin, and fails at one point."""

    def __init__(self, point: Point | None = None, *, die: Callable[[Point], NoReturn] = _crash) -> None:
        self.point = point
        self.log: list[str] = []
        self.fired = False
        self._die = die
        self._dead = False
        self._lock = threading.Lock()

    def watch(self, port: T, *, writes: frozenset[str] = WRITES) -> T:
        """The port, its effects counted. ``writes`` are the methods that have any."""
        return _Watched(port, self, writes)  # type: ignore[return-value]

    def perform(self, name: str, effect: Callable[[], T]) -> T:
        with self._lock:
            if self._dead:
                raise Crash(f"dead already at {self.point}")
            number = len(self.log)
            self.log.append(name)
            self._dead = self.point is not None and self.point.number == number and self.point.way != "lost"
        if self.point is None or self.point.number != number:
            return effect()
        self.fired = True
        if self.point.way == "before":
            self._die(self.point)
        effect()
        if self.point.way == "after":
            self._die(self.point)
        raise OutOfReach(name, "a watched port", "the answer was lost")


class _Watched:
    def __init__(self, port: object, effects: Effects, writes: frozenset[str]) -> None:
        self._port = port
        self._effects = effects
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if name not in self._writes or not callable(member):
            return member
        return lambda *args, **named: self._effects.perform(name, lambda: member(*args, **named))


def every_point(scenario: Callable[[Effects], object], *, ways: Sequence[Way] = WAYS) -> Iterator[Point]:
    """Runs the scenario once without a fault, and gives all its points; raises where it has no effect at all."""
    effects = Effects()
    scenario(effects)
    if not effects.log:
        raise AssertionError("the scenario has no effect: are its ports watched?")
    for number in range(len(effects.log)):
        for way in ways:
            yield Point(number, way)


def until_done(attempt: Callable[[Effects], T], effects: Effects, *, redeliveries: int = 3) -> T:
    """What a queue does: after a crash or a failure the same message is delivered again, this time without a fault."""
    try:
        return attempt(effects)
    except (Crash, Exception):
        if not effects.fired:
            raise
    for _ in range(redeliveries - 1):
        attempt(Effects())
    return attempt(Effects())
