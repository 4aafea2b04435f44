"""A dictionary that knows the order of its keys; of the standard library alone, for functions' tests have no other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class OrderedKeys(dict[str, T]):
    """Setting and deleting keep the order, so that keys with a prefix are found without looking at all others."""

    def __init__(self, items: Mapping[str, T] | None = None) -> None:
        super().__init__(items or {})
        self._order = sorted(self)

    def __reduce__(self) -> tuple[type[OrderedKeys[T]], tuple[dict[str, T]]]:
        return OrderedKeys, (dict(self),)  # a copy has an order of its own

    def __setitem__(self, key: str, value: T) -> None:
        if key not in self:
            insort(self._order, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        del self._order[bisect_left(self._order, key)]

    def pop(self, key: str, *otherwise: T) -> T:  # type: ignore[override]
        if key in self:
            del self._order[bisect_left(self._order, key)]
        return super().pop(key, *otherwise)

    def update(self, other: Mapping[str, T]) -> None:  # type: ignore[override]
        for key, value in other.items():
            self[key] = value

    def clear(self) -> None:
        super().clear()
        self._order.clear()

    def below(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """The keys with this prefix that come behind ``after``, in order."""
        first = bisect_left(self._order, prefix) if after < prefix else bisect_right(self._order, after)
        for place in range(first, len(self._order)):
            if not self._order[place].startswith(prefix):
                return
            yield self._order[place]
