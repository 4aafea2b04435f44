"""Rows of work on one thing after the other, each of which may fail: the rows of the others are shown all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cli.output import FAILURE, FINDINGS, FINE
from core.errors import StarmendError


class Outcomes:
    """The ``rows`` so far, each with its ``problem`` (empty: none), and the ``code`` to exit with."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._has_failed = False

    @contextmanager
    def of(self, **failed: Any) -> Iterator[None]:
        """Work on one thing. What it raises becomes a row: ``failed``, and the error, by its kind, as the problem."""
        try:
            yield
        except StarmendError as error:
            self._has_failed = True
            self.rows.append({**failed, "problem": f"{type(error).__name__}: {error}"})

    @property
    def code(self) -> int:
        """3 where something failed, else 1 where a row has a problem, else 0."""
        if self._has_failed:
            return FAILURE
        return FINDINGS if any(row["problem"] for row in self.rows) else FINE
