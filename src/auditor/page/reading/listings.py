"""Listings, each asked for once in a page: its parts look at the same names, and a LIST costs what a PUT does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from core.ports import ObjectInfo, ObjectStat, ObjectStore, OpenObject, Refused, StoredObject, Written

MOST_KEPT = 1_000  # names of a listing: those of one request


class ListedOnce:
    """``core.ports.ObjectStore`` that keeps the names of each listing that one request answers.

    Two threads that ask for the same at once may both reach the store. It serves one page: what is written after a
    listing is in the next one.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._kept: dict[tuple[str, str], tuple[ObjectInfo, ...]] = {}

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        kept = self._kept.get((prefix, after))
        if kept is not None:
            return iter(kept)
        names = self._store.list(prefix, after=after)
        first = tuple(islice(names, MOST_KEPT))
        if len(first) < MOST_KEPT:
            self._kept[prefix, after] = first
        return chain(first, names)

    def read(self, key: str) -> StoredObject | None:
        return self._store.read(key)

    def open(self, key: str) -> OpenObject | None:
        return self._store.open(key)

    def stat(self, key: str) -> ObjectStat | None:
        return self._store.stat(key)

    def write(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> Written | Refused:
        return self._store.write(
            key, body, if_absent=if_absent, if_match=if_match, metadata=metadata, content_type=content_type
        )

    def delete(self, keys: Iterable[str]) -> None:
        self._store.delete(keys)
