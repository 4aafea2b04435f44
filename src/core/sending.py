"""Offering items to a queue or stream that may take only some of them, until all are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Sent:
    """``refused`` are the indexes of the items that were never taken, in order; ``attempts`` how often was offered."""

    refused: tuple[int, ...]
    attempts: int


def send_until_taken(
    send: Callable[[Sequence[Item]], Sequence[int]],
    items: Sequence[Item],
    *,
    attempts: int,
    pause: Callable[[int], bool] = lambda _attempt: True,
) -> Sent:
    """Send items, and again only those that were not taken, ``attempts`` times at most.

    ``send`` (``Queue.send``, ``Stream.put``) returns the indexes, in what it was given, of items that were not taken.
    ``pause`` is called before each further attempt with its number, from 1 on; where it returns False, that attempt
    is not made. An item may be taken twice where an answer was lost. Whatever ``send`` raises passes through.
    """
    waiting = tuple(range(len(items)))
    attempt = 0
    while waiting and attempt < attempts and (attempt == 0 or pause(attempt)):
        refused = send([items[index] for index in waiting])
        waiting = tuple(waiting[index] for index in refused)
        attempt += 1
    return Sent(waiting, attempt)
