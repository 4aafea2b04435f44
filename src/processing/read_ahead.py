"""Work that is done while its consumer is busy with what came before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def read_ahead(source: Iterator[T]) -> Iterator[T]:
    """The same items in the same order; the next one is made, in a thread, while one is used. At most two are held."""
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(_next_of, source)
        while found := coming.result():
            coming = beside.submit(_next_of, source)
            yield found[0]


def _next_of(source: Iterator[T]) -> tuple[T] | None:
    for item in source:
        return (item,)
    return None


def map_ahead(work: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """The results in the items' order, made by so many threads; not more than one waits for each of them.

    What ``items`` or ``work`` raises comes where the result would have come.
    """
    with ThreadPoolExecutor(workers) as beside:
        coming: deque[Future[R]] = deque()
        for item in items:
            coming.append(beside.submit(work, item))
            if len(coming) > workers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
