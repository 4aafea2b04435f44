"""Lambda: containers that are built once, invocations that end at their time-out or are killed at any effect."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from tests.simulation.weather import Weather
from tests.simulation.world import Killed, World

from core.errors import OutOfReach, TransientFailure

R = TypeVar("R")
T = TypeVar("T")
LATENCY = 0.02  # seconds that an effect takes, on the average


@dataclass
class Life:
    """One invocation: when it is cut off, at which effect it dies, and how many effects have failed it."""

    deadline: float
    dies_at: int = 0
    takes_place: bool = False
    effects: int = 0
    faults: int = 0
    dead: bool = False


class Container:
    """A process that invocations run in, one after the other; its clock is off by ``skew`` seconds."""

    def __init__(self, world: World, weather: Weather, name: str, skew: float) -> None:
        self.world = world
        self.weather = weather
        self.name = name
        self.skew = skew
        self.draw = random.Random(f"{world.seed} {name}")
        self.life: Life | None = None
        self.taken = 0  # records that a stream took of it

    def now(self) -> datetime:
        """The time that this machine shows."""
        return self.world.now + timedelta(seconds=self.skew)

    def timer(self) -> float:
        """Monotonic seconds."""
        return self.world.time

    def sleep(self, seconds: float) -> None:
        """The process waits."""
        self._pass(seconds)

    @property
    def seconds_left(self) -> float:
        return self.life.deadline - self.world.time if self.life else 60.0

    def port(self, port: T, service: str) -> T:
        """The port, as a process in the cloud has it: each call takes time and may fail."""
        return _Port(port, service, self)  # type: ignore[return-value]

    def perform(self, service: str, effect: str, work: Callable[[], T], offered: Sequence[object] = ()) -> T:
        """An effect on a service. ``offered`` is what a call that may succeed partly offers."""
        life = self.life
        if life is None:
            return work()
        life.effects += 1
        self._pass(self.draw.expovariate(1 / LATENCY))
        dies = life.dies_at == life.effects
        if dies and not life.takes_place:
            self._die(life)
        fault = self.weather.fault(service, effect, self.world.time)
        life.faults += bool(fault)
        if fault == "unanswered":
            raise OutOfReach(effect, service, "no answer")
        if fault == "conflict":
            raise TransientFailure(effect, service, "another conditional write is in flight")
        if fault == "partly" and offered:
            refused = sorted(self.draw.sample(range(len(offered)), self.draw.randint(1, len(offered))))
            _keep(offered, refused)
            if offered:
                work()
            return refused  # type: ignore[return-value]
        result = work()
        if dies:
            self._die(life)
        if fault == "lost":
            raise OutOfReach(effect, service, "the answer was lost")
        if fault == "hidden":
            return work()
        return result

    def _pass(self, seconds: float) -> None:
        life = self.life
        if life is not None and life.dead:
            raise Killed(self.name)
        self.world.sleep(seconds)
        if life is not None and self.world.time > life.deadline:
            self._die(life)

    def _die(self, life: Life) -> None:
        life.dead = True
        self.weather.counts["killed"] += 1
        raise Killed(self.name)


def _keep(offered: Any, refused: Sequence[int]) -> None:
    """What is taken of what is offered, in place."""
    offered[:] = [item for index, item in enumerate(offered) if index not in refused]


class _Port:
    def __init__(self, port: Any, service: str, container: Container) -> None:
        self._port = port
        self._service = service
        self._container = container

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if not callable(member):
            return member
        container, service = self._container, self._service

        def call(*args: Any, **named: Any) -> Any:
            if name in ("put", "send") and args and isinstance(args[0], Sequence) and not isinstance(args[0], str):
                offered = list(args[0])
                return container.perform(service, name, lambda: member(offered, *args[1:], **named), offered)
            if name == "list":
                return iter(container.perform(service, name, lambda: [*member(*args, **named)]))
            return container.perform(service, name, lambda: member(*args, **named))

        self.__dict__[name] = call
        return call


class Function(Generic[R]):
    """A function of the account. ``build`` makes the runtime of a container, with the ports that it gives it."""

    def __init__(
        self, world: World, weather: Weather, name: str, *, seconds: float, build: Callable[[Container], R]
    ) -> None:
        self._world = world
        self._weather = weather
        self.name = name
        self.seconds = seconds
        self._build = build
        self._idle: list[tuple[Container, R]] = []
        self._made = 0

    def call(self, work: Callable[[R], T]) -> T:
        """One invocation. Raises ``Killed`` where it did not end, and what it raises itself."""
        weather = self._weather
        container, runtime = self._idle.pop() if self._idle else self._new()
        death = weather.dies_after(self.name)
        life = Life(self._world.time + self.seconds, *(death or (0, False)))
        container.life = life
        try:
            return work(runtime)
        except Killed:
            life.dead = True
            raise
        finally:
            if not life.dead and not weather.happens("container lost", 0.02):
                container.life = None
                self._idle.append((container, runtime))

    def redeployed(self) -> None:
        """Invocations that begin from now on run the new code; those under way end as they began."""
        self._idle.clear()

    def _new(self) -> tuple[Container, R]:
        self._made += 1
        draw = self._weather.draw
        skew = draw.gauss(0, 0.05) if draw.random() < 0.9 else draw.uniform(-2, 2)
        container = Container(
            self._world, self._weather, f"{self.name}-{self._made}", 0.0 if self._weather.calm else skew
        )
        return container, self._build(container)
