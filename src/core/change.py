"""Changing an object that others may change at the same time: read, change, write on condition that nobody else did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from core.errors import TransientFailure
from core.json import UNREADABLE
from core.ports import ObjectReader, ObjectStore, Refused
from core.typed import typed

TRIES = 20

Content = TypeVar("Content")


def change_object(
    store: ObjectStore,
    key: str,
    change: Callable[[Content], Content],
    *,
    read: Callable[[bytes | None], Content],
    write: Callable[[Content], bytes],
    operation: str,
    remedy: str,
) -> Content:
    """Apply ``change`` to the newest content of a JSON object, again whenever another writer was faster.

    ``read`` makes the content of the object's bytes, or of None where there is no object; ``write`` the reverse.
    ``change`` must have no effects, for it is called once for every try. Nothing is written where it changes nothing.
    Returns the content that is stored now. Raises ``TransientFailure`` with the caller's ``operation`` and ``remedy``
    where other writers are faster ``TRIES`` times; what ``read`` and the store raise passes through.
    """
    for _ in range(TRIES):
        stored = store.read(key)
        before = read(stored.body if stored else None)
        after = change(before)
        if stored is not None and after == before:
            return after
        answer = store.write(
            key,
            write(after),
            if_absent=stored is None,
            if_match=stored.stat.etag if stored else "",
            content_type="application/json",
        )
        if not isinstance(answer, Refused):
            return after
    raise TransientFailure(operation, key, f"beaten {TRIES} times", remedy)


class Memorable(Protocol):
    """What one run hands on to the next; made without arguments it is what the first run knows."""

    def to_json(self) -> bytes:
        """The canonical bytes."""
        ...

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` where the bytes are none."""
        ...


Memory = TypeVar("Memory", bound=Memorable)


@dataclass(frozen=True)
class Remembered(Generic[Memory]):
    """An object for each dataset that is a memory and not the truth: one that is lost or cannot be read counts as none.

    So does one of which a field is not of the type that it is promised to be: whoever goes by it would fail.

    ``root`` is where the objects lie, ``name`` what errors call them.
    """

    kind: type[Memory]
    root: str
    name: str

    def key(self, dataset: str) -> str:
        """The key of a dataset's object."""
        return f"{self.root}{dataset}.json"

    def read(self, store: ObjectReader, dataset: str) -> Memory:
        """What is remembered of a dataset."""
        stored = store.read(self.key(dataset))
        return self._memory_of(stored.body if stored else None)

    def change(self, store: ObjectStore, dataset: str, change: Callable[[Memory], Memory]) -> Memory:
        """Apply a change to the newest memory, as often as others are faster; no write where it changes nothing."""
        return change_object(
            store,
            self.key(dataset),
            change,
            read=self._memory_of,
            write=self.kind.to_json,
            operation=f"write {self.name}",
            remedy="The next audit does it",
        )

    def _memory_of(self, body: bytes | None) -> Memory:
        try:
            return typed(self.kind.from_json(body)) if body is not None else self.kind()
        except UNREADABLE:
            return self.kind()
