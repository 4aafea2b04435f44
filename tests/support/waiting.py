"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0  # seconds: a wait that ends when it may costs nothing, and a busy machine takes ten times as long


def eventually(predicate: Callable[[], T], *, within: float, every: float = 0.05) -> T:
    """The first truthy answer of the predicate; AssertionError, with its last answer, after ``within`` seconds.

    Never before :data:`PATIENCE`: ``within`` says what a quiet machine needs.

    An AssertionError inside the predicate means "not yet"; any other exception is the caller's mistake and passes.
    """
    deadline = time.monotonic() + max(within, PATIENCE)
    while True:
        try:
            answer, why = predicate(), ""
        except AssertionError as error:
            answer, why = None, str(error)  # type: ignore[assignment]
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {max(within, PATIENCE)} s; last answer: {answer!r} {why}")
        time.sleep(every)
