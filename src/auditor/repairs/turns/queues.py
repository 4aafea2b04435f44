"""Queues of what waits for a repair, and fair turns for them within a budget. Pure.

What is amiss of one kind in one table is a queue. Queues take turns item by item, so that none waits for another's
end, and a queue goes on in the next run where this one ended. So each item is reached after so many runs as its queue
has shares of the budget, whatever lies before it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.landing.ingest_objects import KeyValue

Item = tuple[KeyValue, ...]  # that of an object or a row, a path, a number


@dataclass(frozen=True, slots=True)
class Place:
    """How far a queue came of which not all had a turn.

    ``after`` was the last that had one, ``until`` is the last of the round: what came behind it since waits for the
    next, so that what never ends keeps nobody from his turn. Empty: none had one. Something of it has waited in each
    run ``since`` then (epoch seconds).
    """

    after: Item = ()
    until: Item = ()
    since: int = 0


Places = Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Queue:
    """Items of one kind and place, first those whose turn it is; so many of them are a job.

    ``space`` is what is done with them, and of what (``items.items_of``).
    """

    dataset: str
    kind: str
    place: str
    items: Sequence[Item]
    per_job: int = 1
    space: str = ""

    @property
    def name(self) -> str:
        """What the memory of places knows it by."""
        return queue_name(self.dataset, self.kind, self.place)

    @property
    def jobs(self) -> int:
        """The jobs that all of it needs."""
        return -(-len(self.items) // self.per_job)


def queue_name(dataset: str, kind: str, place: str) -> str:
    """The name of a queue."""
    return f"{kind} {dataset}/{place}"


def is_step(name: str) -> bool:
    """Whether a place is that of a plan's step, at which queues take turns, and of no queue."""
    return " " not in name


def in_turn(items: Iterable[Item], place: Place, *, tried: Container[Item] = ()) -> list[Item]:
    """Each item once, in the order of turns: first what was not ``tried`` in this run, each part from the place on."""
    ordered = list(dict.fromkeys(items))
    if len(ordered) < 2:
        return ordered
    ordered.sort(key=_rank)
    if place.after:
        ahead = [item for item in ordered if _is_ahead(item, place)]
        ordered = ahead + [item for item in ordered if not _is_ahead(item, place)]
    return sorted(ordered, key=lambda item: item in tried)  # it keeps the order of each part


def place_after(queue: Queue, place: Place, served: Container[Item]) -> Place:
    """The place at which the next run goes on, after the ``served`` items had their turn in this one."""
    had = [item for item in queue.items if item in served]
    anew = [item for item in had if not (place.after and _is_ahead(item, place))]
    if anew:  # the round ended, and the next began
        return Place(max(anew, key=_rank), max(queue.items, key=_rank), place.since)
    return Place(max(had, key=_rank), place.until, place.since) if had else place


def _is_ahead(item: Item, place: Place) -> bool:
    return _rank(place.after) < _rank(item) <= _rank(place.until)


def _rank(item: Item) -> tuple[tuple[int, object], ...]:
    """An order of all items: numbers before texts, and those of a kind among themselves."""
    return tuple(
        (0, value) if isinstance(value, int | float) else (1, value) if isinstance(value, str) else (2, repr(value))
        for value in item
    )


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of each queue's first items have their turn now, by its name, and which queue was the ``last``."""

    counts: Mapping[str, int]
    last: str

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def take_turns(
    queues: Sequence[Queue],
    *,
    most: int,
    jobs: int,
    after: str = "",
    weight: int | None = None,
    weigh: Callable[[Queue, int], int] = lambda _queue, _number: 1,
) -> Shares:
    """Share ``most`` items and so many ``jobs`` among the queues, item by item, from the queue behind ``after`` on.

    ``weight``: no more in all than that of what each item weighs.
    """
    ordered = sorted(queues, key=lambda queue: (queue.name <= after, queue.name))
    counts = dict.fromkeys((queue.name for queue in ordered), 0)
    last, left, allowed = after, most, weight
    while ordered and left > 0:
        still: list[Queue] = []
        for queue in ordered:
            number = counts[queue.name]
            begins = number % queue.per_job == 0  # another job
            if number == len(queue.items) or not left or (begins and not jobs):
                continue
            if allowed is not None:
                heavy = weigh(queue, number)
                if heavy > allowed:
                    continue
                allowed -= heavy
            counts[queue.name], left, jobs, last = number + 1, left - 1, jobs - begins, queue.name
            still.append(queue)
        ordered = still
    return Shares(counts, last)


def for_now(most: int, queues: int, later: int) -> int:
    """The part of a run's budget for so many queues, where ``later`` ones, of the next attempt, have a share too."""
    return most * queues // (queues + later) if later else most


def fair_parts(needs: Mapping[str, int], most: int) -> dict[str, int]:
    """Parts of ``most``: nobody gets more than it needs, and who gets less gets no less than anybody else."""
    parts = {}
    left = max(0, most)
    for number, (name, need) in enumerate(sorted(needs.items(), key=lambda pair: pair[1])):
        parts[name] = min(need, left // (len(needs) - number))
        left -= parts[name]
    return parts
