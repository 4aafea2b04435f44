"""Problems of a contract, each with its place and its remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.errors import BadContract

MOST_OPTIONS = 20  # that a remedy lists


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a contract.

    ``path`` is inside the file, ``warehouse.fact_quote.key``. A warning lets the contract pass.
    """

    file: str
    path: str
    problem: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {self.path}: {self.problem}. {self.remedy}"


class Problems:
    """The problems of one file; a check goes on after a problem, so that one run reports all."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.items: list[Problem] = []

    def add(self, path: str, problem: str, remedy: str, *, warning: bool = False) -> None:
        """Add a problem."""
        self.items.append(Problem(self.file, path, problem, remedy, warning))

    def expect_one_of(self, path: str, name: str, allowed: Iterable[str], *, what: str) -> bool:
        """Add a problem unless ``name`` is allowed; the remedy names the nearest that is."""
        options = sorted(allowed)
        if name in options:
            return True
        self.add(path, f"{name!r} is no {what}", nearest(name, options))
        return False


def nearest(name: str, options: Sequence[str]) -> str:
    """A remedy for a wrong name: the nearest option, or the first of them where none is near."""
    close = difflib.get_close_matches(name, options, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    more = f" and {len(options) - MOST_OPTIONS} more" if len(options) > MOST_OPTIONS else ""
    return f"Use one of: {', '.join(options[:MOST_OPTIONS]) or '(there are none)'}{more}"


class BadContracts(BadContract):
    """All problems of the contracts; the message is that of the first, and says how many more there are."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__("contract check", f"{first.file}: {first.path}", first.problem + more, first.remedy)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type, tuple[Sequence[Problem]]]:  # type: ignore[override]
        return type(self), (self.problems,)
