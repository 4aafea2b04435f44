"""Reading ahead: the next item is made in a thread while its consumer uses the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def read_ahead(source: Iterator[T]) -> Iterator[T]:
    """Yield the same items in the same order, and make the next in a thread meanwhile. At most two are held."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(_next_of, source)
        while item := pending.result():
            pending = pool.submit(_next_of, source)
            yield item[0]


def _next_of(source: Iterator[T]) -> tuple[T] | None:
    for item in source:
        return (item,)
    return None


def map_ahead(work: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """Yield the results in the items' order, made by ``workers`` threads; at most one result waits for each of them.

    An error of ``items`` or ``work`` is raised where the result would have come.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
