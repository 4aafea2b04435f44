"""A value of another type is told wherever it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest

from core.typed import typed


@dataclass(frozen=True, slots=True)
class Inner:
    name: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    kind: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=lambda: Inner("x"))
    by_name: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pairs: Sequence[tuple[str, float]] = ()
    some: frozenset[str] = frozenset()


def test_what_its_type_says_is_itself() -> None:
    value = Outer("b", Inner("x", 2), {"a": (1, 2)}, [("a", 1)], frozenset("a"))
    assert typed(value) is value


@pytest.mark.parametrize(
    "value",
    [
        Outer("c"),  # type: ignore[arg-type]
        Outer(inner="x"),  # type: ignore[arg-type]
        Outer(inner=Inner(1)),  # type: ignore[arg-type]
        Outer(inner=Inner("x", True)),
        Outer(inner=Inner("x", 10**30)),
        Outer(by_name=()),  # type: ignore[arg-type]
        Outer(by_name={"a": (1, "2")}),  # type: ignore[dict-item]
        Outer(by_name={1: (1,)}),  # type: ignore[dict-item]
        Outer(pairs="ab"),  # type: ignore[arg-type]
        Outer(pairs=[("a", 1, 2)]),  # type: ignore[list-item]
        Outer(some=("a",)),  # type: ignore[arg-type]
    ],
)
def test_another_type_is_told_wherever_it_lies(value: Outer) -> None:
    with pytest.raises(TypeError, match="is of another type"):
        typed(value)
